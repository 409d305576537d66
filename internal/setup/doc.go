// Package setup hooks tlswarden into a Postfix or Sendmail that is there, and takes
// it out again: it edits smtpd_milters and smtpd_recipient_restrictions of main.cf,
// and INPUT_MAIL_FILTER of sendmail.mc. It also fills in the keys of tlswarden.toml
// that tell how the mail server reads addresses, for the entries of listen that it
// asks: for the policy service by main.cf, and for the milter by Sendmail's class w.
// Postfix needs no keys for the milter, which it sends the mailbox; only the domain
// of an address literal stays unknown there.
//
// A change is first made on a copy, Postfix's by postconf(1) itself, so that what
// is shown is byte for byte what will be written. The entries are those of package
// packaging, with the address of the daemon's configuration. Entries of ours are
// recognised by their address, whatever their options; those of others are kept as
// they are written. In tlswarden.toml each entry is edited in its place; if then
// anything but the keys differs, the file is left alone, and a note has what to
// write. Keys stay when tlswarden is taken out: they do no harm.
//
// Limits: Postfix 3.0 or newer, whose lists have braces. What master.cf sets for
// one service by -o is looked at and never changed; tables such as
// smtpd_milter_maps are not looked at. postconf(1) makes one line of a parameter
// that was spread over several. Permissions of sockets are told by their mode, not
// by access control lists.
//
// Sources: postconf(1), postconf(5), master(5), MILTER_README and
// SMTPD_POLICY_README and ADDRESS_REWRITING_README of Postfix; cf/README and the
// Installation and Operation Guide of Sendmail, and m4(1).
//
// # Diagnostics
//
// It logs nothing. Errors name the file, parameter or program, with what the
// program said. A change that a syntax check refuses is undone, and the error says
// what was refused; if even that fails the error names the backup. What is worth
// knowing and no error is in Change.Notes. Programs that hang are ended after a time,
// which is an error. Nothing here starts, stops or reloads a mail server.
package setup
