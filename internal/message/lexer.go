package message

import "strings"

// lexer reads a structured field. After bad it means nothing what it returns.
type lexer struct {
	text string
	at   int
	bad  bool // the grammar was broken

	hides bool // a reader who knows no comments finds parameters in one
}

// fail ends the reading.
func (l *lexer) fail() { l.bad, l.at = true, len(l.text) }

func (l *lexer) end() bool { return l.at >= len(l.text) }

// peek returns the next octet, 0 at the end.
func (l *lexer) peek() byte {
	if l.end() {
		return 0
	}
	return l.text[l.at]
}

func (l *lexer) expect(c byte) {
	if l.end() || l.text[l.at] != c {
		l.fail()
		return
	}
	l.at++
}

// span takes the longest run of octets that ok allows.
func (l *lexer) span(ok func(byte) bool) string {
	from := l.at
	for !l.end() && ok(l.text[l.at]) {
		l.at++
	}
	return l.text[from:l.at]
}

// space skips blanks, folds and comments (CFWS, RFC 5322 section 3.2.2).
func (l *lexer) space() {
	for !l.end() && !l.bad {
		switch l.text[l.at] {
		case ' ', '\t', '\r', '\n':
			l.at++
		case '(':
			l.comment()
		default:
			return
		}
	}
}

// comment skips a comment, which may hold others.
func (l *lexer) comment() {
	from, depth := l.at, 0
	for ; !l.end(); l.at++ {
		switch l.text[l.at] {
		case '\\':
			l.at++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.at++
				l.hides = l.hides || hidesParameter(l.text[from:l.at])
				return
			}
		}
	}
	l.fail()
}

// quoted takes a quoted string and returns what it stands for.
func (l *lexer) quoted() string {
	var b strings.Builder
	for l.at++; !l.end(); l.at++ {
		switch c := l.text[l.at]; c {
		case '"':
			l.at++
			return b.String()
		case '\\':
			l.at++
			b.WriteByte(l.peek())
		case '\r', '\n': // RFC 5322 section 2.2.3
		default:
			b.WriteByte(c)
		}
	}
	l.fail()
	return ""
}

func isToken(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, c) < 0
}
