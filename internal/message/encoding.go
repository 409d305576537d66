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

// readings undoes the encoding as far as that goes (RFC 2045 section 6), in each
// way that readers do.
func (e encoding) readings(raw []byte) [][]byte {
	switch e {
	case inBase64:
		first, rest, _ := bytes.Cut(raw, []byte("="))
		content := decodeBase64(nil, first)
		all := bytes.Clone(content) // padding ends the content, or a piece of it
		for piece := range bytes.SplitSeq(rest, []byte("=")) {
			all = decodeBase64(all, piece)
		}
		return [][]byte{content, all}
	case inQuotedPrintable:
		content, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw))) // what precedes an error counts
		return [][]byte{content}
	}
	return [][]byte{raw}
}

// decodeBase64 ignores octets outside the alphabet (RFC 2045 section 6.8), which
// the standard library would refuse.
func decodeBase64(to, raw []byte) []byte {
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
	return append(to, letters[:n]...)
}
