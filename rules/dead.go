package rules

import (
	"slices"

	"tlswarden/internal/mailaddr"
)

// Dead is a rule that does nothing, and why: for the sake of an earlier rule, or
// because its own conditions cannot all hold.
type Dead struct {
	Rule       *Rule
	Conditions []Condition // those that cannot hold, together if there are two
	By         *Rule       // else the earlier rule
	All        bool        // which ends the reading for all mail
	After      int         // how many rules after Rule are dead for the same reason, if All
	Redundant  bool        // By asks at least as much of the same mail
}

// Dead finds the rules that do nothing. What it finds is certain, but it does
// not find all. It compares rules in pairs, so it is meant for check, not for
// loading.
func (p *Policy) Dead() []Dead {
	var found []Dead
	r, x := newRelations(), newEarlier(p)
	for i, rule := range p.rules {
		if rule.local {
			continue
		}
		d := Dead{Rule: rule, Conditions: r.contradiction(rule.When)}
		if d.Conditions == nil {
			d.By, d.Redundant = r.killer(x.before(rule), rule)
			d.All = d.By != nil && !d.Redundant && len(d.By.When) == 0 && !d.By.Expires.known
		}
		switch {
		case d.All:
			d.After = len(p.rules) - 1 - i
			return append(found, d)
		case rule.OnUnknown.known: // it acts where a fact is missing
		case d.Conditions != nil || d.By != nil:
			found = append(found, d)
		}
	}
	return found
}

// DeadException is an exception that does nothing, and why: its conditions and those
// of its rule cannot all hold, or an earlier exception has taken all that it could
// match.
type DeadException struct {
	Rule       *Rule
	Exception  *Exception
	Conditions []Condition
	By         *Exception
}

// DeadExceptions finds such exceptions.
func (p *Policy) DeadExceptions() []DeadException {
	var found []DeadException
	r := newRelations()
	for _, rule := range p.rules {
		for i := range rule.Except {
			x := &rule.Except[i]
			when := slices.Concat(rule.When, x.When)
			d := DeadException{rule, x, r.contradiction(when), nil}
			for j := 0; j < i && d.Conditions == nil && d.By == nil; j++ {
				if by := &rule.Except[j]; !by.Expires.known && r.impliesAll(when, by.When) {
					d.By = by
				}
			}
			if d.Conditions != nil || d.By != nil {
				found = append(found, d)
			}
		}
	}
	return found
}

// killer finds the first of some earlier rules that leaves a rule nothing to
// do.
func (r *relations) killer(earlier []*Rule, rule *Rule) (by *Rule, redundant bool) {
	for _, e := range earlier {
		if !e.outlives(rule) || !r.impliesAll(rule.When, e.When) {
			continue
		}
		if e.endsReading() {
			return e, false
		}
		if r.repeats(e, rule) {
			return e, true
		}
	}
	return nil, false
}

// outlives says whether the rule is in force for as long as another is.
func (r *Rule) outlives(other *Rule) bool {
	if r.Observe || len(r.Rollout) > 0 || len(r.Except) > 0 {
		return false
	}
	end, limited := r.Expires.Get()
	otherEnd, otherLimited := other.Expires.Get()
	return !limited || otherLimited && !otherEnd.After(end)
}

// endsReading says whether a rule that applies keeps another from doing
// anything. A reject that is softened does not end the reading, but what softens
// it softens each later one; only that for want of client certificates is a
// matter of the rule.
func (r *Rule) endsReading() bool {
	return r.Require == nil && (r.Action == Accept || r.Action == Reject && !r.certs)
}

// repeats says whether the earlier rule, if it applies, has always said at least
// as much as the later one says: both defer at the least, for else tags add up.
func (r *relations) repeats(e, rule *Rule) bool {
	if rule.Exempts() || rule.Observe || len(rule.Rollout) > 0 || rule.most() > e.Does() || e.Does() < Defer {
		return false
	}
	if e.Require == nil {
		return e.Action == Defer
	}
	return !e.OnUnknown.known && rule.Require != nil && r.stricter(e.Require, rule.Require)
}

// stricter says whether who meets p meets q as well, and who is not known to
// fall short of p is not known to fall short of q.
func (r *relations) stricter(p, q *Profile) bool {
	return p == q ||
		p.MinVersion >= q.MinVersion && p.MinBits >= q.MinBits &&
			(p.ForwardSecrecy || !q.ForwardSecrecy) && (p.AEAD || !q.AEAD) && (p.BCP195 || !q.BCP195) &&
			(p.ClientCert == q.ClientCert || q.ClientCert == CertNotNeeded) &&
			r.narrower(p.Ciphers, q.Ciphers) && (q.ForbidCiphers == nil || p.ForbidCiphers != nil && r.within(q.ForbidCiphers, p.ForbidCiphers)) &&
			r.narrower(p.CertNames, q.CertNames) && r.narrower(p.CertIssuers, q.CertIssuers) &&
			r.narrower(p.CertFingerprints, q.CertFingerprints) && r.narrower(p.CertKeyFingerprints, q.CertKeyFingerprints)
}

func (r *relations) narrower(p, q *Set) bool { return q == nil || p != nil && r.within(p, q) }

// impliesAll says whether all of some conditions hold where others hold.
func (r *relations) impliesAll(when, then []Condition) bool {
	for i := range then {
		if !r.implies(when, &then[i]) {
			return false
		}
	}
	return true
}

func (r *relations) implies(when []Condition, c *Condition) bool {
	for i := range when {
		w := &when[i]
		if w.Field.ID == c.Field.ID {
			if r.within(w.Set, c.Set) {
				return true
			}
		} else if r.impliesOther(w, c) {
			return true
		}
	}
	return false
}

// impliesOther says whether a condition on one field implies one on another.
func (r *relations) impliesOther(w, c *Condition) bool {
	switch c.Field.ID {
	case FieldLocal:
		return w.Field.ID == FieldClient && c.Set.Holds(Value{Number: 1}) && r.within(w.Set, r.loopback)
	case FieldSenderDomain:
		return w.Field.ID == FieldSender && domainsOf(w.Set, c.Set.Holds)
	case FieldRecipientDomain:
		return w.Field.ID == FieldRecipient && domainsOf(w.Set, c.Set.Holds)
	}
	if !tlsFields.Has(w.Field.ID) || !tlsFields.Has(c.Field.ID) || w.Set.hasEmpty() {
		return false
	}
	if !r.inPlaintext(w) { // the session is encrypted
		return c.Field.ID == FieldTLS && c.Set.Holds(Value{Number: 1})
	}
	return onlyPlaintext(w) && r.inPlaintext(c)
}

// tlsFields are the facts that are all known to be empty in plaintext.
var tlsFields = SetOf(FieldTLS, FieldTLSVersion, FieldCipher, FieldCipherBits, FieldTLSSNI) | certFields

// inPlaintext says whether a condition on a TLS field holds in plaintext.
func (r *relations) inPlaintext(c *Condition) bool {
	v, _ := c.Field.read(&r.plaintext)
	return c.Set.holds(&v)
}

// onlyPlaintext says whether a condition on a TLS field holds in plaintext only.
func onlyPlaintext(c *Condition) bool {
	in := c.Field.bounds()
	switch c.Field.ID {
	case FieldTLS:
		in.from = 1
	case FieldTLSVersion:
		in.from++
	case FieldCipher:
		return c.Set.any.onlyText("")
	default:
		return false
	}
	return len(c.Set.spans(in)) == 0
}

// onlyText says whether a text is the only entry.
func (e *entries) onlyText(text string) bool {
	return e.count == 1 && hit(e.texts, text)
}

// domainsOf says whether the domains of all addresses that a set can hold are
// known, and fit.
func domainsOf(s *Set, fits func(Value) bool) bool {
	if s.hasEmpty() {
		return false
	}
	return s.any.count > 0 && s.any.each(func(x atom) bool {
		switch x.form {
		case formText:
			_, domain := mailaddr.Split(x.text)
			return fits(Value{Text: domain})
		case formDomain:
			return fits(Value{Text: x.text})
		case formSet:
			return domainsOf(x.set, fits)
		}
		return false
	})
}

// contradiction finds a condition that nothing fits, or two that cannot hold
// together.
func (r *relations) contradiction(when []Condition) []Condition {
	notPlain, notTLS := -1, -1
	for i := range when {
		c := &when[i]
		if r.never(c.Field, c.Set) {
			return []Condition{*c}
		}
		if c.Set.hasEmpty() {
			continue
		}
		if tlsFields.Has(c.Field.ID) {
			if !r.inPlaintext(c) && notPlain < 0 {
				notPlain = i
			}
			if onlyPlaintext(c) && notTLS < 0 {
				notTLS = i
			}
		}
		for j := range i {
			if otherDomain(&when[j], c) || otherDomain(c, &when[j]) {
				return []Condition{when[j], *c}
			}
		}
	}
	if notPlain < 0 || notTLS < 0 {
		return nil
	}
	pair := []int{notPlain, notTLS}
	slices.Sort(pair)
	return []Condition{when[pair[0]], when[pair[1]]}
}

// otherDomain says whether a condition on an address names only addresses of
// other domains than one on its domain.
func otherDomain(address, domain *Condition) bool {
	a, d := address.Field.ID, domain.Field.ID
	if a != FieldSender && a != FieldRecipient || d != a+1 || domain.Set.hasEmpty() {
		return false
	}
	return domainsOf(address.Set, func(v Value) bool { return !domain.Set.holds(&v) })
}
