package mailaddr

import (
	"bytes"
	"strings"
)

// Path takes the address out of the argument of MAIL or RCPT, in its unquoted form,
// so that there is one for each mailbox, however the client writes it: mail servers
// drop comments, quotes and blanks before they deliver.
func Path(path string) string {
	if address, ok := simplePath(path); ok {
		return address
	}
	return parsePath(path)
}

// simplePath takes the address from a path that can be read in one way only.
func simplePath(path string) (address string, ok bool) {
	if inner, cut := strings.CutPrefix(path, "<"); cut {
		path = strings.TrimSuffix(inner, ">")
	}
	signs := 0
	for i := range len(path) {
		switch c := path[i]; {
		case c == '@':
			signs++
		case c <= ' ' || strings.IndexByte(`()<>[]\",;:%!`, c) >= 0:
			return "", false
		}
	}
	return path, signs <= 1
}

// parsePath reads a path as liberally as mail servers do (RFC 5322 sections
// 3.2 and 4.4, RFC 5321 appendix C for source routes): what cannot be read still
// has a form, for a mail server may have one for it.
func parsePath(path string) string {
	p := pathReader{text: path}
	for p.at < len(p.text) {
		p.next()
	}
	return string(bytes.TrimRight(p.out, ";")) // of a group
}

// pathReader reads a path and writes what it stands for.
type pathReader struct {
	text   string
	at     int
	out    []byte
	word   bool // out ends with a word, and not with a "." and the like
	gap    bool // a blank or a comment has come since
	route  bool // out is a source route
	angled bool // within angle brackets
	ended  bool // after angle brackets, of which the last innermost ones count
}

// next reads a step.
func (p *pathReader) next() {
	switch c := p.text[p.at]; c {
	case ' ', '\t', '\r', '\n':
		p.gap = true
	case '(':
		p.comment()
		p.gap = true
	case '"', '[':
		p.enclosed(c)
	case '<':
		*p = pathReader{text: p.text, at: p.at, angled: true}
	case '>':
		p.ended = true
	case '\\':
		if p.at++; p.at < len(p.text) {
			p.put(p.text[p.at], true)
		}
	case ':':
		if p.route || !p.angled { // the end of a route, or of the name of a group
			*p = pathReader{text: p.text, at: p.at, angled: p.angled}
		} else {
			p.put(c, false)
		}
	case '@':
		p.route = p.route || len(p.out) == 0
		p.put(c, false)
	default:
		p.put(c, strings.IndexByte(".,;%!", c) < 0)
	}
	p.at++
}

// comment goes to the end of a comment, which may hold others.
func (p *pathReader) comment() {
	for depth := 0; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			p.at++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// enclosed takes a quoted string without its quotes, or a domain literal with
// its brackets.
func (p *pathReader) enclosed(open byte) {
	end := open
	if open == '[' {
		end = ']'
		p.put(open, true)
	}
	for p.at++; p.at < len(p.text) && p.text[p.at] != end; p.at++ {
		if p.text[p.at] == '\\' {
			if p.at++; p.at == len(p.text) {
				return
			}
		}
		p.put(p.text[p.at], true)
	}
	if open == '[' && p.at < len(p.text) {
		p.put(end, true)
	}
}

// put writes an octet; any blank is a space, as Postfix has it. Postfix refuses words that only a gap parts; Sendmail puts
// a dot there (BlankSub, as its m4 files have it).
func (p *pathReader) put(c byte, word bool) {
	if p.ended {
		return
	}
	if p.gap && p.word && word {
		p.out = append(p.out, '.')
	}
	if c == '\t' || c == '\r' || c == '\n' {
		c = ' '
	}
	p.out = append(p.out, c)
	p.word, p.gap = word, false
}
