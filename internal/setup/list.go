package setup

import (
	"errors"
	"strings"
)

// separators stand between the elements of Postfix's lists: CHARS_COMMA_SP in its
// mail_params.h.
const separators = ", \t\r\n"

// token is an element of a list value, with its place in it.
type token struct {
	text       string
	start, end int
}

// errUnclosed is a list value whose last element never ends: what is put behind it
// would belong to it.
var errUnclosed = errors.New("a brace is not closed")

// split reads a list value as smtpd(8) does (mystrtokq in Postfix's sources):
// separators within { } do not count, and a brace may stand anywhere in an element.
func split(value string) ([]token, error) {
	var tokens []token
	start, level := -1, 0
	for i := range len(value) {
		c := value[i]
		if level == 0 && strings.IndexByte(separators, c) >= 0 {
			if start >= 0 {
				tokens = append(tokens, token{value[start:i], start, i})
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case c == '{':
			level++
		case c == '}' && level > 0:
			level--
		}
	}
	if start >= 0 {
		tokens = append(tokens, token{value[start:], start, len(value)})
	}
	if level > 0 {
		return tokens, errUnclosed
	}
	return tokens, nil
}

// words are the elements of a value without their places.
func words(value string) []string {
	tokens, _ := split(value)
	out := make([]string, len(tokens))
	for i, t := range tokens {
		out[i] = t.text
	}
	return out
}

// addressOf is the address in an entry: the entry itself, or the first element
// within its braces.
func addressOf(entry string) string {
	inner, braced := strings.CutPrefix(entry, "{")
	if !braced {
		return entry
	}
	if w := words(strings.TrimSuffix(inner, "}")); len(w) > 0 {
		return w[0]
	}
	return ""
}
