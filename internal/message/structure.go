package message

import (
	"bytes"

	"tlswarden/rules"
)

const (
	maxDepth = 16
	maxParts = 1000
	maxLine  = 4 << 10
)

// structure follows the parts of a body until one is found to be encrypted, or
// none can be any more.
type structure struct {
	encrypted rules.Fact[string]
	settled   bool
	unsure    bool // some part may be encrypted, so that it is not known that none is

	open  []entity // the multiparts that have begun, outermost first
	parts int
	state state
	line  []byte // of a line that was cut between pieces, its first maxLine octets
	tail  []byte // a CR, and what may be the beginning of a delimiter after it
	start beginning

	head  fields // of the part whose header is read
	begun bool   // a field of it has begun
	name  string // of the field that is read, if it is of interest
	value []byte // of that field
}

type state uint8

const (
	skipping state = iota // to the next delimiter: nothing here is of interest
	heading               // in the header of a part
	sniffing              // at the beginning of the content of a part
)

func (m *structure) settle(encrypted rules.Fact[string]) {
	m.encrypted, m.settled = encrypted, true
}

func (m *structure) doubt() { m.settle(rules.Fact[string]{}) }

// settleNone ends the reading where nothing was found.
func (m *structure) settleNone() {
	if m.unsure {
		m.doubt()
		return
	}
	m.settle(rules.Known("no"))
}

// enter begins the content of the message or of a part.
func (m *structure) enter(e entity) {
	m.state = skipping
	switch e.kind {
	case doubtful:
		m.doubt()
	case pgp:
		m.settle(rules.Known("pgp"))
	case multipart:
		m.unsure = m.unsure || e.unsure
		if len(m.open) == maxDepth || m.clashes(e.boundary) || e.also != "" && m.clashes(e.also) {
			m.doubt()
			return
		}
		m.open = append(m.open, e)
	case text, cms, smime, inClear:
		m.state = sniffing
		m.start.reset(e)
	default:
		m.unsure = m.unsure || e.kind == unclear
		if len(m.open) == 0 {
			m.settleNone()
		}
	}
}

// clashes says whether a delimiter of the boundary can be taken for one of an
// enclosing multipart.
func (m *structure) clashes(boundary string) bool {
	for _, o := range m.open {
		if o.boundary == boundary || o.boundary == boundary+"--" || o.boundary+"--" == boundary {
			return true
		}
	}
	return false
}

// write takes a piece of the body.
func (m *structure) write(chunk []byte) {
	if len(m.open) == 0 { // one part without delimiters
		if m.start.add(chunk) {
			m.judge()
			m.finish()
		}
		return
	}
	for len(chunk) > 0 && !m.settled {
		if m.state == skipping && len(m.line) == 0 {
			rest := skipLines(chunk)
			m.afterCR(chunk[:len(chunk)-len(rest)])
			chunk = rest
		}
		i := bytes.IndexByte(chunk, '\n')
		if i < 0 {
			m.afterCR(chunk)
			m.keep(chunk)
			return
		}
		switch m.afterCR(chunk[:i+1]); {
		case len(m.line) > 0:
			m.keep(chunk[:i+1])
			m.take(m.line)
			m.line = m.line[:0]
		default:
			m.take(chunk[:min(i+1, maxLine)])
		}
		chunk = chunk[i+1:]
	}
}

// afterCR looks for a delimiter after a CR, which ends a line to some readers only.
// Pieces may be cut anywhere, so it holds what may be the beginning of one.
func (m *structure) afterCR(piece []byte) {
	const most = len("\r--") + maxBoundary
	if len(m.tail) > 0 {
		m.tail = append(m.tail, piece[:min(len(piece), most)]...)
	}
	if m.delimits(m.tail) || m.delimits(piece) {
		m.doubt()
	}
	end := piece[max(0, len(piece)-most):]
	if i := bytes.LastIndexByte(end, '\r'); i >= 0 {
		m.tail = append(m.tail[:0], end[i:]...)
	}
	if len(m.tail) > most || len(m.tail) > 1 && m.tail[1] != '-' {
		m.tail = m.tail[:0]
	}
}

// delimits reports whether a delimiter follows a CR.
func (m *structure) delimits(text []byte) bool {
	for found := true; found; {
		if _, text, found = bytes.Cut(text, []byte("\r--")); !found {
			break
		}
		for _, o := range m.open {
			if bytes.HasPrefix(text, []byte(o.boundary)) || o.also != "" && bytes.HasPrefix(text, []byte(o.also)) {
				return true
			}
		}
	}
	return false
}

func (m *structure) keep(piece []byte) {
	m.line = append(m.line, piece[:min(len(piece), maxLine-len(m.line))]...)
}

// skipLines returns what is left of a piece that begins with a line, from the
// next line that can be a delimiter.
func skipLines(chunk []byte) []byte {
	if len(chunk) < 2 || chunk[0] == '-' && chunk[1] == '-' {
		return chunk
	}
	if i := bytes.Index(chunk, []byte("\n--")); i >= 0 {
		return chunk[i+1:]
	}
	return chunk[bytes.LastIndexByte(chunk, '\n')+1:]
}

// take takes a line with its end, of which at most maxLine octets.
func (m *structure) take(line []byte) {
	switch {
	case m.delimiter(line):
	case m.state == heading:
		m.headerLine(line)
	case m.state == sniffing && m.start.add(line):
		m.judge()
	}
}

// delimiter acts on a line if it is a delimiter (RFC 2046 section 5.1.1). It has
// to match as a whole, so that one boundary may be the beginning of another; what
// only begins like one is a delimiter to some readers.
func (m *structure) delimiter(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("--"))
	if !ok {
		return false
	}
	like := false
	if len(line) < maxLine {
		rest = bytes.TrimRight(rest, " \t\r\n")
	}
	for i := len(m.open) - 1; i >= 0; i-- {
		if also := m.open[i].also; also != "" && bytes.HasPrefix(rest, []byte(also)) {
			m.doubt()
			return true
		}
		boundary := m.open[i].boundary
		if len(rest) < len(boundary) || string(rest[:len(boundary)]) != boundary {
			continue
		}
		like = true
		switch string(rest[len(boundary):]) {
		case "":
			m.nextPart(i + 1)
			return true
		case "--":
			m.endParts(i)
			return true
		}
	}
	if like {
		m.doubt()
	}
	return like
}

// nextPart begins a part of the multipart at depth.
func (m *structure) nextPart(depth int) {
	m.judge()
	m.open[depth-1].parted = true
	m.leave(depth)
	m.state, m.head, m.name, m.begun = heading, fields{}, "", false
	if m.parts++; m.parts > maxParts && !m.settled {
		m.doubt()
	}
}

// endParts ends a multipart, so that depth of them remain.
func (m *structure) endParts(depth int) {
	m.judge()
	m.leave(depth)
	if depth == 0 && !m.settled {
		m.settleNone()
	}
}

// leave leaves the multiparts within depth of them. One without a part has another
// boundary to some readers.
func (m *structure) leave(depth int) {
	for _, o := range m.open[depth:] {
		m.unsure = m.unsure || !o.parted
	}
	m.open = m.open[:depth]
}

// judge looks at the beginning of the content, if there is one to look at, or at a
// header that nothing follows.
func (m *structure) judge() {
	switch m.state {
	case heading:
		m.cutHeader()
	case sniffing:
		switch found := m.start.encrypted(); {
		case !found.Known():
			m.unsure = true
		case found != rules.Known("no"):
			m.settle(found)
		}
	}
	m.state = skipping
}

// finish ends the message.
func (m *structure) finish() {
	if m.settled {
		return
	}
	if len(m.line) > 0 {
		m.take(m.line)
	}
	m.judge()
	m.leave(0)
	if !m.settled {
		m.settleNone()
	}
}

// cutHeader ends the header of a part that has no blank line after it. To some
// readers that is a part without content, and others find no part.
func (m *structure) cutHeader() {
	m.endField()
	switch e := m.head.entity(&m.open[len(m.open)-1]); e.kind {
	case opaque, text, cms, inClear:
	case doubtful:
		m.doubt()
	default:
		m.unsure = true
	}
}

// headerLine takes a line of the header of a part. A CR within ends a line to some
// readers.
func (m *structure) headerLine(line []byte) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) == maxLine || bytes.IndexByte(text, '\r') >= 0 {
		m.doubt()
		return
	}
	folded := len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
	switch {
	case len(text) == 0:
		m.endField()
		m.enter(m.head.entity(&m.open[len(m.open)-1]))
		return
	case !folded:
		m.endField()
		name, value, ok := bytes.Cut(text, []byte(":"))
		if !ok {
			m.doubt()
			return
		}
		m.begun, text = true, value
		m.name = contentField(string(bytes.TrimRight(name, " \t")))
	case !m.begun:
		m.doubt()
		return
	}
	if m.name == "" {
		return
	}
	if len(m.value)+len(text) >= maxField {
		m.doubt()
		return
	}
	if folded {
		m.value = append(m.value, '\n') // a fold is no part of a value
	}
	m.value = append(m.value, text...)
}

func (m *structure) endField() {
	if m.name != "" {
		m.head.add(m.name, string(m.value))
	}
	m.value = m.value[:0]
}
