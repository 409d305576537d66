// Package setup hooks tlswarden into a Postfix or Sendmail that is there, and takes
// it out again: it edits smtpd_milters and smtpd_recipient_restrictions of main.cf,
// and INPUT_MAIL_FILTER of sendmail.mc. It also fills in the keys of tlswarden.toml
// that tell how the mail server reads addresses, for the entries of listen that it
// asks: for the policy service by main.cf, and for the milter by Sendmail's class w.
// Postfix needs no keys for the milter, which it sends the mailbox; only the domain
// of an address literal stays unknown there.
//
// A change of main.cf is made in its text, so that all else stays byte for byte, and
// taking tlswarden out gives the same text again. Before it is shown, postconf(1)
// reads both texts, and they must differ in entries of ours alone. The policy service
// goes in front of whatever ends its list for mail from outside, or may end it: behind
// that it would not be asked. The entries are those of package
// packaging, with the address of the daemon's configuration. Entries of ours are
// recognised by their address, whatever their options; those of others are kept as
// they are written. In tlswarden.toml each entry is edited in its place; if then
// anything but the keys differs, the file is left alone, and a note has what to
// write. Keys stay when tlswarden is taken out: they do no harm.
//
// Limits: Postfix 3.0 or newer, whose lists have braces. What master.cf sets for
// one service by -o is looked at and never changed. What a table answers is not
// looked up, unless it is static: one that may permit is taken for one that does.
// A smtpd_milter_maps that is not static may have tlswarden asked, or not: that is
// not told. Permissions of sockets are told by their mode, not by access control
// lists; those of the files that are changed are kept, on Linux.
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
// knowing and no error is in Change.Notes. Where a mail server does not
// ask though its files name tlswarden, and where nothing answers, is in Status.Not.
// Programs that hang are ended after a time, which is an error. Nothing here starts, stops or reloads a mail server.
package setup
