package message

import (
	"slices"
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

// field is the fact that the method's result is.
func (m method) field() *rules.Field {
	return rules.FieldByID([...]rules.FieldID{rules.FieldMessageSPF, rules.FieldMessageDKIM, rules.FieldMessageDMARC}[m])
}

// registered reports whether a word is a result of the method. What another word
// means, only the filter's author knows.
func (m method) registered(word string) bool { return slices.Contains(m.field().Values(), word) }

// said is what is said of a method: at first nothing.
type said struct {
	word string
	torn bool // different things
}

func (s *said) add(other said) {
	switch {
	case other.word == "":
		return
	case s.word == "":
		s.word = other.word
	}
	s.torn = s.torn || other.torn || s.word != other.word
}

// results gathers what the Authentication-Results of trusted ids say.
type results struct {
	trusted []string
	ids     []fieldResults // by index in trusted
	spoiled bool           // nothing can be believed
}

// add takes the value of an Authentication-Results field.
func (r *results) add(value string) {
	id, _ := AuthservID(value) // what follows the id may be broken
	if id == "" || r.spoiled {
		return
	}
	for i, t := range r.trusted {
		if SameID(t, id) {
			r.addTrusted(i, value)
			return
		}
	}
}

// addTrusted takes a field of a trusted id. What cannot be read might contradict
// any other field. Fields of one id complement each other, as filters of one host
// write them. If they contradict each other, one may be forged, and so may one of
// two that say the same of a method: where the filter is silent, either is.
func (r *results) addTrusted(i int, value string) {
	field, ok := parseResults(value)
	if !ok {
		r.spoiled = true
		return
	}
	if r.ids == nil {
		r.ids = make([]fieldResults, len(r.trusted))
	}
	of := &r.ids[i]
	of.none, of.some = of.none || field.none, of.some || field.some
	r.spoiled = of.none && of.some
	for m, is := range field.said {
		was := of.said[m].word
		of.said[m].add(is)
		if was != "" && is.word != "" {
			of.said[m].torn = true
			r.spoiled = r.spoiled || was != is.word
		}
	}
}

func (r *results) fact(m method) rules.Fact[string] {
	var all said
	none := false
	for i := range r.ids {
		all.add(r.ids[i].said[m])
		none = none || r.ids[i].none
	}
	switch {
	case r.spoiled || all.torn:
	case all.word == "" && none:
		return rules.Known("none")
	case m.registered(all.word):
		return rules.Known(all.word)
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
