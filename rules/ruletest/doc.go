// Package ruletest runs the [[test]] tables of rule files.
//
// A test names facts of a session, by the names of the catalogue, and what it
// expects of the verdict:
//
//	[[test]]
//	name    = "TLS 1.1 is refused"
//	session = { sender = "a@example.org", tls_version = "TLSv1.1", cipher = "AES128-SHA" }
//	expect  = { action = "reject", rule = "everyone" }
//
// A fact that is not given is unknown if it belongs to TLS, the message or a plugin,
// and else known to be empty. A tls_version or cipher implies tls = true; tls = false makes all other
// TLS facts known to be empty; with tls = true the certificate facts that are not
// given are known to be empty. The facts listener.* are true unless given, and
// now is the time of the run.
//
// # Limits
//
// A test describes one recipient of one message.
//
// # Diagnostics
//
// Nothing is logged. A test that cannot be read is a diagnostic with file and
// line; a test that fails is a list of what differs.
package ruletest
