package message

import "strings"

// fieldResults is what one Authentication-Results field says.
type fieldResults struct {
	none bool // that no authentication was performed
	some bool // that some was
	said [methods]said
}

// parseResults parses the value of an Authentication-Results field (RFC 8601
// section 2.2). It is false if the value breaks the grammar in any place, or is
// of another version.
func parseResults(value string) (fieldResults, bool) {
	var f fieldResults
	l := lexer{text: value}
	l.id()
	l.space()
	if version := l.keyword(); version != "" && version != "1" {
		return f, false
	}
	l.space()
	clauses := 0
	for !l.bad && !l.end() {
		l.expect(';')
		if l.space(); l.end() || l.peek() == ';' {
			continue // an empty one, which some write at the end
		}
		clauses++
		l.clause(&f)
	}
	return f, !l.bad && clauses > 0 && (!f.none || clauses == 1)
}

// id takes the authserv-id: a token or a quoted string (RFC 2045 section 5.1),
// beyond ASCII, too (RFC 8601 section 2.2).
func (l *lexer) id() string {
	l.space()
	id := ""
	if l.peek() == '"' {
		id = l.quoted()
	} else {
		id = l.span(isToken)
	}
	l.bad = l.bad || id == ""
	return id
}

// keyword takes a Keyword (RFC 5321 section 4.1.2), in which "_" occurs.
func (l *lexer) keyword() string { return l.span(isKeyword) }

func isKeyword(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// clause takes what stands between two semicolons: a method with its result and
// properties, or the word "none".
func (l *lexer) clause(f *fieldResults) {
	name := strings.ToLower(l.keyword())
	l.space()
	if name == "none" && (l.end() || l.peek() == ';') {
		f.none = true
		return
	}
	f.some = true
	version := "1"
	if l.peek() == '/' {
		l.at++
		l.space()
		version = l.keyword()
		l.space()
	}
	l.expect('=')
	l.space()
	word := strings.ToLower(l.keyword())
	if name == "" || version == "" || word == "" {
		l.bad = true
	}
	for l.space(); !l.bad && !l.end() && l.peek() != ';'; l.space() {
		l.property()
	}
	if !l.bad && version == "1" {
		f.add(name, word)
	}
}

// property takes a property or the reason, of which nothing is needed. The value
// may be empty, as some filters write that of a null sender.
func (l *lexer) property() {
	for {
		l.bad = l.bad || l.keyword() == ""
		l.space()
		if l.bad || l.peek() != '.' {
			break
		}
		l.at++
		l.space()
	}
	l.expect('=')
	l.space()
	for !l.bad && !l.end() {
		if l.peek() == '"' {
			l.quoted()
		} else if l.span(isBare) == "" {
			break
		}
	}
}

// isBare says what may stand in the value of a property without quotes. This is
// more than the grammar has, but nothing that could end the value.
func isBare(c byte) bool { return c > ' ' && c != 0x7f && strings.IndexByte(`;()\"`, c) < 0 }

// add notes the result of a method.
func (f *fieldResults) add(name, word string) {
	switch name {
	case "spf":
		f.said[spf].add(said{word: word})
	case "dmarc":
		f.said[dmarc].add(said{word: word})
	case "dkim": // one for each signature
		if s := &f.said[dkim]; s.word == "" || weight(word) > weight(s.word) {
			s.word = word
		}
	}
}

// weight tells which result of several signatures counts: one that passes, else
// one that may pass yet, else the first.
func weight(word string) int {
	switch {
	case word == "pass":
		return 3
	case !dkim.registered(word):
		return 2
	case word == "temperror":
		return 1
	}
	return 0
}
