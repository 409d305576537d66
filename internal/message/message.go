package message

import (
	"strings"

	"tlswarden/rules"
)

// Wants says what is asked for; what is not asked for costs nothing.
type Wants struct {
	Encrypted   bool     // Facts.Encrypted
	TLSRequired bool     // Facts.TLSRequiredNo
	Trusted     []string // authserv-ids whose Authentication-Results count; none: no results
}

// Facts is what a message says of itself. What was not asked for is unknown.
type Facts struct {
	Encrypted     rules.Fact[string] // "smime", "pgp" or "no"
	TLSRequiredNo rules.Fact[bool]
	// The result in lower case: "pass", "fail", "none" and so on (RFC 8601
	// section 2.7).
	SPF, DKIM, DMARC rules.Fact[string]
}

// Scanner reads one message: Header for each field, WantsBody, Body for each
// piece, Facts.
type Scanner struct {
	wants       Wants
	tlsRequired tlsRequired
	results     results
	head        fields
	begun       bool
	body        structure
}

// NewScanner returns a scanner for one message.
func NewScanner(w Wants) *Scanner {
	return &Scanner{wants: w, results: results{trusted: w.Trusted}}
}

// Header takes a header field of the message, as the milter protocol gives it:
// the value may begin with a blank and be folded, with or without CR. Fields
// after the body has begun are ignored.
func (s *Scanner) Header(name, value string) {
	if s.begun {
		return
	}
	name = strings.TrimRight(name, " \t")
	s.head.broken = s.head.broken || s.wants.Encrypted && hasBareCR(value)
	switch known := contentField(name); {
	case s.wants.Encrypted && known != "":
		s.head.add(known, value)
	case s.wants.TLSRequired && strings.EqualFold(name, "TLS-Required"):
		s.tlsRequired.add(value)
	case len(s.wants.Trusted) > 0 && strings.EqualFold(name, "Authentication-Results"):
		s.results.add(value)
	}
}

// hasBareCR reports whether a value has a CR in it that ends no line: to some readers
// another field follows it, or the body.
func hasBareCR(value string) bool {
	for {
		_, rest, found := strings.Cut(value, "\r")
		if !found || rest == "" {
			return false
		}
		if rest[0] != '\n' {
			return true
		}
		value = rest
	}
}

// Distrust makes the results of SPF, DKIM and DMARC unknown: not all of the
// header was seen, and what is missing may contradict what is there.
func (s *Scanner) Distrust() { s.results.spoiled = true }

// WantsBody says, once the header is complete, whether the body can still change
// anything.
func (s *Scanner) WantsBody() bool {
	if !s.begun {
		s.begun = true
		if s.wants.Encrypted {
			s.body.enter(s.head.entity(nil))
			s.head = fields{}
		}
	}
	return s.wants.Encrypted && !s.body.settled
}

// Body takes a piece of the body and says whether more is needed. It keeps
// nothing of the piece.
func (s *Scanner) Body(chunk []byte) (more bool) {
	if s.WantsBody() {
		s.body.write(chunk)
	}
	return s.WantsBody()
}

// Facts returns what was found, and ends the message.
func (s *Scanner) Facts() Facts {
	var f Facts
	if s.WantsBody() {
		s.body.finish()
	}
	f.Encrypted = s.body.encrypted
	if s.wants.TLSRequired {
		f.TLSRequiredNo = s.tlsRequired.fact()
	}
	f.SPF, f.DKIM, f.DMARC = s.results.fact(spf), s.results.fact(dkim), s.results.fact(dmarc)
	return f
}

// tlsRequired is what the TLS-Required fields say.
type tlsRequired struct {
	fields    int
	no, vague bool
}

// add takes a field: one word, and comments. Anything else may be a "No" to some
// readers.
func (t *tlsRequired) add(value string) {
	t.fields++
	l := lexer{text: value}
	l.space()
	t.no = strings.EqualFold(l.span(isToken), "No")
	l.space()
	t.vague = l.bad || !l.end()
}

func (t *tlsRequired) fact() rules.Fact[bool] {
	if t.fields > 1 || t.vague { // RFC 8689 section 3
		return rules.Fact[bool]{}
	}
	return rules.Known(t.no)
}
