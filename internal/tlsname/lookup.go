package tlsname

import (
	"strconv"
	"strings"
	"sync"
)

// maxName is the length in bytes from which on a name is not looked at. The
// longest name in the table has 49, and Sendmail cuts names at 64.
const maxName = 128

// Lookup finds a suite by any of its names. It returns nil for a name that it
// does not know: an unknown suite is never a good one.
//
// The version decides where a name stands for two suites: RC4-MD5 is one thing
// in SSLv2 and another in later protocols, and Exim with GnuTLS writes names of
// TLS 1.2 for TLS 1.3 sessions. Under SSLv2 only names of SSLv2 count; under
// VersionUnknown they count if no later protocol has the name.
//
// The exact name is tried first, then the name without regard to case, the
// curve that Schannel appends, the SSL_ of Java and the hyphens of mbed TLS,
// the name without its TLS_ as Exim with GnuTLS writes it, the description
// that GnuTLS gives of a session, and the code point (0xC030 as in RFC 8314
// section 4.3, or 0xC0,0x30).
func Lookup(name string, v Version) *Suite {
	if len(name) > maxName {
		return nil
	}
	x := byName()
	s := x.exact(name, v)
	if s == nil {
		s = x.search(name, v)
	}
	if s != nil && v == TLSv1_3 && s.Family != TLSv1_3 {
		return x.toTLS13(s)
	}
	return s
}

// Resolve reads a version and a cipher as a mail server reports the pair. For
// the version "TLSv1/SSLv3" (Sendmail up to 8.14 and others that ask OpenSSL
// for the version of the suite, not of the session) it infers TLSv1.2 if the
// suite exists in no other version, else the version is unknown.
func Resolve(version, cipher string) (Version, *Suite) {
	v, ok := ParseVersion(version)
	if !ok && strings.EqualFold(strings.TrimSpace(version), "TLSv1/SSLv3") {
		s := Lookup(cipher, SSLv3) // never SSLv2, which had its own word
		if s != nil && s.Family == TLSv1_2 {
			return TLSv1_2, s
		}
		return VersionUnknown, s
	}
	return v, Lookup(cipher, v)
}

// index finds suites by name. Beside every name it has the folded form of it.
// SSLv2 stands apart, since its names mean other suites later.
type index struct{ tls, sslv2 map[string]*Suite }

var byName = sync.OnceValue(newIndex)

func newIndex() *index {
	x := &index{make(map[string]*Suite, 4*len(suites)), make(map[string]*Suite)}
	for s := range Suites() {
		for n := range s.names() {
			x.add(n, s)
		}
	}
	// Folded forms come second: an exact name must win over them.
	var buf [maxName]byte
	for s := range Suites() {
		for n := range s.names() {
			if folded := foldName(buf[:0], n); string(folded) != n {
				x.add(string(folded), s)
			}
		}
	}
	return x
}

// add enters a name unless it is taken. Two FIPS suites of Netscape have each
// two code points under one name, with the same properties: the lower one gets it.
func (x *index) add(name string, s *Suite) {
	m := x.tls
	if s.Family == SSLv2 {
		m = x.sslv2
	}
	if m[name] == nil {
		m[name] = s
	}
}

// exact finds a name that stands in the index.
func (x *index) exact(name string, v Version) *Suite {
	if v == SSLv2 {
		return x.sslv2[name]
	}
	s := x.tls[name]
	if s == nil && v == VersionUnknown {
		s = x.sslv2[name]
	}
	return s
}

// search finds a name in one of its other forms.
func (x *index) search(name string, v Version) *Suite {
	const prefix = "TLS_"
	var buf [len(prefix) + maxName]byte
	long := string(foldName(append(buf[:0], prefix...), strings.TrimSpace(name)))
	folded := cutCurve(long[len(prefix):])
	long = long[:len(prefix)+len(folded)]
	if s := x.exact(folded, v); s != nil {
		return s
	}
	if old, ok := strings.CutPrefix(folded, "SSL_"); ok {
		long = prefix + old
	}
	// AES-256-GCM-SHA384 is no name of TLS 1.2, and must not pass for a suite
	// of TLS 1.3 there because of a prefix that we supply.
	if s := x.exact(long, v); s != nil && (s.Family != TLSv1_3 || v == TLSv1_3) {
		return s
	}
	if s := x.description(folded, v); s != nil {
		return s
	}
	return codePoint(folded, v)
}

// toTLS13 gives the TLS 1.3 suite with the cipher and hash of s. Exim with
// GnuTLS prints the first suite that has the cipher and hash of the session,
// and that is one of TLS 1.2. Where TLS 1.3 has no such suite, s stays: the
// report contradicts itself, and the weaker reading is the careful one.
func (x *index) toTLS13(s *Suite) *Suite {
	_, cipher, _ := strings.Cut(s.IANA, "_WITH_")
	for _, hash := range [...]string{"", "_SHA256"} { // the CCM names of TLS 1.2 have no hash
		if t := x.tls["TLS_"+cipher+hash]; t != nil && t.Family == TLSv1_3 {
			return t
		}
	}
	return s
}

// foldName appends name to dst in upper case and with underscores for hyphens.
func foldName(dst []byte, name string) []byte {
	n := len(dst)
	dst = foldCase(dst, name)
	for i := n; i < len(dst); i++ {
		if dst[i] == '-' {
			dst[i] = '_'
		}
	}
	return dst
}

// cutCurve takes off the curve that Schannel of older Windows appends to the
// IANA name, as in TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384.
func cutCurve(folded string) string {
	for _, curve := range [...]string{"_P256", "_P384", "_P521"} {
		if short, ok := strings.CutSuffix(folded, curve); ok {
			return short
		}
	}
	return folded
}

// codePoint finds a suite by its number: "0XC030", "0XC0,0X30", or three bytes
// for SSLv2.
func codePoint(folded string, v Version) *Suite {
	parts := strings.Split(folded, ",")
	digits := ""
	for _, p := range parts {
		d, ok := strings.CutPrefix(p, "0X")
		if !ok || len(parts) > 1 && len(d) != 2 {
			return nil
		}
		digits += d
	}
	ssl2 := len(digits) == 6
	if len(digits) != 4 && !ssl2 {
		return nil
	}
	id, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || ssl2 && v != SSLv2 && v != VersionUnknown || !ssl2 && v == SSLv2 {
		return nil
	}
	for s := range Suites() {
		if s.ID == uint32(id) && (s.Family == SSLv2) == ssl2 {
			return s
		}
	}
	return nil
}
