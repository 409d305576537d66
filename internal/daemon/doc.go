// Package daemon runs tlswarden: it reads the configuration, opens the log and
// the listeners, starts plugins, joins the front ends to the gate, reloads the
// rules, and drains connections at the end.
//
// Mail is answered at once, and plugins start meanwhile. The rules are read first
// with facts of the kinds that they take them for, and again by themselves, without
// the configuration, when a plugin tells what it offers, be it at the start, later, or
// as another version. A fact of another kind than the rules in place take it for is
// unknown.
//
// The configuration is one TOML file; paths in it are relative to it. Without a
// file both front ends listen on loopback, under rules that only tag and log.
//
// Signals: SIGHUP reads rules and enforce anew and puts them in place at once,
// or, if anything is wrong with them, logs all of it and keeps the policy that
// runs. It makes plugins forget what they have answered, too. SIGUSR1 logs the
// counts of the rules and how plugins do. SIGTERM and SIGINT drain: no new
// connections, what is under way is finished; a second one ends the process at once.
// Signals that come during a reload are not lost, but several of one kind are one.
//
// What the gate has seen on listeners outlives a restart in the file listeners.json in
// the directory that STATE_DIRECTORY names: JSON, with mode 0640 less the mask. It is
// written at the start and at the end, and in between when a listener has shown
// something new, or what is written is an hour old: it is looked at twice a minute.
//
// Commands ask the daemon at two sockets (package control), in the directory that
// [control] names or else in that of RUNTIME_DIRECTORY. The main loop answers them, so
// that a reload which is asked for is one like any other.
//
// A copy of the rules that were loaded last without an error is kept in the same
// directory as what was seen (package lastgood). A start whose rules do not load puts it
// in place.
//
// Under systemd the sockets that it passes are taken over, each by the listen entry
// that names its address. Entries with passed = true are for sockets that only it
// can open, and are left out where it passes none. The service manager hears of readiness, reloads and the
// end. Signs of life come from the main loop, after the policy in place has made a
// decision.
//
// # Limits
//
// Listeners, their limits, the log, on_failure and plugins are set up once: a change
// of theirs needs a restart. Whether plugins tell something new is looked at four
// times a second. Draining takes at most 20 seconds, before which connections that
// came last have 2 to ask and be answered.
//
// # Diagnostics
//
// A configuration that cannot be read, an address that cannot be listened on, or having
// nothing to listen on, keeps the daemon from starting. Rules that cannot be read do
// not: the error is logged, and mail is answered by on_failure until a reload brings
// good ones. Nor do plugins: what keeps one from working is an error in the log with
// its place, and its facts are unknown until it does. "ready" is logged when all
// listeners accept, "stopped" at the end. Warning: fewer file descriptors than
// connections may come; a service manager that cannot be reached; what was seen that
// cannot be read, or cannot be written, once an hour, and mail goes on; rules that are
// read without knowing what a plugin offers that has failed to start. Info: the rules
// are loaded with what plugins offer; there is no state directory, and nothing is kept.
// Error: a passed socket that no listen entry names, to which connections are closed;
// rules that are then not in order, or tests fail that passed before, and the policy
// that runs stays. A log that takes nothing, or that nobody reads, stops neither mail nor
// the daemon: lines that are lost are counted, and the log is told once it is back.
// A syslog that is not there, at the start or later, does not either: standard error is
// told, and has the lines until syslog is back, which is told how many it lacks.
package daemon
