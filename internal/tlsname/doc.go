// Package tlsname turns the protocol and cipher names that mail servers report
// into properties: key bits, forward secrecy, AEAD, and what BCP 195 says.
//
// It knows the names of OpenSSL 0.9.7 to 3.6, LibreSSL, GnuTLS and the IANA
// registry, SSLv2 included, and the forms in which Postfix, Sendmail, Exim,
// Exchange, Google and Java write them. The table is generated from
// data/suites.csv; data/README.md names its sources.
//
// # Limits
//
// A suite is not a session. The table cannot tell the group or size of the key
// exchange, the certificate, encrypt-then-MAC, or whether a TLS 1.3 resumption
// left the key exchange out. The number of bits that a server reports differs
// between versions of OpenSSL for the same suite; the table has one number.
// Signalling values (SCSV) are no suites and are not in the table.
//
// Everything here is read-only and safe for concurrent use. The name index is
// built at first use, once.
//
// # Sources
//
// The IANA registry of TLS parameters, RFC 9325 (BCP 195) and RFC 10015, and
// the cipher tables of the libraries named above.
//
// # Diagnostics
//
// The package logs nothing and returns no errors. A name that it does not know
// is a nil suite, and a version that it does not know is VersionUnknown: both
// mean "unknown", never "good". NearestSuite and Versions help to word a
// message. Names over 128 bytes are unknown without a look.
package tlsname

//go:generate go run ./gen
