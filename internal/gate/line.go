package gate

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tlswarden/internal/tlsname"
	"tlswarden/rules"
)

// Format is how decision lines are rendered.
type Format uint8

// The formats.
const (
	Logfmt     Format = iota // key=value, with the time
	JSON                     // an object a line, with the time
	LogfmtBare               // key=value without the time, for syslog
)

// line renders one log line by appending to a buffer. Each value has a separator
// after it.
type line struct {
	format Format
	buf    []byte
	clock  clock
}

// line returns an empty line, which is to be put back into spare.
func (g *Gate) line() *line {
	l, _ := g.spare.Get().(*line)
	if l == nil {
		l = &line{format: g.format}
	}
	l.buf = l.buf[:0]
	return l
}

// maxField bounds a value from outside in the log, in bytes.
const maxField = 320 // an address has up to 64 + 1 + 255 octets, RFC 5321 section 4.5.3.1

// decision renders all but the end of a decision's line. Keys whose fact is
// unknown or empty are left out.
func (l *line) decision(at time.Time, front Front, d *rules.Decision, s *rules.Session, ref string, took time.Duration) {
	l.head(at)
	l.text("msg", "decision")
	l.text("id", d.ID)
	l.text("action", d.Action.String())
	l.some("rule", d.RuleName())
	for rule, i := range d.Exceptions() {
		l.text("exception", exceptionAt(&rule.Except[i]))
		break // the first; the counts have all
	}
	l.text("front", string(front))
	l.ref(ref)
	l.who(s)
	l.encryption(s)
	l.envelope(s)
	l.some("shortfall", d.Shortfall(s))
	if d.Action >= rules.Defer {
		l.number("code", int64(d.Reply.Code))
	}
	if d.Softened != 0 {
		l.text("softened", d.Softened.String())
	}
	if d.Quarantined && d.Action == rules.Quarantine && d.Tagged {
		l.text("tagged", "true")
	}
	if d.Would > rules.Accept {
		l.text("would", d.Would.String())
		l.some("would_rule", d.WouldRuleName())
	}
	l.number("us", took.Microseconds())
}

// failure renders all but the end of the line of a mail for which there is no
// verdict.
func (l *line) failure(at time.Time, front Front, id, action string, s *rules.Session, ref string, why error) {
	l.head(at)
	l.text("msg", "decision")
	l.text("id", id)
	l.text("action", action)
	l.text("front", string(front))
	l.ref(ref)
	l.who(s)
	l.encryption(s)
	l.envelope(s)
	l.text("error", why.Error())
}

// ref appends how the MTA's log names the session.
func (l *line) ref(ref string) {
	for pair := range strings.FieldsSeq(ref) {
		if key, value, ok := strings.Cut(pair, "="); ok {
			l.text(key, value)
		}
	}
}

func (l *line) who(s *rules.Session) {
	if a, ok := s.Client.Get(); ok && a.IsValid() {
		l.addr("client", a)
	}
	l.fact("client_name", s.ClientName)
	l.fact("helo", s.Helo)
	l.fact("sasl_user", s.SASLUser)
}

func (l *line) encryption(s *rules.Session) {
	used, known := s.TLSUsed().Get()
	switch {
	case !known:
		l.text("tls", "unknown")
		return
	case !used:
		l.text("tls", "none")
		return
	}
	l.text("tls", s.TLSVersion().Or(tlsname.VersionUnknown).String())
	l.fact("cipher", s.Cipher())
	if n, ok := s.CipherBits().Get(); ok {
		l.number("bits", int64(n))
	}
	switch verified, known := s.CertVerified().Get(); {
	case verified:
		l.text("cert", "trusted")
	case s.CertPresented().Or(false) && known:
		l.text("cert", "untrusted")
	case s.CertPresented().Or(false):
		l.text("cert", "presented")
	}
}

func (l *line) envelope(s *rules.Session) {
	if a, ok := s.Sender().Get(); ok {
		if a == "" {
			a = "<>"
		}
		l.text("sender", a)
	}
	l.fact("recipient", s.Recipient())
}

// head begins a line with its time.
func (l *line) head(at time.Time) {
	switch l.format {
	case JSON:
		b := l.key(append(l.buf, '{'), "time")
		b = l.clock.append(append(b, '"'), at)
		l.buf = append(b, '"', ',')
	case Logfmt:
		l.buf = append(l.clock.append(l.key(l.buf, "time"), at), ' ')
	}
}

// end ends a line, with the queue id if there is one.
func (l *line) end(queueID string) {
	l.some("queue_id", queueID)
	b := l.buf[:len(l.buf)-1]
	if l.format == JSON {
		b = append(b, '}')
	}
	l.buf = append(b, '\n')
}

// key appends a key to b, which is the line's buffer.
func (l *line) key(b []byte, k string) []byte {
	if l.format == JSON {
		b = append(append(b, '"'), k...)
		return append(b, '"', ':')
	}
	return append(append(b, k...), '=')
}

func (l *line) separator() byte {
	if l.format == JSON {
		return ','
	}
	return ' '
}

func (l *line) number(k string, n int64) {
	b := strconv.AppendInt(l.key(l.buf, k), n, 10)
	l.buf = append(b, l.separator())
}

func (l *line) addr(k string, a netip.Addr) {
	b := l.key(l.buf, k)
	if l.format == JSON {
		b = append(a.AppendTo(append(b, '"')), '"')
	} else {
		b = a.AppendTo(b)
	}
	l.buf = append(b, l.separator())
}

// fact appends a known value that is not empty.
func (l *line) fact(k string, f rules.Fact[string]) {
	v, _ := f.Get()
	l.some(k, v)
}

// some appends a value that is not empty.
func (l *line) some(k, v string) {
	if v != "" {
		l.text(k, v)
	}
}

// text appends a value. What comes from outside cannot end the line or the
// value: control characters, quotes and backslashes are escaped.
func (l *line) text(k, v string) {
	if len(v) > maxField {
		v = v[:maxField]
	}
	b := l.key(l.buf, k)
	if l.format != JSON && bare(v) {
		b = append(b, v...)
	} else {
		b = appendQuoted(b, v)
	}
	l.buf = append(b, l.separator())
}

// bare says whether logfmt needs no quotes.
func bare(v string) bool {
	for i := range len(v) {
		if !plain[v[i]] {
			return false
		}
	}
	return v != ""
}

// plain are the octets that mean nothing in logfmt.
var plain = func() (is [256]bool) {
	for c := '!'; c <= '~'; c++ {
		is[c] = c != '"' && c != '=' && c != '\\'
	}
	return is
}()

// clock renders times. Many lines have the same second, which takes longer to
// render than all else of a line.
type clock struct {
	second int64
	at     *time.Location
	text   []byte // of the second, up to the fraction
	zone   []byte
}

// append appends a time as RFC 3339 has it, with milliseconds.
func (c *clock) append(b []byte, t time.Time) []byte {
	if s := t.Unix(); s != c.second || t.Location() != c.at || c.text == nil {
		c.second, c.at = s, t.Location()
		c.text = t.AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
		c.zone = t.AppendFormat(c.zone[:0], "Z07:00")
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	b = append(b, c.text...)
	b = append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	return append(b, c.zone...)
}

const hex = "0123456789abcdef"

// appendQuoted appends a JSON string, which serves logfmt, too.
func appendQuoted(b []byte, v string) []byte {
	b = append(b, '"')
	for i := 0; i < len(v); {
		c := v[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c < ' ' || c == 0x7f:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(v[i:])
		if r == utf8.RuneError && n == 1 || r < 0xa0 || r == 0x2028 || r == 0x2029 {
			b = append(b, `\ufffd`...)
		} else {
			b = append(b, v[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}
