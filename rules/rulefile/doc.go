// Package rulefile reads rule files: TOML in, a rules.Policy and diagnostics
// out. It is the only place that reads them; serve, check and test all use it.
//
// A rule file has these tables, in any order; several files make one policy,
// their rules read in the order of the files:
//
//	judge_local = true          # also judge mail from this machine
//	recipient_delimiter = "+"   # what parts address extensions, as in Postfix
//	[reply]                     # defaults for replies
//	[tag]                       # the tag header, and Authentication-Results
//	[message]                   # whose Authentication-Results are believed
//	[list]                      # named lists for conditions, here or in files of their own
//	[profile.NAME]              # a bar that encryption must clear
//	[[rule]]                    # what is asked of whom
//	[[rule.except]]             # what the rule above does instead, where conditions hold
//	[[test]]                    # what the rules must do; read by package ruletest
//
// The facts of plugins are fields by the names plugin.NAME.KEY. Of which kind one is
// the plugin says; where that is not known, it is what conditions compare it with.
//
// # Limits
//
// A file, of rules or of a list, has at most 16 MiB. All rules together look at
// rules.MaxSupplied facts of plugins at most.
//
// # Sources
//
// RFC 5321 section 4.2 and RFC 3463 (reply codes), RFC 5322 section 2.2 (header
// field names), RFC 8601 sections 2.2 and 2.5 (authserv-ids).
//
// # Diagnostics
//
// Nothing is logged. All that is wrong is reported at once, each finding with
// its file and line, in the words of the rule file; a mistake in TOML alone, for what
// else is wrong may be so for that. Errors keep the policy from
// being used; warnings do not.
package rulefile
