package tomlfile

import (
	"bytes"
	"fmt"
)

const (
	maxDepth = 100  // names in the path of a key, and arrays around a value
	maxPath  = 1024 // bytes of a key as written, with those of the keys above it
)

// markKind says what stands at a mark of the text.
type markKind uint8

const (
	markHeader      markKind = iota // [a.b]
	markArrayHeader                 // [[a.b]]
	markKey                         // a.b =
	markValue                       // a string, number, boolean, date or time
	markTable                       // {
	markArray                       // [
	markEnd                         // the } or ] that ends a table or an array
)

// mark is one thing that has a line.
type mark struct {
	span  Span // of a value, a table or an array
	line  int32
	kind  markKind
	parts uint8 // headers and keys: the number of names, 2 for a.b
}

// index is what a scan found.
type index struct {
	marks []mark
	end   int    // how much of the text was scanned, in bytes: all, or to the end of the line that was not understood
	line  int    // the line of end
	open  int    // the line of the string, array or table that the end of the text leaves open, or 0
	fault *fault // a limit that the text exceeds
}

// scanner finds the marks of a document. It checks no more of the syntax than it
// needs to find its way: whatever the decoder accepts it walks exactly as the
// decoder does, of the rest the decoder says what is wrong.
type scanner struct {
	index
	text    []byte
	pos     int
	counted int // up to where the line ends are counted in line
}

// place is where in the document a key or value stands.
type place struct {
	depth int // names and arrays that lead to it
	bytes int // length of these names as written
}

// scan finds the marks of a document.
func scan(text []byte) index {
	s := scanner{text: text, pos: lenBOM(text)}
	s.line = 1
	s.document()
	s.end = s.lineEnd()
	s.count(s.pos)
	return s.index
}

// lenBOM returns the length of the byte order mark that the decoder skips.
func lenBOM(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return 3
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		return 2
	}
	return 0
}

func (s *scanner) document() {
	var table place
	for ok := true; ok && s.skip(); {
		if s.peek() == '[' {
			table, ok = s.header()
		} else {
			ok = s.keyValue(table)
		}
	}
}

// header scans [a.b] or [[a.b]] and returns the place of its table.
func (s *scanner) header() (place, bool) {
	kind := markHeader
	s.pos++
	if s.peek() == '[' {
		kind = markArrayHeader
		s.pos++
	}
	at, ok := s.key(place{}, kind, ']')
	if ok && kind == markArrayHeader && s.peek() == ']' {
		s.pos++
	}
	return at, ok
}

func (s *scanner) keyValue(table place) bool {
	at, ok := s.key(table, markKey, '=')
	return ok && s.value(at)
}

// key scans the names of a key or header up to and including the byte that ends
// it. A key stands on one line.
func (s *scanner) key(table place, kind markKind, end byte) (place, bool) {
	start, parts := s.pos, 1
	for ; s.name(); parts++ {
		if s.peek() == '.' {
			s.pos++
			continue
		}
		if s.peek() != end {
			break
		}
		s.pos++
		at := place{table.depth + parts, table.bytes + s.pos - start}
		if !s.within(at) {
			return at, false
		}
		s.mark(kind, parts)
		return at, true
	}
	return place{}, false
}

// name scans one name of a key with the white space around it.
func (s *scanner) name() bool {
	s.space()
	start := s.pos
	switch s.peek() {
	case '"', '\'':
		if !s.lineString() {
			return false
		}
	default:
		for isBare(s.peek()) {
			s.pos++
		}
	}
	ok := s.pos > start
	s.space()
	return ok
}

// value scans one value and completes its mark.
func (s *scanner) value(at place) bool {
	s.space()
	n, start := len(s.marks), s.pos
	ok := s.anyValue(at)
	if ok {
		s.marks[n].span = Span{int32(start), int32(s.pos)}
	}
	return ok
}

// anyValue scans a value of any kind, which has the next mark.
func (s *scanner) anyValue(at place) bool {
	switch s.peek() {
	case '[':
		return s.array(at)
	case '{':
		return s.table(at)
	case '"', '\'':
		s.mark(markValue, 0)
		if q := s.text[s.pos : s.pos+1]; bytes.HasPrefix(s.text[s.pos+1:], []byte{q[0], q[0]}) {
			return s.longString()
		}
		return s.lineString()
	}
	s.mark(markValue, 0)
	n := bytes.IndexAny(s.text[s.pos:], ",]}#\r\n")
	if n < 0 {
		n = len(s.text) - s.pos
	}
	s.pos += len(bytes.TrimRight(s.text[s.pos:s.pos+n], " \t"))
	return n > 0
}

func (s *scanner) array(at place) bool {
	at.depth++
	if !s.within(at) {
		return false
	}
	s.mark(markArray, 0)
	begin := s.line
	s.pos++
	for s.skip() {
		if s.peek() == ']' {
			s.pos++
			s.mark(markEnd, 0)
			return true
		}
		if !s.value(at) {
			return false
		}
	}
	s.open = begin
	return false
}

func (s *scanner) table(at place) bool {
	s.mark(markTable, 0)
	begin := s.line
	s.pos++
	for s.skip() {
		if s.peek() == '}' {
			s.pos++
			s.mark(markEnd, 0)
			return true
		}
		if !s.keyValue(at) {
			return false
		}
	}
	s.open = begin
	return false
}

// lineString scans a string that ends on its line.
func (s *scanner) lineString() bool {
	quote := s.text[s.pos]
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return true
		case c == '\n':
			return false
		case c == '\\' && quote == '"':
			s.pos++
		}
	}
	s.pos = len(s.text)
	return false
}

// longString scans a string between triple quotes. One or two quotes more may
// stand before the three that end it.
func (s *scanner) longString() bool {
	quotes := s.text[s.pos : s.pos+3]
	begin := s.line
	for s.pos += 3; s.pos < len(s.text); s.pos++ {
		rest := s.text[s.pos:]
		switch {
		case rest[0] == '\\' && quotes[0] == '"':
			s.pos++
		case bytes.HasPrefix(rest, quotes) && (len(rest) == 3 || rest[3] != quotes[0]):
			s.pos += 3
			return true
		}
	}
	s.pos = len(s.text)
	s.open = begin
	return false
}

// skip passes over white space, line ends, commas and comments, and reports
// whether something follows. Commas where none may stand are for the decoder
// to complain about.
func (s *scanner) skip() bool {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n', ',':
			s.pos++
		case '#':
			s.pos = s.lineEnd()
		default:
			return true
		}
	}
	return false
}

// space passes over white space within a line.
func (s *scanner) space() {
	for c := s.peek(); c == ' ' || c == '\t'; c = s.peek() {
		s.pos++
	}
}

// peek returns the next byte, 0 at the end of the text. A text that has a byte 0
// is refused by the decoder.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// lineEnd returns where the next line begins.
func (s *scanner) lineEnd() int {
	if n := bytes.IndexByte(s.text[s.pos:], '\n'); n >= 0 {
		return s.pos + n + 1
	}
	return len(s.text)
}

// mark records what stands at the present position.
func (s *scanner) mark(kind markKind, parts int) {
	s.count(s.pos)
	s.marks = append(s.marks, mark{line: int32(s.line), kind: kind, parts: uint8(parts)})
}

// count brings line up to date.
func (s *scanner) count(pos int) {
	s.line += bytes.Count(s.text[s.counted:pos], []byte{'\n'})
	s.counted = pos
}

// within reports whether a place is within the limits, and records the fault if
// it is not.
func (s *scanner) within(at place) bool {
	switch {
	case at.depth > maxDepth:
		s.fault = &fault{message: fmt.Sprintf("tables and arrays are nested more than %d deep", maxDepth)}
	case at.bytes > maxPath:
		s.fault = &fault{message: fmt.Sprintf("the key is, together with the tables around it, longer than %d bytes", maxPath)}
	default:
		return true
	}
	s.count(s.pos)
	s.fault.line = s.line
	return false
}

// isBare reports whether a byte may stand in a key without quotes.
func isBare(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
