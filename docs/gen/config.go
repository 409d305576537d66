package main

import (
	"fmt"
	"strings"
)

// setting is a key of tlswarden.toml.
type setting struct {
	key
	kind    string // of its value, as TOML calls it
	without string // what it is where the key is not given
	change  string // what puts a change in place
}

// configTable is a table of tlswarden.toml with its keys.
type configTable struct {
	title    string
	intro    string
	settings []setting
	// around is a configuration in which each example stands in the place of "KEY".
	around string
}

// What puts a change of the configuration in place.
const (
	reload  = "reload"
	restart = "restart"
)

// configTables describes all keys of tlswarden.toml.
func configTables() []configTable {
	return []configTable{topTable(), frontTable(), listenTable(), logTable(), controlTable(), pluginTable()}
}

func topTable() configTable {
	return configTable{
		title:  "Top of tlswarden.toml",
		intro:  "These stand above all tables. Paths are relative to the directory of the file.",
		around: "KEY\n",
		settings: []setting{
			{key{"rules", `rules = ["rules.d/*.toml"]`, "Rule files, by name or pattern. They make one policy, and are read in the order of the patterns, those of one pattern in the order of their names. Wildcards may stand in the last part of a pattern, and do not match names that begin with a dot. A pattern that no file matches is an error. The built-in rules tag plaintext and TLS below 1.2, observe what BCP 195 would refuse, and refuse nothing."}, "array of strings", "the built-in rules", reload},
			{key{"enforce", `enforce = "soft"`, "The safety catch. `full` does what the rules say, `soft` turns every reject into a defer, and `observe` only records what would be done."}, "string", "`full`", reload},
			{key{"on_failure", `on_failure = "accept"`, "What mail gets if no verdict can be made, because no rules are in place or something fails within: `defer` answers 4.3.0, `accept` lets it pass unjudged."}, "string", "`defer`", restart},
			{key{"milter", `[milter]`, "The milter, see below. A front end whose table is missing is not served."}, "table", "both, on loopback", restart},
			{key{"policy", `[policy]`, "The policy service, see below."}, "table", "both, on loopback", restart},
			{key{"log", `[log]`, "Where and how to log, see below."}, "table", "none", restart},
			{key{"control", `[control]`, "Where commands ask the daemon, see below."}, "table", "none", restart},
			{key{"plugin", `[plugin.lookup]`, "A plugin, see below."}, "table", "none", restart},
		},
	}
}

func controlTable() configTable {
	return configTable{
		title: "`[control]`",
		intro: "The daemon has two sockets by which commands ask it: `status`, which its group may use, so that a monitoring user that is a member of the group " +
			"`tlswarden` can run `tlswarden status`, and `reload`, which root and the daemon's own user may use.",
		around: "[control]\nKEY\n",
		settings: []setting{
			{key{"directory", `directory = "/run/tlswarden-two"`, "The directory of the sockets, which is made if it is not there. A second daemon on the same machine needs one of its own."}, "string", "the directory that the service manager makes (`RUNTIME_DIRECTORY`), which is `/run/tlswarden`", restart},
		},
	}
}

func frontTable() configTable {
	return configTable{
		title:  "`[milter]` and `[policy]`",
		intro:  "Both have these keys. Without both tables, the milter listens on `inet:127.0.0.1:8465` and the policy service on `inet:127.0.0.1:10465`.",
		around: "[milter]\nlisten = [\"inet:127.0.0.1:8465\"]\nKEY\n[policy]\nlisten = [\"inet:127.0.0.1:10465\"]\nKEY\n",
		settings: []setting{
			{key{"listen", `listen = ["inet:127.0.0.1:8465"]`, "Addresses to listen on: `inet:HOST:PORT`, with an IPv6 address in brackets, or `unix:PATH`. An entry may be a table, see below. A table without `listen` is an error."}, "array of strings and tables", "none", restart},
			{key{"max_connections", `max_connections = 500`, "How many connections each address serves at once, at most 100000. What is beyond is closed. Each takes a file descriptor; if there are fewer, the log warns at the start."}, "integer", "2000", restart},
		},
	}
}

func listenTable() configTable {
	return configTable{
		title:  "An entry of `listen`",
		intro:  "`mode`, `owner` and `group` are for unix-domain sockets. A socket that systemd passes has those of its unit instead. On systems other than Linux, the directory must be one to which only root, or the daemon's user, can write. `origin` and the keys below it tell how the mail server that asks there behaves, most of them by the names that postconf(5) gives them; `tlswarden setup` fills them in. Postfix's milter entries need none of them, since Postfix sends milters the finished address; the policy service and Sendmail do.",
		around: "[milter]\nlisten = [\"inet:127.0.0.1:8465\", { address = \"unix:/run/tlswarden/milter\", KEY }]\n",
		settings: []setting{
			{key{"address", `address = "unix:/run/tlswarden/milter"`, "The address, as above."}, "string", "none", restart},
			{key{"mode", `mode = "0660"`, "Permissions of the socket's file, in octal digits. Who may write to it may connect."}, "string", "`0660`", restart},
			{key{"owner", `owner = "tlswarden"`, "Its owner, by name or number. To give it to another user takes root."}, "string", "the daemon's user", restart},
			{key{"group", `group = "postfix"`, "Its group, by name or number. The daemon's user must be in that group, or root."}, "string", "the daemon's group", restart},
			{key{"passed", `passed = true`, "Whether the address is only served if systemd passes a socket for it. Where none is passed, the entry is left out. So one configuration does with and without a socket unit that is not always enabled."}, "boolean", "`false`", restart},
			{key{"origin", `origin = "example.com"`, "The domain of addresses that have none, Postfix's `myorigin`. Without it, only the local part of such an address is known: an entry `user@` matches it, and a rule on any other entry that would reject defers instead. In tests and in `explain`, an address that is given as a fact stands as it is; `explain --request` reads addresses as the first entry of `[policy]` tells."}, "string", "none", restart},
			{key{"mydomain", `mydomain = "example.com"`, "What `append_dot_mydomain` appends."}, "string", "none", restart},
			{key{"append_dot_mydomain", `append_dot_mydomain = false`, "Whether `user@host` is taken for `user@host.mydomain`; `true` needs `mydomain`. Releases of Postfix differ in their default, so where this is not given the domain of `user@host` is unknown."}, "boolean", "none", restart},
			{key{"swap_bangpath", `swap_bangpath = false`, "Whether `host!user` is taken for `user@host`."}, "boolean", "`true`", restart},
			{key{"allow_percent_hack", `allow_percent_hack = false`, "Whether `user%host` is taken for `user@host`."}, "boolean", "`true`", restart},
			{key{"proxy_filter", `proxy_filter = true`, "Policy service only. Set it to `true` if any smtpd service that asks here has `smtpd_proxy_filter`. Postfix then ignores the HOLD by which the policy service quarantines, and delivers, so such mail is deferred (451 4.3.5). If `check_policy_service` also stands in `smtpd_data_restrictions`, tlswarden finds out by itself."}, "boolean", "`false`", restart},
		},
	}
}

func logTable() configTable {
	return configTable{
		title:  "`[log]`",
		around: "[log]\nKEY\n",
		settings: []setting{
			{key{"to", `to = "syslog"`, "`stderr` for standard error, which systemd takes to the journal, or `syslog` with facility mail. While syslog cannot be reached, lines go to standard error."}, "string", "`stderr`", restart},
			{key{"format", `format = "json"`, "`logfmt` for lines of `key=value`, or `json` for an object a line."}, "string", "`logfmt`", restart},
			{key{"level", `level = "warning"`, "The least that is logged of the daemon's own messages: `debug`, `info`, `warning` or `error`. Decisions are always logged."}, "string", "`info`", restart},
		},
	}
}

// writeConfig describes the configuration, but for the keys of plugins, which have
// their place beside what rules say of their facts.
func writeConfig(b *strings.Builder) {
	b.WriteString("\n## The configuration\n\nThe daemon's configuration, tlswarden.toml, is another file than those of rules. " +
		"What a *reload* (`tlswarden reload`, or `SIGHUP`) puts in place and what takes a *restart* is said of each key. " +
		"All keys may be left out but `listen`, and `path` of a plugin. The keys of plugins are [above](#pluginname-in-tlswardentoml).\n")
	for _, t := range configTables() {
		if t.title != pluginTitle {
			writeConfigTable(b, t)
		}
	}
}

func writeConfigTable(b *strings.Builder, t configTable) {
	fmt.Fprintf(b, "\n### %s\n\n", t.title)
	if t.intro != "" {
		b.WriteString(t.intro + "\n\n")
	}
	head(b, "key", "type", "default", "example", "change", "meaning")
	for _, s := range t.settings {
		row(b, code(s.name), s.kind, s.without, code(s.example), s.change, s.meaning)
	}
}
