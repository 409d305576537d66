package tlsname

import "strings"

// Version is a protocol version. Versions are ordered: a larger one is newer,
// and plaintext stands below all. VersionUnknown has no place in that order:
// who compares versions asks for it first.
type Version uint8

// The versions. The zero value says that TLS of an unknown version was used,
// or that nothing at all is known.
const (
	VersionUnknown Version = iota
	Plaintext
	SSLv2
	SSLv3
	TLSv1
	TLSv1_1
	TLSv1_2
	TLSv1_3
)

// String returns the name that OpenSSL's SSL_get_version gives, "none" for
// plaintext, and "unknown".
func (v Version) String() string {
	switch v {
	case Plaintext:
		return "none"
	case SSLv2:
		return "SSLv2"
	case SSLv3:
		return "SSLv3"
	case TLSv1:
		return "TLSv1"
	case TLSv1_1:
		return "TLSv1.1"
	case TLSv1_2:
		return "TLSv1.2"
	case TLSv1_3:
		return "TLSv1.3"
	}
	return "unknown"
}

// Versions returns the names of all versions as String gives them, oldest
// first, beginning with "none".
func Versions() []string {
	var names []string
	for v := Plaintext; v <= TLSv1_3; v++ {
		names = append(names, v.String())
	}
	return names
}

// ParseVersion reads a protocol version as any of the known reporters spells
// it, without regard to case and surrounding blanks. It returns
// VersionUnknown and false for everything else, and so for "unknown"
// (Postfix), "UNKNOWN" (Sendmail) and the "TLSv1/SSLv3" of old OpenSSL, which
// can be any of SSLv3 to TLSv1.2: Resolve makes more of that.
func ParseVersion(s string) (Version, bool) {
	for v := TLSv1_3; v >= SSLv2; v-- { // the usual spelling
		if s == v.String() {
			return v, true
		}
	}
	const longest = len("TLS1.0-PKIX")
	s = strings.TrimSpace(s)
	if len(s) > longest {
		return VersionUnknown, false
	}
	var buf [longest]byte
	v := versionOf(foldCase(buf[:0], s))
	return v, v != VersionUnknown
}

// versionOf finds the version of a spelling in upper case.
func versionOf(upper []byte) Version {
	// The spellings in order: OpenSSL, and with it Postfix, Sendmail and
	// OpenSMTPD; Exim with OpenSSL; GnuTLS; GnuTLS 3.1; Google; Exchange.
	switch string(upper) {
	case "TLSV1.3", "TLS1.3", "TLS1_3":
		return TLSv1_3
	case "TLSV1.2", "TLS1.2", "TLS1.2-PKIX", "TLS1_2":
		return TLSv1_2
	case "TLSV1.1", "TLS1.1", "TLS1.1-PKIX", "TLS1_1":
		return TLSv1_1
	case "TLSV1", "TLS1", "TLS1.0", "TLS1.0-PKIX", "TLS1_0":
		return TLSv1
	case "SSLV3", "SSL3", "SSL3.0", "SSL3.0-PKIX":
		return SSLv3
	case "SSLV2":
		return SSLv2
	case "NONE", "PLAINTEXT":
		return Plaintext
	}
	return VersionUnknown
}

// foldCase appends s in upper case to dst. Only ASCII letters have a case here.
func foldCase(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
