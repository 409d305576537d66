// Package mtatest runs tlswarden behind real mail servers.
//
// It starts a private Postfix and a private Sendmail on loopback ports, hooks
// a tlswarden daemon up to them with the settings that an administrator would
// use, speaks SMTP to them, and compares what happened with small case files:
// the replies, the messages delivered, and the daemon's decision log.
// README.md beside this file describes the case files.
//
// Nothing of the system's own mail setup is read or changed. Everything lives
// in temporary directories and is removed by Stop, and every process started
// is ended by it.
//
// Limits: Linux, run as root (both servers switch users), Postfix 3.4 or newer
// installed, Sendmail 8.14 or newer unpacked in a directory; install.sh beside
// this file fetches both. Sendmail knows no users: a client logs in to it with
// a certificate. Mail for example.com is delivered into files by recipient;
// mail for any other domain is refused or discarded, and nothing is ever sent
// to another machine.
//
// Sources: postconf(5), master(5) and the XCLIENT and SASL READMEs of Postfix;
// cf/README and the Sendmail Installation and Operation Guide; the Dovecot
// authentication protocol 1.1.
//
// # Diagnostics
//
// The package logs nothing. Functions return errors that name the server or
// the case file and line. A server that is not installed gives an error that
// wraps ErrNotInstalled. A case that fails returns what differed, followed by
// the SMTP dialogue, the daemon's log and the end of the server's log.
package mtatest
