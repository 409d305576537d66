// Package rules decides what becomes of mail by how its SMTP session was
// encrypted: facts in, one verdict out, explained.
//
// A [Session] holds what is known of one recipient of one SMTP transaction. A
// [Policy] is an immutable list of [Rule] values that is read from top to
// bottom, as Postfix reads its restriction lists (access(5), smtpd(8)):
//
//   - a rule whose conditions do not hold is passed over;
//   - a rule that requires a [Profile] only ever tightens: if the session meets
//     the profile the reading goes on, else the rule's action is said;
//   - a rule that accepts only ever exempts: the reading ends;
//   - reject ends the reading too, the weaker actions are kept and the reading
//     goes on. The strongest action that was said is the [Verdict].
//
// An [Exception] belongs to its rule: where it holds, it replaces what the rule does,
// and nothing else. If it is not known whether it holds, a reject is a defer.
//
// Every fact is known or unknown, and the zero value is unknown, so that a fact
// nobody supplied never looks like plaintext or like an empty sender. What is
// unknown can delay mail but never bounce it. Neither can a temporary error of
// SPF, DKIM or DMARC, which is known, and yet may be anything at the next attempt:
// a condition that it does not meet is unknown, and a reject by a rule whose
// conditions it meets is a defer.
//
// # Limits
//
// Evaluation is total, pure and deterministic: no I/O, no clock (time is the
// fact "now"), no state. The same session and the same policy always give the
// same verdict. A Policy may be used by many goroutines at once; a Session
// belongs to one.
//
// # Sources
//
// RFC 3207 (STARTTLS and its reply codes), RFC 9325 as updated by RFC 10015 and
// RFC 8996 (profiles), RFC 5321 (mailboxes), RFC 5890 (domain names).
//
// # Diagnostics
//
// Nothing is logged here. Mistakes in values are errors of the constructors, in
// the words of the rule file and without a position, which package rulefile
// adds. Evaluation cannot fail.
package rules
