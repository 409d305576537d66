package message

import (
	"regexp"
	"strings"
)

// parameter is one parameter of a MIME field (RFC 2045 section 5.1), as it
// stands. What a value may hold only within quotes is taken without them, too,
// where no reader takes it for anything else.
type parameter struct {
	name    string // in lower case
	value   string
	also    string // what a reader that knows no comments takes for the value, if there are any
	junk    bool   // something else follows the value, or makes part of it
	escaped bool   // it has escapes or folds, which not all readers undo
}

// clear reports whether all readers take the parameter for the same.
func (p *parameter) clear() bool { return !p.junk && !p.escaped }

// parameters reads what follows a media type or disposition, each with its
// semicolon. What lacks a "=" is passed over, as by all readers.
func (l *lexer) parameters(take func(parameter)) {
	for l.space(); !l.end(); l.space() {
		l.expect(';')
		l.space()
		name := strings.ToLower(l.span(isToken))
		if l.space(); l.peek() != '=' {
			l.rest()
			continue
		}
		take(l.parameter(name))
	}
}

// parameter takes the parameter whose name precedes.
func (l *lexer) parameter(name string) parameter {
	p := parameter{name: name}
	l.expect('=')
	from := l.at
	l.space()
	quoted := l.peek() == '"'
	if quoted {
		begin := l.at
		p.value = l.quoted()
		p.escaped = strings.ContainsAny(l.text[begin:l.at], "\\\r\n")
	} else {
		p.value = l.span(isBare)
	}
	if l.space(); !l.end() && l.peek() != ';' {
		p.junk = true
		l.rest()
	}
	raw := strings.TrimSpace(l.text[from:l.at])
	switch {
	case quoted || raw == p.value:
	case p.junk:
		p.value = raw
	default:
		p.also = raw
	}
	return p
}

// rest passes over words, up to the next semicolon. With a quote or a parameter
// among them they can be read in more than one way.
func (l *lexer) rest() {
	from := l.at
	for !l.end() && l.peek() != ';' {
		switch l.peek() {
		case '(':
			l.comment()
		case '"', '\\':
			l.fail()
		default:
			l.at++
		}
	}
	if parameterAfterBlank.MatchString(l.text[from:l.at]) {
		l.fail()
	}
}

// The parameters that count, where a reader finds them that is not strict.
var (
	parameterAfterBlank     = regexp.MustCompile(`(?i)(^|\s)` + countedParameter)
	parameterAfterSemicolon = regexp.MustCompile(`(?i);\s*` + countedParameter)
)

const countedParameter = `(boundary|protocol|smime-type|name|filename)[*0-9]*\s*=`

// hidesParameter reports whether a reader that knows no comments finds a
// parameter that counts in one, or takes a quote in it for the beginning of a
// string.
func hidesParameter(comment string) bool {
	quotes := strings.Count(comment, `"`) - strings.Count(comment, `\"`)
	return quotes%2 == 1 ||
		strings.IndexByte(comment, ';') >= 0 && parameterAfterSemicolon.MatchString(comment)
}

// choice is the value of a parameter that must be the same for all readers.
type choice struct {
	value, also string
	given, torn bool
}

// add takes a parameter that may have been given before: once more the same is
// no contradiction. The forms of RFC 2231 are known to some readers only.
func (c *choice) add(p parameter) {
	c.torn = c.torn || !p.clear() || strings.Contains(p.name, "*") || c.given && c.value != p.value
	c.value, c.given = p.value, true
	if p.also != "" {
		c.also = p.also
	}
}
