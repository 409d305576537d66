package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
)

const (
	maxBeginning = maxLine
	armor        = "-----BEGIN PGP MESSAGE-----" // RFC 9580 section 6.2.1
)

// beginning is the beginning of the content of a part, as it came.
type beginning struct {
	of  entity
	raw []byte
}

func (b *beginning) reset(e entity) { b.of, b.raw = e, b.raw[:0] }

// add says whether there is enough.
func (b *beginning) add(piece []byte) (full bool) {
	b.raw = append(b.raw, piece[:min(len(piece), maxBeginning-len(b.raw))]...)
	return len(b.raw) == maxBeginning
}

// encrypted returns "smime", "pgp", or "" if the content is neither.
func (b *beginning) encrypted() string {
	content := decode(b.of.encoding, b.raw)
	switch {
	case b.of.kind == cms && isEnveloped(content):
		return "smime"
	case b.of.kind == text && isArmored(content):
		return "pgp"
	}
	return ""
}

// decode undoes a Content-Transfer-Encoding as far as that goes (RFC 2045
// section 6).
func decode(encoding string, raw []byte) []byte {
	switch encoding {
	case "base64":
		return decodeBase64(raw)
	case "quoted-printable":
		content, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw))) // what precedes an error counts
		return content
	}
	return raw
}

// decodeBase64 ignores octets outside the alphabet (RFC 2045 section 6.8), which
// the standard library would refuse.
func decodeBase64(raw []byte) []byte {
	raw, _, _ = bytes.Cut(raw, []byte("="))
	letters := make([]byte, 0, len(raw))
	for _, c := range raw {
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			letters = append(letters, c)
		}
	}
	if len(letters)%4 == 1 {
		letters = letters[:len(letters)-1] // six bits are no octet
	}
	n, _ := base64.RawStdEncoding.Decode(letters, letters) // all letters are valid
	return letters[:n]
}

// isArmored says whether the first line that is not blank begins a PGP message.
func isArmored(content []byte) bool {
	for {
		line, rest, whole := bytes.Cut(content, []byte("\n"))
		if !whole {
			return false
		}
		if line = bytes.TrimRight(line, " \t\r"); len(line) > 0 {
			return string(line) == armor
		}
		content = rest
	}
}

// isEnveloped says whether the content is a CMS ContentInfo (RFC 5652 section 3)
// of type EnvelopedData or AuthEnvelopedData. It may be BER, and only its
// beginning is there, so that encoding/asn1 cannot read it.
func isEnveloped(content []byte) bool {
	if len(content) < 2 || content[0] != 0x30 { // SEQUENCE
		return false
	}
	length := 0 // octets of the length beyond the first
	if content[1] > 0x80 {
		length = int(content[1] - 0x80)
	}
	if length > 8 || len(content) < 2+length {
		return false
	}
	// OBJECT IDENTIFIER, its length, and 1.2.840.113549.1.7.3 or
	// 1.2.840.113549.1.9.16.1.23 (RFC 5083 section 2.1).
	id := string(content[2+length:])
	return strings.HasPrefix(id, "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03") ||
		strings.HasPrefix(id, "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
}
