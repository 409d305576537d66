package rules

import (
	"slices"

	"tlswarden/internal/mailaddr"
)

// earlier finds, for a rule, those before it whose conditions could all be
// implied by its own. What holds for all mail that the rule matches holds for an
// example of it, so the rules are looked up by one example.
type earlier struct {
	policy *Policy
	rest   []int32
	byText map[fieldText][]int32 // rules of the index's "always" that name texts only
}

type fieldText struct {
	field FieldID
	text  string
}

func newEarlier(p *Policy) *earlier {
	x := &earlier{policy: p, byText: map[fieldText][]int32{}}
	if p.index == nil {
		return x
	}
	for _, i := range p.index.always {
		c := p.rules[i].textsOnly()
		if c == nil {
			x.rest = append(x.rest, i)
			continue
		}
		for t := range c.Set.any.texts {
			key := fieldText{c.Field.ID, t}
			x.byText[key] = append(x.byText[key], i)
		}
	}
	return x
}

// textsOnly is a condition of the rule that has nothing but texts and "!".
func (r *Rule) textsOnly() *Condition {
	for i := range r.When {
		c := &r.When[i]
		if e := &c.Set.any; e.count > 0 && len(e.texts) == e.count && !tlsFields.Has(c.Field.ID) {
			return c
		}
	}
	return nil
}

// before returns the candidates among the rules before one, in their order.
func (x *earlier) before(rule *Rule) []*Rule {
	near := x.near(rule)
	if i := slices.IndexFunc(near, func(r *Rule) bool { return r.index >= rule.index }); i >= 0 {
		near = near[:i]
	}
	return near
}

// near returns the candidates among all rules, in their order.
func (x *earlier) near(rule *Rule) []*Rule {
	if x.policy.index == nil {
		return x.policy.rules
	}
	var example Session
	found := slices.Clone(x.rest)
	for i := range rule.When {
		c := &rule.When[i]
		v, ok := c.Set.sample()
		if !ok {
			continue
		}
		found = append(found, x.named(c.Field.ID, v.Text)...)
		switch c.Field.ID {
		case FieldClient:
			example.Client = Known(v.Addr)
		case FieldSender:
			example.SetSender(v.Text)
		case FieldRecipient:
			example.SetRecipient(v.Text)
		}
		// A domain that stands by itself is as good as that of the address.
		switch c.Field.ID {
		case FieldSenderDomain:
			example.sender.domain = Known(v.Text)
		case FieldRecipientDomain:
			example.recipient.domain = Known(v.Text)
		}
	}
	found = x.policy.index.candidates(&example, found)
	var rules []*Rule
	for _, i := range found {
		rules = append(rules, x.policy.rules[i])
	}
	return rules
}

// named finds the rules that name a text, or the address without its extension.
func (x *earlier) named(f FieldID, text string) []int32 {
	found := x.byText[fieldText{f, text}]
	if f >= fieldCount || catalogue[f].Kind != KindMailbox {
		return found
	}
	local, domain := mailaddr.Split(text)
	for i := range local {
		if i > 0 {
			found = append(slices.Clip(found), x.byText[fieldText{f, mailaddr.Join(local[:i], domain)}]...)
		}
	}
	return found
}

// sampleTries bounds how many entries are tried for an example.
const sampleTries = 32

// sample is a value that the set holds, if one is found.
func (s *Set) sample() (v Value, ok bool) {
	if s.kind.spanned() {
		if spans := s.spans(s.in); len(spans) > 0 {
			return Value{Number: nearestZero(spans)}, true
		}
		return v, false
	}
	if values, ok := s.held(); ok {
		if len(values) > 0 {
			return Value{Text: values[0]}, true
		}
		return v, false
	}
	tries := 0
	s.any.each(func(x atom) bool {
		tries++
		v, ok = x.example(s.kind)
		ok = ok && s.holds(&v)
		return !ok && tries < sampleTries
	})
	return v, ok
}

func nearestZero(spans []span) int64 {
	last := spans[len(spans)-1]
	if last.from < 0 && last.to >= 0 {
		return 0
	}
	return last.from
}

// example is a value that an entry hits.
func (x atom) example(kind Kind) (Value, bool) {
	switch x.form {
	case formText:
		return Value{Text: x.text, Number: noSuite}, true
	case formSuffix:
		if kind == KindMailbox {
			return Value{Text: "someone@host." + x.text}, true
		}
		return Value{Text: "host." + x.text}, true
	case formDomain:
		return Value{Text: "someone@" + x.text}, true
	case formEnding:
		return Value{Text: "host" + x.text}, true
	case formLocal:
		return Value{Text: x.text + "@example.invalid"}, true
	case formPrefix:
		return Value{Addr: x.prefix.Addr()}, true
	case formSet:
		return x.set.sample()
	}
	return Value{}, false
}
