package rules

import (
	"net/netip"
	"regexp"
	"strings"
	"time"

	"tlswarden/internal/mailaddr"
)

// Set is a compiled list of the entries that a condition names, for one kind of
// field: the value of a condition, or a [list] of a rule file. Entries are
// "any of"; entries with "!" exclude.
type Set struct {
	kind  Kind
	field *Field // whose values are listed; nil: any value of the kind
	in    span   // the numbers that its fields can have
	until int64  // from then on, in Unix seconds, it holds nothing as a part of another; 0: it always counts
	any   entries
	none  entries
}

// entries holds values of one sort, each in the form in which it is found
// fastest.
type entries struct {
	count    int
	texts    map[string]struct{}       // exact values, normalised
	suffixes map[string]struct{}       // ".example.org", without the dot
	domains  map[string]struct{}       // "*@example.org", without the "*@", for mailboxes
	endings  map[string]struct{}       // ".example.org" or "@example.org", for names and texts
	locals   map[string]struct{}       // "user@", without the "@"
	numbers  map[int64]struct{}        // exact values and code points
	prefixes map[netip.Prefix]struct{} // CIDR blocks
	lengths  []uint8                   // the lengths of the blocks: IPv4 as they are, IPv6 plus 128
	patterns []*regexp.Regexp
	compares []comparison
	sets     []*Set

	delimiters string         // of address extensions, for mailboxes
	zone       *time.Location // of dates without one
}

// comparison is "< n" and its like.
type comparison struct {
	op    string
	bound int64
}

// NewSet returns an empty set for fields of one kind.
func NewSet(kind Kind) *Set {
	s := &Set{kind: kind, in: kind.bounds()}
	s.SetDelimiters(mailaddr.DefaultDelimiters)
	s.SetZone(time.Local)
	return s
}

// NewSet returns an empty set for conditions on the field. If the values that
// the field can have are listed, entries that hit none of them are refused.
func (f *Field) NewSet() *Set {
	s := NewSet(f.Kind)
	s.in = f.bounds()
	if f.Values() != nil {
		s.field = f
	}
	return s
}

// SetDelimiters says which characters part an address extension from the name
// before it, for mailboxes; none: addresses have no extensions.
func (s *Set) SetDelimiters(chars string) { s.any.delimiters, s.none.delimiters = chars, chars }

// SetZone says in which time zone dates are that name none.
func (s *Set) SetZone(zone *time.Location) { s.any.zone, s.none.zone = zone, zone }

// Kind is the kind of field that the set is for.
func (s *Set) Kind() Kind { return s.kind }

// Len is the number of entries.
func (s *Set) Len() int { return s.any.count + s.none.count }

// Add compiles one entry as it stands in a rule file: a string, an integer, a
// boolean or a time. A string may begin with "!" to exclude, hold a comparison
// where the field is ordered, or a regular expression between slashes (RE2).
// The error says what is wrong in the admin's words.
func (s *Set) Add(entry any) error {
	to, entry := s.side(entry)
	if err := s.possible(entry); err != nil {
		return err
	}
	if err := to.add(s.kind, entry); err != nil {
		return err
	}
	to.count++
	return nil
}

// AddUntil compiles an entry that counts before a point of time.
func (s *Set) AddUntil(entry any, until time.Time) error {
	to, entry := s.side(entry)
	if err := to.before(s, until.Unix()).Add(entry); err != nil {
		return err
	}
	to.count++
	return nil
}

// side is where an entry belongs, and the entry without its "!".
func (s *Set) side(entry any) (*entries, any) {
	if text, ok := entry.(string); ok {
		if rest, negated := strings.CutPrefix(text, "!"); negated {
			return &s.none, strings.TrimSpace(rest)
		}
	}
	return &s.any, entry
}

// before returns the set of the entries of s that count before a point of time.
func (e *entries) before(s *Set, until int64) *Set {
	for _, part := range e.sets {
		if part.until == until {
			return part
		}
	}
	part := NewSet(s.kind)
	part.field, part.in, part.until = s.field, s.in, until
	part.SetDelimiters(e.delimiters)
	part.SetZone(e.zone)
	e.sets = append(e.sets, part)
	return part
}

// AddSet adds another set of the same kind as one entry.
func (s *Set) AddSet(other *Set, negated bool) {
	to := &s.any
	if negated {
		to = &s.none
	}
	to.sets = append(to.sets, other)
	to.count++
}

// Holds says whether a value is in the set: no entry with "!" hits and, unless
// there are only such entries, one of the others does.
func (s *Set) Holds(v Value) bool { return s.holds(&v) }

func (s *Set) holds(v *Value) bool {
	if s.none.count > 0 && s.none.hit(s.kind, v) {
		return false
	}
	return s.any.count == 0 && s.none.count > 0 || s.any.hit(s.kind, v)
}

// counts reports whether a part of another set does at the time of the question.
func (s *Set) counts(v *Value) bool { return s.until == 0 || v.at < s.until }

func (e *entries) hit(kind Kind, v *Value) bool {
	if e.hitExact(kind, v) || v.Other != "" && e.hitText(kind, v.Other) {
		return true
	}
	for _, c := range e.compares {
		if c.holds(v.Number) {
			return true
		}
	}
	for _, p := range e.patterns {
		if p.MatchString(v.Text) || v.Other != "" && p.MatchString(v.Other) {
			return true
		}
	}
	for _, s := range e.sets {
		if s.counts(v) && s.holds(v) {
			return true
		}
	}
	return false
}

func (e *entries) hitExact(kind Kind, v *Value) bool {
	switch kind {
	case KindAddress:
		return e.hitAddress(v.Addr)
	case KindNumber, KindBool, KindVersion, KindTime:
		return hit(e.numbers, v.Number)
	case KindCipher:
		return v.Number >= 0 && hit(e.numbers, v.Number) || hit(e.texts, strings.ToLower(v.Text))
	}
	return e.hitText(kind, v.Text)
}

func (e *entries) hitText(kind Kind, text string) bool {
	switch kind {
	case KindName:
		text = strings.ToLower(text)
		return hit(e.texts, text) || e.hitEnding(text)
	case KindText:
		return hit(e.texts, text) || len(e.endings) > 0 && e.hitEnding(strings.ToLower(text))
	case KindDomain:
		return hit(e.texts, text) || e.hitSuffix(text)
	case KindMailbox:
		return e.hitMailbox(text)
	}
	return hit(e.texts, text)
}

// hit looks a key up; most sets lack most of the maps.
func hit[K comparable](m map[K]struct{}, key K) bool {
	if len(m) == 0 {
		return false
	}
	_, ok := m[key]
	return ok
}

func (e *entries) hitAddress(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	for _, l := range e.lengths {
		if p, ok := cover(a, l); ok && hit(e.prefixes, p) {
			return true
		}
	}
	return false
}

// hitSuffix says whether one of the domains above this one is wanted with its
// subdomains.
func (e *entries) hitSuffix(domain string) bool {
	if len(e.suffixes) == 0 {
		return false
	}
	for {
		i := strings.IndexByte(domain, '.')
		if i < 0 {
			return false
		}
		domain = domain[i+1:]
		if hit(e.suffixes, domain) {
			return true
		}
	}
}

func (c comparison) holds(n int64) bool {
	switch c.op {
	case "<":
		return n < c.bound
	case "<=":
		return n <= c.bound
	case ">":
		return n > c.bound
	}
	return n >= c.bound
}
