package main

import (
	"fmt"
	"strings"

	"tlswarden/rules"
)

// pluginTitle is the title of the table of a plugin's keys.
const pluginTitle = "`[plugin.NAME]` in tlswarden.toml"

// pluginTable describes the keys of [plugin.NAME] in tlswarden.toml.
func pluginTable() configTable {
	return configTable{
		title:  pluginTitle,
		intro:  "The name is the NAME of `plugin.NAME.KEY`: at most 64 lower-case letters, digits and `_`, the first one a letter.",
		around: "[plugin.lookup]\nKEY\n",
		settings: []setting{
			{key{"path", `path = "/usr/lib/tlswarden/plugins/lookup"`, "The program, with its whole path. Nobody but root and the daemon's user may be able to write it or the directories above it."}, "string", "none", restart},
			{key{"args", `args = ["--verbose"]`, "Arguments of the program."}, "array of strings", "none", restart},
			{key{"sha256", `sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`, "The program's checksum, as `sha256sum` prints it; another program is not started."}, "string", "none", restart},
			{key{"env", `env = { HTTPS_PROXY = "http://192.0.2.1:3128" }`, "Variables of its environment, which else has `PATH` and `LANG` alone. Those whose names begin with `PLUGIN_` or `TLSWARDEN_` are the daemon's."}, "table", "none", restart},
			{key{"mtls", `mtls = false`, "Whether the socket is encrypted and both sides prove who they are, with certificates made anew at each start. A plugin in another language than Go may not be able to; the directory of the socket is the daemon's alone in any case."}, "boolean", "`true`", restart},
			{key{"timeout", `timeout = "500ms"`, "How long a question may take, at most 8 s for a whole decision. Afterwards the facts are unknown."}, "string", "`2s`", restart},
			{key{"concurrency", `concurrency = 20`, "How many questions it gets at once, at most 1000. Facts that would take more are unknown."}, "integer", "100", restart},
			{key{"cache", `cache = 1000`, "How many of its answers are kept, at most 1000000, for as long as the plugin says. A reload forgets them."}, "integer", "10000", restart},
			{key{"settings", `settings = { file = "/etc/tlswarden/partners.csv" }`, "What the plugin itself is told, also as `[plugin.NAME.settings]`: its own documentation says which keys there are. What it finds wrong with them `check` reports with their line."}, "table", "none", restart},
		},
	}
}

func writePlugins(b *strings.Builder) {
	fmt.Fprintf(b, `
### Facts of plugins

A plugin is a program that the daemon starts, and that knows what mail servers do not: a partner database, a directory,
the DNS. Its facts are fields, too: `+"`plugin.NAME.KEY`"+`, where NAME is that of `+"`[plugin.NAME]`"+` in tlswarden.toml and KEY a
fact that the plugin offers.

`+"```toml"+`
[[rule]]
name   = "exempt by contract"
when   = { plugin.lookup.exempt = true, tls = true }
action = "accept"

[[test]]
name    = "who is exempt may use old TLS"
session = { tls_version = "TLSv1", cipher = "AES128-SHA", plugin.lookup.exempt = true }
expect  = { action = "accept" }
`+"```"+`

A plugin says of which kind its facts are: text, name, domain, number, boolean, address, mailbox or time. It is asked only
when the reading comes to a rule that looks at one of them, with all others of it that rules look at. Plugins that one
rule wants are asked together, those of different rules one after another, and all of them within 8 seconds for one
answer to the mail server. A fact is unknown if the plugin does not know it, does not answer in time, or does not run. So a rule
that exempts by it softens later rejects while the plugin is down, unless the rule says `+"`on_unknown`"+`. All rules together
look at %d facts of plugins at most.

A plugin is told addresses as rules compare them, with and without what `+"`recipient_delimiter`"+` parts. Where it would need
an address whose mailbox is unknown because of how the client wrote it, it is not asked; then a rule on its facts, unless it
exempts, judges the mail as if it applied, but defers what it would reject.

`+"`tlswarden check --config`"+` starts the plugins, and reports a name that there is not and an entry of the wrong kind. Where a
plugin is not there to ask (`+"`check`"+` and `+"`test`"+` of files, `+"`--no-plugins`"+`, or a plugin that does not start), any name is taken, and the
kind of the fact is what the entries of all conditions on it tell: a boolean by true or false, a number or a time by such
an entry or a comparison, an address if all entries are addresses or CIDR blocks, a domain if one begins with a dot, else
a name. In a `+"`[[test]]`"+` and in `+"`explain --fact`"+`, facts of plugins are given by hand; what is not given is unknown. With
`+"`explain --config FILE --plugins`"+` the plugins are asked.
`, rules.MaxSupplied)
	writeConfigTable(b, pluginTable())
}
