package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
)

// encoding is a Content-Transfer-Encoding.
type encoding uint8

const (
	identity encoding = iota // 7bit, 8bit, binary, none
	inBase64
	inQuotedPrintable
	odd // some readers decode it, in some way
)

// parseEncoding reads a Content-Transfer-Encoding (RFC 2045 section 6.1): one
// word. With a semicolon or more words after it, it is one encoding to some
// readers and none to others.
func parseEncoding(value string) encoding {
	if value == "" {
		return identity
	}
	l := lexer{text: value}
	l.space()
	word := strings.ToLower(l.span(isToken))
	if l.space(); l.bad || !l.end() {
		return odd
	}
	switch word {
	case "7bit", "8bit", "binary":
		return identity
	case "base64":
		return inBase64
	case "quoted-printable":
		return inQuotedPrintable
	}
	return odd
}

// decode undoes the encoding as far as all readers do so in one way (RFC 2045
// section 6), and reports whether some readers go on where it ends.
func (e encoding) decode(raw []byte) (content []byte, goesOn bool) {
	switch e {
	case inBase64: // padding ends the content, or a piece of it, or is ignored
		first, rest, _ := bytes.Cut(raw, []byte("="))
		return decodeBase64(letters(first)), len(letters(rest)) > 0
	case inQuotedPrintable:
		content, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw))) // what precedes an error counts
		return content, err != nil
	}
	return raw, false
}

// letters returns what is left of base64 without the octets outside the alphabet,
// which readers ignore (RFC 2045 section 6.8).
func letters(raw []byte) []byte {
	found := make([]byte, 0, len(raw))
	for _, c := range raw {
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			found = append(found, c)
		}
	}
	return found
}

func decodeBase64(letters []byte) []byte {
	if len(letters)%4 == 1 {
		letters = letters[:len(letters)-1] // six bits are no octet
	}
	n, _ := base64.RawStdEncoding.Decode(letters, letters) // all letters are valid
	return letters[:n]
}
