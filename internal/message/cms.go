package message

import (
	"strings"

	"tlswarden/rules"
)

// The types of CMS content (RFC 5652, 5083, 3274), DER of 1.2.840.113549.
const (
	pkcs7Types = "\x2a\x86\x48\x86\xf7\x0d\x01\x07"         // .1.7
	smimeTypes = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01" // .1.9.16.1
)

// cmsType returns what content of a type is to its readers, "" for a type that is
// not known to be in the clear.
func cmsType(id string) string {
	switch id {
	case pkcs7Types + "\x03", smimeTypes + "\x17": // EnvelopedData, AuthEnvelopedData
		return "smime"
	case pkcs7Types + "\x01", pkcs7Types + "\x02", pkcs7Types + "\x05", // Data, SignedData, DigestedData
		smimeTypes + "\x01", smimeTypes + "\x02", smimeTypes + "\x09": // Receipt, AuthenticatedData, CompressedData
		return "no"
	}
	return ""
}

// cmsFact returns what a CMS ContentInfo (RFC 5652 section 3) holds. It may be
// BER, and only its beginning is there, so that encoding/asn1 cannot read it.
func cmsFact(content []byte) rules.Fact[string] {
	rest, _, ok := element(string(content), 0x30) // SEQUENCE
	if !ok {
		return rules.Fact[string]{}
	}
	rest, length, ok := element(rest, 0x06) // OBJECT IDENTIFIER
	if !ok || length > len(rest) {
		return rules.Fact[string]{}
	}
	if found := cmsType(rest[:max(length, 0)]); found != "" {
		return rules.Known(found)
	}
	return rules.Fact[string]{}
}

// element takes tag and length of a BER element (X.690 section 8.1); the length is
// -1 if it is indefinite.
func element(der string, tag byte) (rest string, length int, ok bool) {
	if len(der) < 2 || der[0] != tag {
		return "", 0, false
	}
	first, rest := der[1], der[2:]
	if first < 0x80 {
		return rest, int(first), true
	}
	n := int(first - 0x80)
	if n > 8 || n > len(rest) {
		return "", 0, false
	}
	if n == 0 {
		return rest, -1, true
	}
	digits := strings.TrimLeft(rest[:n], "\x00")
	if len(digits) > 3 {
		return rest[n:], 1 << 24, true
	}
	for i := range len(digits) {
		length = length<<8 | int(digits[i])
	}
	return rest[n:], length, true
}
