package tlsname

import (
	"iter"
	"strings"
)

// Suite is a cipher suite. The package hands out pointers into its table: do
// not change what they point to. Two lookups of the same suite give the same
// pointer.
type Suite struct {
	// ID is the code point: two bytes, as in 0xC030, or three in SSLv2. It is
	// unique within a family, not beyond: 0 is a suite in SSLv2 and in SSLv3.
	ID uint32
	// IANA is the name in the registry, or for a suite that is not registered
	// the name that most programs use. It is empty for a few GOST suites.
	IANA string
	// OpenSSL is the name that the newest OpenSSL which knows the suite gives
	// it, or empty.
	OpenSSL string
	// Bits is the effective strength of the key in bits: 112 for 3DES, 80 for
	// RC4 with 128-bit keys, 40 or 56 for export suites.
	Bits uint16
	// Family is the range of protocols: SSLv2, SSLv3 (SSLv3 to TLSv1.2),
	// TLSv1_2 (only), or TLSv1_3 (only).
	Family Version
	// BCP195 is what RFC 9325, as updated by RFC 10015, says of the suite.
	BCP195 Level

	flags flags
	other string // further names, separated by one blank
}

// Level is what BCP 195 says of a suite, mildest first.
type Level uint8

// The levels. RFC 9325 section 4.3 leaves the suites of TLS 1.3 to RFC 8446,
// so those with encryption are NotMentioned.
const (
	NotMentioned Level = iota
	Recommended
	ShouldNot
	MustNot
)

// String returns the level in the words of the RFC.
func (l Level) String() string {
	switch l {
	case Recommended:
		return "RECOMMENDED"
	case ShouldNot:
		return "SHOULD NOT"
	case MustNot:
		return "MUST NOT"
	}
	return "not mentioned"
}

// flags are the yes-or-no properties of a suite.
type flags uint8

const (
	isFS flags = 1 << iota
	isAEAD
	isAnon
	isNull
	isExport
	isRC4
	is3DES
	isCBC
)

// ForwardSecrecy reports whether the key exchange is ephemeral. That holds for
// anonymous suites too, and for all suites of TLS 1.3.
func (s *Suite) ForwardSecrecy() bool { return s.flags&isFS != 0 }

// AEAD reports whether the suite uses authenticated encryption with associated
// data: GCM, CCM, ChaCha20-Poly1305 and the like.
func (s *Suite) AEAD() bool { return s.flags&isAEAD != 0 }

// Anonymous reports whether the server is not authenticated (ADH, AECDH). RFC
// 7672 section 8.2 explains why such suites are common between mail servers.
func (s *Suite) Anonymous() bool { return s.flags&isAnon != 0 }

// Null reports whether the suite does not encrypt at all.
func (s *Suite) Null() bool { return s.flags&isNull != 0 }

// Export reports whether the suite was weakened on purpose, to 40 or 56 bits.
func (s *Suite) Export() bool { return s.flags&isExport != 0 }

// RC4 reports whether the suite uses RC4, which RFC 7465 forbids.
func (s *Suite) RC4() bool { return s.flags&isRC4 != 0 }

// TripleDES reports whether the suite uses 3DES.
func (s *Suite) TripleDES() bool { return s.flags&is3DES != 0 }

// CBC reports whether the suite uses a block cipher in CBC mode.
func (s *Suite) CBC() bool { return s.flags&isCBC != 0 }

// String returns the OpenSSL name, or the IANA name where there is none.
func (s *Suite) String() string {
	if s.OpenSSL != "" {
		return s.OpenSSL
	}
	return s.IANA
}

// names yields every name of the suite, OpenSSL's first.
func (s *Suite) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, n := range [...]string{s.OpenSSL, s.IANA} {
			if n != "" && !yield(n) {
				return
			}
		}
		strings.FieldsSeq(s.other)(yield)
	}
}

// Suites yields every suite in the order of code points.
func Suites() iter.Seq[*Suite] {
	return func(yield func(*Suite) bool) {
		for i := range suites {
			if !yield(&suites[i]) {
				return
			}
		}
	}
}
