// Package message reads what a mail message says of itself, as it passes: its
// header fields one by one, then its body in pieces cut anywhere. Memory is
// bounded, whatever comes, and no more of a body is asked for than is needed.
//
// # Encrypted
//
// The fact is evidence of structure, not proof: nothing is decrypted, and anyone
// can send a part that looks like this beside text that all can read. One part
// suffices, for mailing lists add footers and gateways add notes.
//
//	smime    application/pkcs7-mime or application/x-pkcs7-mime with the
//	         smime-type enveloped-data or authEnveloped-data, unless its content
//	         begins as other CMS; without a smime-type that tells, if the content
//	         begins as CMS EnvelopedData or AuthEnvelopedData. So does an
//	         application/octet-stream that is called .p7m (RFC 8551 section
//	         3.9). Signed, compressed and certificates-only are not encrypted, if
//	         the content says so, too.
//	pgp      multipart/encrypted for application/pgp-encrypted, or a part of that
//	         type in another multipart, as gateways leave it; a part that is
//	         text/plain or has no type, and whose first line that is not blank
//	         is -----BEGIN PGP MESSAGE-----
//	no       all was read as far as needed, and nothing of this found
//	unknown  the message cannot be read in one way only
//
// One part that is found decides. What is attached as message/rfc822 is not looked
// into: that somebody forwards an encrypted message does not encrypt theirs. A
// message whose end is missing is judged by what is there.
//
// # Doubt
//
// An encrypted message may be exempt from a rule, and one that is not may be
// rejected by it, so doubt never says that a message is the one or the other.
// Fields are read as RFC 2045 has them, with comments and folds between all tokens.
// What is not of that form is read where all readers read it in one way: special
// characters without quotes, a parameter given twice with one value, parameters
// that do not count here, whatever they are.
//
// Where the parts of a message are in doubt, all of it is, unless something was
// found before: two Content-Type fields that say different things; a multipart
// whose type or boundary cannot be read in one way, which has no boundary or one of
// over 200 octets, or is itself encoded (RFC 2045 section 6.4); a boundary that
// could be that of an enclosing multipart, or of which some readers trim the ends; a line that begins like a delimiter and
// goes on (RFC 2046 section 5.1.1); a delimiter after a CR that no LF follows, and
// such a CR in a header, for it ends a line to some readers; a comment that a reader
// without comments takes for a parameter that counts; a line in the header of a part
// that is no field, or of 4 KiB; one of the fields that are read with more than 8
// KiB; the 17th multipart within another; the 1001st part.
//
// Where one part is in doubt, the others may still decide, and if they do not, the
// message is in doubt, too: a type that has no slash, or more words; a
// Content-Transfer-Encoding that is none of the five, or has more words, of what
// would be decoded; a name that not all readers take for one of S/MIME; content that
// is called S/MIME and is no CMS, or not of a type that is known to be in the clear,
// or of another than its smime-type says; EnvelopedData in application/cms or a type
// whose name resembles that of S/MIME, and a PGP message in application/pgp; a type
// whose name resembles that of PGP/MIME; the first line of a PGP message among octets
// that a reader may pass over: a byte order mark, escape sequences, blanks, controls,
// what is not ASCII, or with CR alone at the end of lines; text in a charset that is
// not ASCII where it looks so, such as UTF-7 and EBCDIC, or that is not known here;
// base64 that goes on after padding, and quoted-printable that breaks off, if what
// precedes does not tell; a part whose header no blank line ends; a multipart in which
// no part begins; multipart/encrypted for another protocol.
//
// # TLS-Required
//
// RFC 8689 section 3 defines one value, "No", in any case. A field with another
// word asks for nothing; one with anything but a word and comments is unknown. There
// must not be more than one field; if there is, whatever they say, the fact is
// unknown. Under REQUIRETLS the field has no meaning (RFC 8689 section 4.1), for
// which callers have a fact of its own.
//
// # Results of SPF, DKIM and DMARC
//
// Only Authentication-Results of the authserv-ids that are trusted count, and
// only if the MTA itself adds them and drops those that come from outside (RFC
// 8601 section 5). What makes all three unknown: no field of a trusted id; two
// fields of one trusted id that contradict each other, as one may be forged: they
// say different things of a method, or one says "none" and the other does not; a
// field of a trusted id that breaks the grammar, directly after the id or later, as
// it may contradict any other. Else the fields of one id complement each other:
// opendmarc writes two. A method that stands in two of them is unknown, even if
// both say the same: a filter that is silent leaves forged ones only.
//
// A method that is not mentioned was not evaluated and is unknown, unless an id
// says nothing but "none". Where trusted ids say different things of a method it is
// unknown; where one is silent, the other counts. A word that is not registered for
// the method, or is deprecated ("hardfail", RFC 6577), leaves it unknown. Several
// results of DKIM are several signatures: "pass" if one passes, else what may pass
// yet ("temperror"), else the first. Several of SPF (HELO and MAIL FROM) or DMARC
// that differ are unknown, for anybody passes SPF with a HELO name of their own.
// DKIM and SPF say nothing of the author's domain; DMARC does. What another version
// of a method says does not count (RFC 8601 section 2.6).
//
// The values of properties may hold octets that the grammar wants quoted, which
// common filters leave bare (header.b=Ab/c=, smtp.mailfrom=a@example.org), but
// never a blank, a semicolon, a parenthesis or a backslash; or they are empty.
//
// # Limits
//
// 4 KiB of a line and 4 KiB of the beginning of a part are looked at. A scanner
// holds 32 KiB at most; nothing for what is not asked for.
//
// # Sources
//
// RFC 2045, 2046, 2047, 2183, 2231 (MIME), 8551 (S/MIME), 5652, 5083 and 3274 (CMS),
// 3156 and 9580 (OpenPGP), 8601 and the registry "Email Authentication Result Names"
// of IANA, 8689.
//
// # Diagnostics
//
// Nothing is logged and nothing fails: what cannot be read is an unknown fact.
package message
