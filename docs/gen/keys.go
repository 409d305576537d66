package main

// key is one key of a table of rule files.
type key struct {
	name    string
	example string // one line of TOML that sets it
	meaning string
}

// table is a table of rule files with its keys.
type table struct {
	title string
	intro string
	keys  []key
	// around is a rule file in which each example stands in the place of "KEY".
	around string
}

// A rule that lacks nothing, for the examples that stand beside it.
const (
	requiring = "[reply]\nurl = \"https://example.org/tls\"\n[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n"
	stepping  = "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\nrollout = [{ from = 2027-01-01, KEY }]\n"
	withTest  = requiring + "[[test]]\nname = \"t\"\nexpect = { action = \"reject\" }\n"
)

// tables describes all keys of rule files.
func tables() []table { return append(ruleTables(), otherTables()...) }

func ruleTables() []table {
	return []table{
		{
			title:  "Top of a file",
			intro:  "These stand above all tables. Several rule files make one policy; `[reply]`, `[tag]` and `[message]` stand in one of them only.",
			around: "KEY\n" + requiring,
			keys: []key{
				{"judge_local", `judge_local = true`, "Judge mail from this machine, too: loopback, unix-domain sockets, `sendmail(1)`. Without it a built-in rule `local`, before all others, accepts it."},
				{"recipient_delimiter", `recipient_delimiter = "+"`, "Characters that part an address extension from the name, as in Postfix's main.cf; `\"\"` for none. An entry `user@example.org` holds for `user+news@example.org`, too; an entry with an extension holds for that one only. By default `+`."},
				{"reply", `[reply]`, "Defaults for replies, see below."},
				{"tag", `[tag]`, "The tag header, and `Authentication-Results`, see below."},
				{"message", `[message]`, "What is believed of messages, see below."},
				{"list", `[list]`, "Named lists, see below."},
				{"profile", `[profile.partner]`, "A profile of your own, see below."},
				{"rule", `[[rule]]`, "A rule, see below. Rules are read from top to bottom, files in the order of their names."},
				{"test", `[[test]]`, "A test of the rules, see below."},
			},
		},
		{
			title:  "`[[rule]]`",
			intro:  "A rule has either `action`, or `require` with `otherwise`.",
			around: "[reply]\nurl = \"https://example.org/tls\"\n[[rule]]\nKEY\n",
			keys: []key{
				{"name", `name = "partners"`, "What the log, the counts and tests call the rule. Each rule has its own; at most 100 bytes."},
				{"when", `when = { sender_domain = "example.org", tls = true }`, "Conditions on [fields](#fields) and [facts of plugins](#facts-of-plugins), which must all hold. Without it the rule applies to all mail."},
				{"action", `action = "accept"`, "What is done when the rule applies: see [actions](#actions). `accept` exempts: the reading ends."},
				{"require", `require = "bcp195"`, "The profile that the session must meet when the rule applies: a [built-in one](#built-in-profiles) or one of `[profile.NAME]`. If it does, the reading goes on."},
				{"otherwise", `otherwise = "reject"`, "What is done if it does not: `tag`, `quarantine`, `defer` or `reject`."},
				{"except", `[[rule.except]]`, "An exception of the rule, see below."},
				{"on_unknown", `on_unknown = "defer"`, "What is done when a fact is missing that the rule looks at: `accept`, `tag` or `defer`. With `require`, `accept` means: go on. Without this key, a rule whose `when` depends on it is passed over (if that rule is an exemption, later rejects become defers), and a requirement that depends on it turns a reject into a defer."},
				{"observe", `observe = true`, "Record what the rule would have done, and do nothing: mail fares as if the rule were not there."},
				{"rollout", `rollout = [{ from = 2027-01-01, observe = true }, { from = 2027-02-01 }]`, "Steps by date, see below."},
				{"expires", `expires = 2027-01-31`, "The last day of the rule, in the daemon's time zone. Afterwards it is passed over. From 14 days before, `check` and the log warn."},
				{"reply", `reply = "{shortfall}, see {url}"`, "Text of the answer, one line of at most 450 ASCII characters, with [placeholders](#placeholders). By default it says what was seen and what is needed."},
				{"code", `code = 550`, "SMTP reply code. By default 530 for plaintext and 554 for weak TLS, or 450 and 451 where mail is deferred."},
				{"status", `status = "5.7.0"`, "Enhanced status code. Its first digit is that of `code`. By default 5.7.0 or 4.7.0."},
				{"tag", `tag = "below our standard"`, "Text of your own in the tag header."},
				{"owner", `owner = "postmaster"`, "Who answers for the rule."},
				{"note", `note = "replacing their server in January"`, "Why it is there."},
			},
		},
		{
			title:  "`[[rule.except]]`",
			intro:  "An exception belongs to the rule above it. Where its conditions hold, it replaces what that rule does; it changes nothing for any other rule. Of several, the first that holds counts. Where a fact is missing that it looks at, a reject of the rule becomes a defer.",
			around: "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n[[rule.except]]\nwhen = { client = \"192.0.2.1\" }\nKEY\n",
			keys: []key{
				{"when", `when = { sender_domain = "dentist.example", client = "198.51.100.25" }`, "Conditions, as those of a rule, which must all hold."},
				{"otherwise", `otherwise = "quarantine"`, "What the rule does instead: `tag`, `quarantine`, `defer` or `reject`. Without it the mail passes this rule. A step of a rollout that does less does so for this mail, too."},
				{"expires", `expires = 2027-01-31`, "The last day of the exception. Afterwards it is passed over. From 14 days before, `check` and the log warn."},
				{"owner", `owner = "postmaster"`, "Who answers for the exception."},
				{"note", `note = "replacing their server in January"`, "Why it is there."},
			},
		},
		{
			title:  "Steps of `rollout`",
			intro:  "Before its first step a rule is as under `observe`. A step without keys but `from` is the rule in full.",
			around: stepping,
			keys: []key{
				{"from", `from = 2027-02-01`, "The day, or the moment, at which the step begins. Steps stand in their order."},
				{"action", `action = "tag"`, "What is done in place of the rule's `otherwise` or `action`: `tag`, `quarantine`, `defer` or `reject`."},
				{"observe", `observe = true`, "Record only."},
				{"percent", `percent = 10`, "Do it to this share of senders, from 1 to 100: always the same sender domains (client networks where the sender is null). The others get the step before."},
			},
		},
	}
}

func otherTables() []table {
	return []table{
		{
			title:  "`[profile.NAME]`",
			intro:  "Every profile demands encryption, and fails a suite known to be NULL. What is not given is not demanded, or is as in `base`.",
			around: "[[rule]]\nname = \"r\"\nrequire = \"p\"\notherwise = \"reject\"\n[profile.p]\nKEY\n",
			keys: []key{
				{"base", `base = "bcp195"`, "The profile to start from."},
				{"min_version", `min_version = "TLSv1.2"`, "The oldest TLS version that passes."},
				{"min_bits", `min_bits = 128`, "The fewest effective key bits. They are those of the suite, not those that the mail server reports: releases of OpenSSL differ."},
				{"forward_secrecy", `forward_secrecy = true`, "The key exchange must be ephemeral."},
				{"aead", `aead = true`, "Authenticated encryption only: GCM, CCM, ChaCha20-Poly1305."},
				{"ciphers", `ciphers = ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"]`, "Only these suites pass."},
				{"forbid_ciphers", `forbid_ciphers = ["DES-CBC3-SHA"]`, "These suites fail."},
				{"client_cert", `client_cert = "trusted"`, "`any`: the client must send a certificate. `trusted`: and the server must have verified it. Postfix shows that by the names in the certificate: see `cert_verified`."},
				{"cert_names", `cert_names = ["mx.example.org"]`, "Common names of the client certificate that pass. `*.example.org` and `.example.org` are all names below the domain."},
				{"cert_issuers", `cert_issuers = ["Example CA"]`, "Common names of its issuer that pass, in the same forms."},
				{"cert_fingerprints", `cert_fingerprints = ["61:9f:5b:0e:55:ab:90:38:cf:c6:e1:47:2e:d9:a4:0a:61:9f:5b:0e:55:ab:90:38:cf:c6:e1:47:2e:d9:a4:0a"]`, "Fingerprints of the client certificate that pass. From Postfix by the policy service, from Sendmail by the milter; the digest is what the mail server is set to."},
				{"cert_key_fingerprints", `cert_key_fingerprints = ["61:9f:5b:0e:55:ab:90:38:cf:c6:e1:47:2e:d9:a4:0a:61:9f:5b:0e:55:ab:90:38:cf:c6:e1:47:2e:d9:a4:0a"]`, "Fingerprints of its public key, which survive a renewal with the same key. Postfix only, by the policy service."},
			},
		},
		{
			title:  "`[list]`",
			intro:  "Each key is the name of a list, for `\"@name\"` in conditions and profiles. Its value is an array of entries, in the forms that the condition takes, or a table with these keys. Behind an entry, and a blank, may stand `until=2027-01-31`, its last day, and `owner=NAME`, who answers for it; so an exception for a while is one line of a file: `dentist.example until=2027-01-31 owner=postmaster`. From 14 days before, `check` and the log warn.",
			around: "[list]\nl = { file = \"LIST\", KEY }\n[[rule]]\nname = \"r\"\nwhen = { helo = \"@l\" }\naction = \"tag\"\n",
			keys: []key{
				{"file", `file = "partners.txt"`, "A file with one entry a line and comments from `#` on, relative to the rule file. It is read again at each reload."},
				{"allow_empty", `allow_empty = true`, "That the file has no entry is no mistake."},
			},
		},
		{
			title:  "`[reply]`",
			around: "[reply]\nKEY\n[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n",
			keys: []key{
				{"url", `url = "https://example.org/tls"`, "What `{url}` stands for in replies."},
				{"plaintext", `plaintext = "{shortfall}, use STARTTLS"`, "Text for mail in plaintext, where the rule has no `reply` of its own."},
				{"weak", `weak = "{shortfall}; needed is {required}"`, "Text for TLS that is too weak."},
				{"certificate", `certificate = "{shortfall}"`, "Text where only the client certificate is at fault."},
				{"unknown", `unknown = "{shortfall}, try again later"`, "Text where it is not known whether the session is good enough."},
			},
		},
		{
			title:  "`[tag]`",
			around: "[tag]\nKEY\n[[rule]]\nname = \"r\"\naction = \"tag\"\n",
			keys: []key{
				{"header", `header = "X-TLS-Policy"`, "Name of the tag header; this is the default. Copies that came from outside are removed by the milter."},
				{"on", `on = "all"`, "`tagged` (default): only tagged mail gets it. `all`: all judged mail does, with `pass` or `fail`."},
				{"authserv_id", `authserv_id = "tls.example.com"`, "Mail that gets the tag header also gets `Authentication-Results` under this id (RFC 8601), with the result `x-tls`: `fail` if a rule tagged or quarantined it, else `pass` if it came encrypted and `none` if not. What comes in under the id is removed as forged, so the id must be tlswarden's alone. The milter only."},
			},
		},
		{
			title:  "`[message]`",
			intro:  "For rules on `message.spf`, `message.dkim` and `message.dmarc`, which others find out.",
			around: "[message]\nKEY\n[[rule]]\nname = \"r\"\nwhen = { message.dkim = \"fail\" }\naction = \"tag\"\n",
			keys: []key{
				{"trusted_authserv_ids", `trusted_authserv_ids = ["spf.example.com", "dkim.example.com"]`, "Whose `Authentication-Results` are believed. Each filter stands before tlswarden in `smtpd_milters` or `INPUT_MAIL_FILTERS`, removes what comes in under its id, and answers for its id: the fields of one id complement each other. A method that stands in two of them is unknown, and if they contradict each other all of these facts are, since one may be forged. So they are if a field cannot be read. A result that is not registered for its method (`tempfail`, `hardfail`, `bestguesspass`) leaves that method unknown."},
			},
		},
		{
			title:  "`[[test]]`",
			intro:  "`tlswarden test` and `check` run them. A reload whose tests fail changes nothing.",
			around: withTest + "session = { tls = false }\nKEY\n",
			keys: []key{
				{"name", `name = "TLS 1.1 is refused"`, "What the test is called."},
				{"session", `session = { client = "198.51.100.7", tls_version = "TLSv1.1" }`, "The facts, by the names of [fields](#fields). What is not given is unknown if it belongs to TLS, the message or a plugin, and else empty; where TLS is given and nothing of a certificate, there was none; `listener.*` is true, and `now` is the time of the run. `tls_version` or `cipher` implies `tls = true`."},
				{"expect", `expect = { action = "reject" }`, "What must come of it, see below."},
			},
		},
		{
			title:  "`expect` of a test",
			intro:  "Only what is given is compared.",
			around: requiring + "[[test]]\nname = \"t\"\nsession = { tls = false }\nexpect = { KEY }\n",
			keys: []key{
				{"action", `action = "reject"`, "What is done."},
				{"rule", `rule = "r"`, "The rule that said so; `\"\"` for none."},
				{"would", `would = "accept"`, "What rules under `observe` would have done."},
				{"would_rule", `would_rule = ""`, "Which of them."},
				{"code", `code = 530`, "SMTP reply code."},
				{"status", `status = "5.7.0"`, "Enhanced status code."},
				{"reply", `reply = "/no encryption/"`, "Text of the reply, or a regular expression between slashes."},
				{"tag", `tag = ""`, "Value of the tag header, or a regular expression between slashes; `\"\"` for no header."},
				{"results", `results = ""`, "Value of `Authentication-Results`, likewise."},
			},
		},
	}
}
