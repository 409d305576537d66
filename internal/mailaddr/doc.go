// Package mailaddr reads envelope addresses as mail servers do.
//
// A client may write one mailbox in many ways: with comments, quotes, routes,
// without its domain, in another case. A [Server] holds what is known of how one
// mail server reads addresses, and [Server.Read] returns the mailbox that it takes an
// address for, or that this is unknown. [Path] takes an address out of the
// argument of MAIL or RCPT before that, and [Fold] and [Domain] give the form in
// which addresses are compared.
//
// # What is undone
//
// In the order of Postfix (trivial-rewrite(8), ADDRESS_REWRITING_README):
//
//	host!user          is user@host (swap_bangpath), if there is no "@"
//	user%host          is user@host (allow_percent_hack), if there is no "@"
//	user               is user@Origin (append_at_myorigin)
//	user@host          is user@host.MyDomain (append_dot_mydomain)
//	route@[address]    ends at this server, if the client connected to that
//	                   address or it is a loopback one, so that the route is what
//	                   counts, as if it stood alone
//
// # What stays unknown
//
// An address without a domain where Origin is not told, one whose domain has
// no dot where it is not told whether one is appended, and one at an address
// literal, which is local at each of the server's own addresses: of these the
// local part is known. Of user%host@domain, host!user@domain and
// "user@host"@domain nothing is: only a server that delivers mail of the domain
// itself follows the route (mydestination).
//
// # Case
//
// Local parts and domains are compared under full Unicode case folding, as
// Postfix folds them with SMTPUTF8 (casefold(3) of its library, by ICU). Domains
// are compared as folded A-labels, and shown so. Where IDNA alone leads to another
// name, as for "ß", a domain has that form beside it.
//
// # Sources
//
// RFC 5321 sections 2.3.11, 4.1.1.3 and 4.1.2, RFC 5322 sections 3.2 and 4.4,
// RFC 5890, RFC 6531; postconf(5): myorigin, append_at_myorigin,
// append_dot_mydomain, swap_bangpath, allow_percent_hack, resolve_dequoted_address,
// recipient_delimiter.
//
// # Diagnostics
//
// Nothing is logged, and nothing fails: what cannot be read is unknown.
package mailaddr
