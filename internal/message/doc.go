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
//	         smime-type enveloped-data or authEnveloped-data; without smime-type,
//	         if the content begins as CMS EnvelopedData or AuthEnvelopedData.
//	         Signed, compressed and certificates-only are not encrypted.
//	pgp      multipart/encrypted for application/pgp-encrypted, or a part of that
//	         type in another multipart, as gateways leave it; a part that is
//	         text/plain or has no type, and whose first line that is not blank
//	         is -----BEGIN PGP MESSAGE-----
//	no       all was read as far as needed, and nothing of this found
//	unknown  the message cannot be read in one way only
//
// The first part found decides. What is attached as message/rfc822 is not looked
// into: that somebody forwards an encrypted message does not encrypt theirs. A
// message whose end is missing is judged by what is there.
//
// Since an encrypted message may be exempt from a rule, doubt never says that it
// is. A message is in doubt as soon as one of these is met before anything was
// found: two Content-Type or two Content-Transfer-Encoding fields in one header;
// a Content-Type of a multipart or of pkcs7-mime that cannot be parsed; a
// multipart without a boundary or with one of over 200 octets; a boundary that
// cannot be told from that of an enclosing multipart; a line in the header of a
// part that is no field; one of those fields with more than 8 KiB; the 17th multipart within
// another; the 1001st part.
//
// # TLS-Required
//
// RFC 8689 section 3 defines one value, "No", in any case. A field with another
// value asks for nothing. There must not be more than one field; if there is,
// whatever they say, the fact is unknown. Under REQUIRETLS the field has no
// meaning (RFC 8689 section 4.1), for which callers have a fact of its own.
//
// # Results of SPF, DKIM and DMARC
//
// Only Authentication-Results of the authserv-ids that are trusted count, and
// only if the MTA itself adds them and drops those that come from outside (RFC
// 8601 section 5). What makes all three unknown: no field of a trusted id; two
// fields of one trusted id, as one may be forged; a field of a trusted id that
// breaks the grammar. Filters that each add a field need an id each.
//
// A method that is not mentioned was not evaluated and is unknown, unless a field
// says "none" for all. Where trusted ids say different things of a method it is
// unknown; where one is silent, the other counts. Several results of DKIM are
// several signatures: "pass" if one passes, else the first. Several of SPF (HELO
// and MAIL FROM) or DMARC that differ are unknown, for anybody passes SPF with a
// HELO name of their own. DKIM and SPF say nothing of the author's domain; DMARC
// does. What another version of a method says does not count (RFC 8601 section
// 2.6).
//
// The values of properties may hold octets that the grammar wants quoted, which
// common filters leave bare (header.b=Ab/c=, smtp.mailfrom=a@example.org), but
// never a blank, a semicolon, a parenthesis or a backslash.
//
// # Limits
//
// 4 KiB of a line and 4 KiB of the beginning of a part are looked at. A scanner
// holds 32 KiB at most and while the header comes one Content-Type and one
// Content-Transfer-Encoding of any length; nothing for what is not asked for.
//
// # Sources
//
// RFC 2045, 2046 (MIME), 8551 (S/MIME), 5652 and 5083 (CMS), 3156 and 9580
// (OpenPGP), 8601, 8689.
//
// # Diagnostics
//
// Nothing is logged and nothing fails: what cannot be read is an unknown fact.
package message
