package rules

import (
	"slices"
	"time"
)

// Overruled is a rule with a weaker action before one with a stronger one for all of
// its mail, so that the weaker never is the verdict. Who writes that means an
// exception.
type Overruled struct{ Rule, By *Rule }

// Overruled finds such rules. What it finds is certain, but it does not find all.
func (p *Policy) Overruled() []Overruled {
	var found []Overruled
	r, x := newRelations(), newEarlier(p)
	for _, rule := range p.rules {
		if rule.Exempts() || rule.onlyRecords() || rule.OnUnknown.known {
			continue
		}
		for _, by := range x.near(rule) {
			if by.index > rule.index && r.overrules(by, rule) {
				found = append(found, Overruled{rule, by})
				break
			}
		}
	}
	return found
}

// overrules says whether a rule does more than an earlier one, whenever that one does
// anything.
func (r *relations) overrules(by, rule *Rule) bool {
	if by.Observe || by.Expires.known || len(by.Rollout) > 0 || len(by.Except) > 0 || by.OnUnknown.known || by.Does() < Defer || by.Does() <= rule.most() {
		return false
	}
	return r.impliesAll(rule.When, by.When) && r.fallsShort(rule, by)
}

// most is the strongest that the rule ever does.
func (r *Rule) most() Action {
	most := r.Does()
	for a := most + 1; a <= Reject; a++ {
		if r.MayDo(a) {
			most = a
		}
	}
	return most
}

// fallsShort says whether mail that an earlier rule does something to falls short of
// what a rule requires.
func (r *relations) fallsShort(rule, by *Rule) bool {
	switch {
	case by.Require == nil:
		return true
	case rule.Require != nil:
		return r.stricter(by.Require, rule.Require)
	}
	return slices.ContainsFunc(rule.When, func(c Condition) bool { return tlsFields.Has(c.Field.ID) && onlyPlaintext(&c) })
}

// Lifting is an exemption, and the later rules that it lifts: those that would do
// something to mail that it is for.
type Lifting struct {
	Rule      *Rule
	Lifts     []*Rule // all, or one of them if not everybody can claim to be who is exempt
	Claimable bool    // anyone can claim to be who is exempt
	Before    *Rule   // if it lifts none: the last earlier rule that does something to such mail
}

// Exemptions tells what each exemption lifts, by examples of its mail.
func (p *Policy) Exemptions(now time.Time) []Lifting {
	var found []Lifting
	for _, rule := range p.rules {
		if !rule.Exempts() || rule.local || rule.Expired(now) || rule.onlyRecords() {
			continue
		}
		example, ok := p.exampleFor(rule.When, now)
		if !ok {
			continue
		}
		l := Lifting{Rule: rule, Claimable: rule.claimable()}
		meets := func(other *Rule) bool {
			return !other.Exempts() && !other.Expired(now) && !other.onlyRecords() && p.together(rule, other, example, now)
		}
		for _, other := range p.rules[rule.index+1:] {
			if (l.Claimable || l.Lifts == nil) && meets(other) {
				l.Lifts = append(l.Lifts, other)
			}
		}
		for i := rule.index - 1; i >= 0 && l.Lifts == nil && l.Before == nil; i-- {
			if meets(p.rules[i]) {
				l.Before = p.rules[i]
			}
		}
		found = append(found, l)
	}
	return found
}

// together says whether some mail is found that both rules are for. The example is
// mail that the first is for.
func (p *Policy) together(a, b *Rule, example *Session, now time.Time) bool {
	for i := range b.When {
		c := &b.When[i]
		settled := func(other Condition) bool { return other.Field.ID == c.Field.ID }
		if c.eval(example) == False && slices.ContainsFunc(a.When, settled) {
			return false
		}
	}
	_, ok := p.exampleFor(slices.Concat(a.When, b.When), now)
	return ok
}

// claims are the facts that whoever sends mail can claim, and who it is for.
var claims = SetOf(FieldSender, FieldSenderDomain, FieldHelo) | ofRecipient

// claimable says whether anyone can send mail that the rule is for: it names a sender,
// and nothing that a stranger does not choose.
func (r *Rule) claimable() bool {
	need := r.Needs()
	return need&SetOf(FieldSender, FieldSenderDomain) != 0 && need&^claims == 0
}
