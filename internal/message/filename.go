package message

import (
	"cmp"
	"io"
	"mime"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// named is what the names of a file say of its content.
type named struct {
	p7m     bool // one is that of an S/MIME message (RFC 8551 section 3.9)
	other   bool // one is not
	unclear bool // one can be read in more than one way, and may be
}

// maybe reports whether some reader takes the file for an S/MIME message, and
// sure whether all do.
func (n named) maybe() bool { return n.p7m || n.unclear }
func (n named) sure() bool  { return n.p7m && !n.other && !n.unclear }

// and joins what two fields say.
func (n named) and(m named) named {
	return named{n.p7m || m.p7m, n.other || m.other, n.unclear || m.unclear}
}

// note takes a name.
func (n *named) note(name string) {
	if isP7m(name) {
		n.p7m = true
		return
	}
	n.other = true
	n.unclear = n.unclear || strings.Contains(name, "=?") || mayBeP7m(name) || mayBeP7m(unescape(name))
}

func isP7m(name string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimRight(name, " \t\r\n")), ".p7m")
}

// mayBeP7m reports whether some reader may take a name for one of S/MIME: readers
// drop what follows an ending and is no letter, end a name where a file system does,
// or take out blanks, controls and what is not ASCII.
func mayBeP7m(name string) bool {
	return nearlyP7m.MatchString(name) || nearlyP7m.MatchString(string(squeeze([]byte(name))))
}

var nearlyP7m = regexp.MustCompile(`(?i)\.p7m(\W*$|[^\w.])`)

// squeeze returns what is left of a text without blanks, controls and octets that are
// not ASCII.
func squeeze(text []byte) []byte {
	left := make([]byte, 0, len(text))
	for _, c := range text {
		if ' ' < c && c <= '~' {
			left = append(left, c)
		}
	}
	return left
}

// fileNames gathers the parameters of one field that name a file.
type fileNames struct {
	named  named
	pieces []piece
}

// piece is a parameter in a form of RFC 2231: name*, name*0, name*1*.
type piece struct {
	of       string
	number   int
	text     string
	extended bool // with percent signs, the first after charset and language
}

// add takes a parameter called name or filename, in any form.
func (f *fileNames) add(p parameter) {
	of, index, split := strings.Cut(p.name, "*")
	if !split {
		var n named
		name, plain := decodeWords(p.value)
		n.note(name)
		n.unclear = n.unclear || !plain || p.junk && n.p7m
		f.named = f.named.and(n)
		return
	}
	x := piece{of: of, text: p.value, extended: index == "" || strings.HasSuffix(index, "*")}
	if digits := strings.TrimSuffix(index, "*"); digits != "" {
		n, err := strconv.Atoi(digits)
		if x.number = n; err != nil {
			f.named.unclear = true
		}
	}
	f.pieces = append(f.pieces, x)
}

// finish joins the pieces (RFC 2231 section 3) and returns what all names say.
func (f *fileNames) finish() named {
	slices.SortStableFunc(f.pieces, func(a, b piece) int {
		return cmp.Or(strings.Compare(a.of, b.of), cmp.Compare(a.number, b.number))
	})
	name := ""
	for i, x := range f.pieces {
		number := 0
		if i > 0 && f.pieces[i-1].of == x.of {
			number = f.pieces[i-1].number + 1
		} else {
			name = ""
		}
		f.named.unclear = f.named.unclear || x.number != number
		if x.extended {
			text, plain := x.decode()
			name += text
			f.named.unclear = f.named.unclear || !plain
		} else {
			name += x.text
		}
		if i+1 == len(f.pieces) || f.pieces[i+1].of != x.of {
			f.named.note(name)
		}
	}
	return f.named
}

// decode undoes RFC 2231 section 4. Of the charset it is only needed whether the
// ending is ASCII in it.
func (x piece) decode() (name string, plain bool) {
	text, plain := x.text, true
	if x.number == 0 {
		if charset, rest, ok := strings.Cut(text, "'"); ok {
			if _, value, ok := strings.Cut(rest, "'"); ok {
				text, plain = value, asciiCharset.MatchString(charset)
			}
		}
	}
	return unescape(text), plain
}

// unescape undoes the percent signs.
func unescape(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				c, i = byte(n), i+2
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// decodeWords undoes the encoded words of RFC 2047, which have no place in a
// parameter, and which common programs write there and read. What cannot be decoded
// stays.
func decodeWords(name string) (decoded string, plain bool) {
	plain = true
	if !strings.Contains(name, "=?") {
		return name, plain
	}
	words := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		plain = plain && asciiCharset.MatchString(charset)
		return r, nil
	}}
	if decoded, err := words.DecodeHeader(name); err == nil {
		return decoded, plain
	}
	return name, plain
}

// nameOf reads the name that a Content-Disposition gives (RFC 2183).
func nameOf(disposition string) named {
	l, f := lexer{text: disposition}, fileNames{}
	l.space()
	word := strings.ToLower(l.span(isToken))
	if l.space(); l.peek() == '=' { // the disposition is missing
		f.take(l.parameter(word))
	} else if !l.end() && l.peek() != ';' {
		l.rest()
	}
	l.parameters(f.take)
	return f.finish().and(named{unclear: (l.bad || l.hides) && hintsAtName(disposition)})
}

// take takes a parameter if it names a file.
func (f *fileNames) take(p parameter) {
	if of, _, _ := strings.Cut(p.name, "*"); of == "name" || of == "filename" {
		f.add(p)
	}
}

// hintsAtName reports whether a field that cannot be read may have the name of an
// S/MIME message in it.
func hintsAtName(field string) bool {
	return strings.Contains(strings.ToLower(field), "p7") || strings.Contains(field, "%") || strings.Contains(field, "=?")
}
