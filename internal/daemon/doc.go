// Package daemon runs tlswarden: it reads the configuration, opens the log and
// the listeners, joins the front ends to the gate, reloads the rules, and drains
// connections at the end.
//
// The configuration is one TOML file; paths in it are relative to it. Without a
// file both front ends listen on loopback, under rules that only tag and log.
//
// Signals: SIGHUP reads rules and enforce anew and puts them in place at once,
// or, if anything is wrong with them, logs all of it and keeps the policy that
// runs. SIGUSR1 logs the counts of the rules. SIGTERM and SIGINT drain: no new
// connections, what is under way is finished.
//
// # Limits
//
// Listeners and the log are set up once: a change of theirs needs a restart.
// Draining takes at most 20 seconds.
//
// # Diagnostics
//
// A configuration that cannot be read, or an address that cannot be listened on,
// keeps the daemon from starting. Rules that cannot be read do not: the error is
// logged, and mail is answered by on_failure until a reload brings good ones.
// "ready" is logged when all listeners accept, "stopped" at the end.
package daemon
