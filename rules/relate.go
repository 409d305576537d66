package rules

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"tlswarden/internal/tlsname"
)

// relations tells how sets stand to each other, for check. A yes is certain; a
// no may only mean that it cannot be told. It remembers what it found out about
// lists, which many rules share.
type relations struct {
	memo      map[setInEntries]bool
	plaintext Session
	loopback  *Set // the addresses for which the fact "local" is true
}

func newRelations() *relations {
	r := &relations{memo: map[setInEntries]bool{}, loopback: NewSet(KindAddress)}
	r.plaintext.SetPlaintext()
	_ = r.loopback.Add("127.0.0.0/8") // the forms are right
	_ = r.loopback.Add("::1")
	return r
}

type setInEntries struct {
	set *Set
	in  *entries
}

// atom is one entry of a set.
type atom struct {
	form   form
	text   string // a text, suffix, local part or pattern
	number int64
	prefix netip.Prefix
	set    *Set
}

type form uint8

const (
	formText form = iota
	formSuffix
	formDomain // all addresses of a domain
	formEnding
	formLocal
	formNumber
	formPrefix
	formPattern
	formSet
)

// each calls f for every entry but comparisons, until f says no; it returns
// whether f never did.
func (e *entries) each(f func(atom) bool) bool {
	for t := range e.texts {
		if !f(atom{form: formText, text: t}) {
			return false
		}
	}
	for t := range e.suffixes {
		if !f(atom{form: formSuffix, text: t}) {
			return false
		}
	}
	for t := range e.domains {
		if !f(atom{form: formDomain, text: t}) {
			return false
		}
	}
	for t := range e.endings {
		if !f(atom{form: formEnding, text: t}) {
			return false
		}
	}
	for t := range e.locals {
		if !f(atom{form: formLocal, text: t}) {
			return false
		}
	}
	for n := range e.numbers {
		if !f(atom{form: formNumber, number: n}) {
			return false
		}
	}
	for p := range e.prefixes {
		if !f(atom{form: formPrefix, prefix: p}) {
			return false
		}
	}
	for _, re := range e.patterns {
		if !f(atom{form: formPattern, text: re.String()}) {
			return false
		}
	}
	for _, s := range e.sets {
		if !f(atom{form: formSet, set: s}) {
			return false
		}
	}
	return true
}

// value is the one value that an entry stands for, if it stands for one. A
// mailbox stands for all its extensions, too, and a cipher suite has two entries.
func (x atom) value(kind Kind) (Value, bool) {
	switch {
	case x.form == formText && kind != KindMailbox && kind != KindCipher:
		return Value{Text: x.text}, true
	case x.form == formPrefix && x.prefix.IsSingleIP():
		return Value{Addr: x.prefix.Addr()}, true
	}
	return Value{}, false
}

// spanned says whether the values of a kind are numbers whose sets are compared
// as spans.
func (k Kind) spanned() bool { return k.Ordered() || k == KindBool }

// onlyExcludes says whether a set has no entries but those with "!".
func (s *Set) onlyExcludes() bool { return s.any.count == 0 && s.none.count > 0 }

// within says whether each value that a holds is held by b.
func (r *relations) within(a, b *Set) bool {
	if a == b {
		return true
	}
	if a.hasEmpty() || b.Ends() {
		return false
	}
	if inner, ok := a.held(); ok {
		if outer, ok := b.held(); ok {
			return valuesWithin(inner, outer)
		}
	}
	if a.kind.spanned() {
		return spansWithin(a.spans(a.in), b.spans(a.in))
	}
	excluded := b.none.count == 0 || r.coversAll(&a.none, a.kind, &b.none)
	if a.any.count == 0 {
		return a.none.count > 0 && b.onlyExcludes() && excluded
	}
	return a.any.each(func(x atom) bool {
		if v, ok := x.value(a.kind); ok {
			return !a.holds(&v) || b.holds(&v)
		}
		return excluded && (b.onlyExcludes() || r.covers(&b.any, a.kind, x))
	})
}

// hasEmpty says whether a set names a list without entries, or with some that end:
// it holds what it does today only, so nothing is concluded from that.
func (s *Set) hasEmpty() bool { return s.any.hasEmpty() || s.none.changes() }

func (e *entries) hasEmpty() bool {
	return e.changes() || slices.ContainsFunc(e.sets, func(l *Set) bool { return l.Len() == 0 })
}

// Ends says whether some of the entries end.
func (s *Set) Ends() bool { return s.any.changes() || s.none.changes() }

// changes says whether some of the entries end.
func (e *entries) changes() bool {
	return slices.ContainsFunc(e.sets, func(l *Set) bool { return l.until != 0 || l.Ends() })
}

func (r *relations) coversAll(e *entries, kind Kind, others *entries) bool {
	return others.each(func(x atom) bool { return r.covers(e, kind, x) })
}

// covers says whether the entries, as "any of", hit all that another entry
// hits.
func (r *relations) covers(e *entries, kind Kind, x atom) bool {
	if v, ok := x.value(kind); ok {
		return e.hit(kind, &v)
	}
	if x.form == formSet {
		return slices.Contains(e.sets, x.set) || r.coversSet(e, x.set)
	}
	if e.coversPlain(x) {
		return true
	}
	return slices.ContainsFunc(e.sets, func(s *Set) bool {
		return s.none.count == 0 && r.covers(&s.any, kind, x)
	})
}

func (e *entries) coversPlain(x atom) bool {
	switch x.form {
	case formText: // of a mailbox or a cipher suite
		if hit(e.texts, x.text) {
			return true
		}
		return strings.Contains(x.text, "@") && e.hitMailbox(x.text)
	case formSuffix:
		return hit(e.suffixes, x.text) || e.hitSuffix(x.text)
	case formDomain:
		return hit(e.domains, x.text) || e.hitSuffix(x.text)
	case formEnding:
		return hit(e.endings, x.text) || e.hitEnding(x.text)
	case formLocal:
		return e.hitLocal(x.text)
	case formNumber:
		return hit(e.numbers, x.number)
	case formPrefix:
		return e.coversPrefix(x.prefix)
	case formPattern:
		return slices.ContainsFunc(e.patterns, func(re *regexp.Regexp) bool { return re.String() == x.text })
	}
	return false
}

func (e *entries) coversPrefix(p netip.Prefix) bool {
	for _, l := range e.lengths {
		if c, ok := cover(p.Addr(), l); ok && c.Bits() <= p.Bits() && hit(e.prefixes, c) {
			return true
		}
	}
	return false
}

func (r *relations) coversSet(e *entries, s *Set) bool {
	if s.any.count == 0 {
		return false
	}
	key := setInEntries{s, e}
	if known, ok := r.memo[key]; ok {
		return known
	}
	covered := s.any.each(func(x atom) bool {
		if v, ok := x.value(s.kind); ok && !s.holds(&v) {
			return true
		}
		return r.covers(e, s.kind, x)
	})
	r.memo[key] = covered
	return covered
}

// never says whether a set holds no value of a field at all, though it has
// entries.
func (r *relations) never(f *Field, s *Set) bool {
	if s.hasEmpty() || s.Len() == 0 {
		return false
	}
	if s.kind.spanned() {
		return len(s.spans(f.bounds())) == 0
	}
	if values, ok := s.held(); ok {
		return len(values) == 0
	}
	return s.any.count > 0 && s.any.each(func(x atom) bool {
		if v, ok := x.value(s.kind); ok {
			return !s.holds(&v)
		}
		return x.form == formSet && r.never(f, x.set) || r.covers(&s.none, s.kind, x)
	})
}

// span is the numbers from one to another, both included.
type span struct{ from, to int64 }

var allNumbers = span{math.MinInt64, math.MaxInt64}

// bounds are the numbers that a field of this kind can have.
func (k Kind) bounds() span {
	switch k {
	case KindBool:
		return span{0, 1}
	case KindVersion:
		return span{int64(tlsname.Plaintext), int64(tlsname.TLSv1_3)}
	case KindNumber:
		return span{0, math.MaxInt64}
	}
	return allNumbers
}

// bounds are the numbers that the field can have.
func (f *Field) bounds() span {
	switch {
	case f.ID == FieldClientPort || f.ID == FieldServerPort:
		return span{0, math.MaxUint16}
	case f.ID >= fieldCount && f.Kind == KindNumber: // of a plugin
		return allNumbers
	}
	return f.Kind.bounds()
}

// spans are the numbers within bounds that a set holds, in order and apart.
func (s *Set) spans(in span) []span {
	var any []span
	if s.onlyExcludes() {
		any = []span{in}
	} else {
		any = s.any.spans(in)
	}
	return without(any, s.none.spans(in))
}

func (e *entries) spans(in span) []span {
	var all []span
	add := func(from, to int64) {
		if from, to = max(from, in.from), min(to, in.to); from <= to {
			all = append(all, span{from, to})
		}
	}
	for n := range e.numbers {
		add(n, n)
	}
	for _, c := range e.compares {
		if s, ok := c.span(); ok {
			add(s.from, s.to)
		}
	}
	for _, s := range e.sets {
		all = append(all, s.spans(in)...)
	}
	return joined(all)
}

// span is the numbers for which the comparison holds, if there are any.
func (c comparison) span() (span, bool) {
	switch c.op {
	case "<":
		return span{math.MinInt64, c.bound - 1}, c.bound > math.MinInt64
	case "<=":
		return span{math.MinInt64, c.bound}, true
	case ">":
		return span{c.bound + 1, math.MaxInt64}, c.bound < math.MaxInt64
	}
	return span{c.bound, math.MaxInt64}, true
}

// joined sorts spans and joins those that touch.
func joined(all []span) []span {
	slices.SortFunc(all, func(a, b span) int {
		switch {
		case a.from < b.from:
			return -1
		case a.from > b.from:
			return 1
		}
		return 0
	})
	var out []span
	for _, s := range all {
		if n := len(out); n > 0 && (out[n-1].to == math.MaxInt64 || s.from <= out[n-1].to+1) {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// without takes the numbers of one list of spans out of another, both in order
// and apart.
func without(from, take []span) []span {
	var out []span
	for _, s := range from {
		for len(take) > 0 && take[0].to < s.from {
			take = take[1:]
		}
		left := true
		for i := 0; left && i < len(take) && take[i].from <= s.to; i++ {
			if s.from < take[i].from {
				out = append(out, span{s.from, take[i].from - 1})
			}
			if left = take[i].to < s.to; left {
				s.from = take[i].to + 1
			}
		}
		if left {
			out = append(out, s)
		}
	}
	return out
}

func spansWithin(inner, outer []span) bool {
	for _, s := range inner {
		if !slices.ContainsFunc(outer, func(o span) bool { return o.from <= s.from && s.to <= o.to }) {
			return false
		}
	}
	return len(inner) > 0
}
