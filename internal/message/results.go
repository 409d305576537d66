package message

import (
	"strings"

	"golang.org/x/net/idna"

	"tlswarden/rules"
)

// method is an authentication method whose result is a fact.
type method uint8

// maxID is beyond the length of any domain name (RFC 1035 section 2.3.4), in
// octets: conversion of longer ids would only take time.
const maxID = 1024

const (
	spf method = iota
	dkim
	dmarc
	methods
)

// said is what is said of a method: at first nothing.
type said struct {
	word string
	torn bool // different things
}

func (s *said) add(word string) {
	if s.word == "" {
		s.word = word
	}
	s.torn = s.torn || s.word != word
}

// results gathers what the Authentication-Results of trusted ids say.
type results struct {
	trusted []string
	seen    []bool // by index in trusted
	spoiled bool   // nothing can be believed
	none    bool   // some id says that it did nothing
	said    [methods]said
}

// add takes the value of an Authentication-Results field.
func (r *results) add(value string) {
	id, ok := AuthservID(value)
	if !ok {
		return
	}
	for i, t := range r.trusted {
		if SameID(t, id) {
			r.addTrusted(i, value)
			return
		}
	}
}

func (r *results) addTrusted(i int, value string) {
	if r.seen == nil {
		r.seen = make([]bool, len(r.trusted))
	}
	if r.seen[i] {
		r.spoiled = true
	}
	r.seen[i] = true
	if r.spoiled {
		return
	}
	field, ok := parseResults(value)
	if !ok {
		r.spoiled = true
		return
	}
	r.none = r.none || field.none
	for m, s := range field.said {
		if s.word != "" {
			r.said[m].add(s.word)
			r.said[m].torn = r.said[m].torn || s.torn
		}
	}
}

func (r *results) fact(m method) rules.Fact[string] {
	switch s := r.said[m]; {
	case r.spoiled || s.torn:
	case s.word != "":
		return rules.Known(s.word)
	case r.none:
		return rules.Known("none")
	}
	return rules.Fact[string]{}
}

// AuthservID returns the authserv-id of the value of an Authentication-Results
// field (RFC 8601 section 2.2), whatever follows it, so that forged fields can
// be found. It is false if the value does not begin with one, or it is followed by
// what cannot stand there; the id is then what it begins with.
func AuthservID(value string) (id string, ok bool) {
	l := lexer{text: value}
	id = l.id()
	return id, !l.bad && (l.end() || strings.IndexByte("; \t\r\n(", l.peek()) >= 0)
}

// SameID says whether two authserv-ids are the same: regardless of case and,
// if they are domain names, of the form of international labels (RFC 8601
// section 2.5 and RFC 5890).
func SameID(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	if isASCII(a) == isASCII(b) || max(len(a), len(b)) > maxID {
		return false
	}
	x, err := idna.Lookup.ToASCII(a)
	if err != nil {
		return false
	}
	y, err := idna.Lookup.ToASCII(b)
	return err == nil && x == y
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
