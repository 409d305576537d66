package rules

import (
	"slices"
	"time"

	"tlswarden/internal/tlsname"
)

// Uneven is a rule that stops mail which comes over weak TLS, and lets the same
// mail pass in plaintext: the sender would be safer with the former (RFC 9325
// section 5.2).
type Uneven struct {
	Rule  *Rule
	Seen  string // how the weak session was encrypted
	Weak  Action // what becomes of it
	Plain Action // what becomes of the one in plaintext
	From  time.Time
}

// handshake is the outcome of one.
type handshake struct{ version, cipher string }

// weakest are the sessions that are compared with plaintext.
var weakest = [...]handshake{
	{"SSLv3", "RC4-MD5"}, {"TLSv1", "AES128-SHA"}, {"TLSv1", "DES-CBC3-SHA"},
	{"TLSv1.1", "ECDHE-RSA-AES256-SHA"}, {"TLSv1.2", "AES128-SHA"}, {"TLSv1.2", "ECDHE-RSA-AES256-SHA384"},
}

// Uneven finds such rules by example: for each rule with a condition on TLS, a
// session in which its other conditions hold is judged in plaintext and over weak
// TLS, now and at each step of its rollout that is to come. Without such a
// condition, on the rule or on an exemption, no rule asks less of plaintext.
func (p *Policy) Uneven(now time.Time) []Uneven {
	var found []Uneven
	full, seen := p.WithEnforce(EnforceFull), map[*Rule]bool{}
	for _, rule := range p.rules {
		if !rule.looksAtTLS() || !rule.Exempts() && !rule.mayStop() {
			continue
		}
		for _, at := range rule.changes(now) {
			s, ok := p.exampleFor(rule, at)
			if !ok {
				continue
			}
			if u, ok := full.uneven(rule, s); ok && !seen[u.Rule] {
				seen[u.Rule], u.From = true, at
				found = append(found, u)
			}
		}
	}
	return found
}

// looksAtTLS says whether a condition of the rule is on TLS.
func (r *Rule) looksAtTLS() bool {
	return slices.ContainsFunc(r.When, func(c Condition) bool { return tlsFields.Has(c.Field.ID) })
}

// mayStop says whether the rule can keep mail from its recipient.
func (r *Rule) mayStop() bool {
	return r.MayDo(Quarantine) || r.MayDo(Defer) || r.MayDo(Reject)
}

// changes is now and the beginnings of the steps to come.
func (r *Rule) changes(now time.Time) []time.Time {
	at := []time.Time{now}
	for _, step := range r.Rollout {
		if step.From.After(now) {
			at = append(at, step.From)
		}
	}
	return at
}

func (p *Policy) uneven(rule *Rule, s *Session) (Uneven, bool) {
	s.SetPlaintext()
	plain := p.Evaluate(s, 0)
	if plain.Action >= Quarantine {
		return Uneven{}, false
	}
	for _, w := range append(rule.ownSuite(), weakest[:]...) {
		s.setTLS(w.version, w.cipher)
		if v := p.Evaluate(s, 0); v.Action >= Quarantine {
			return Uneven{Rule: v.Rule, Seen: s.Seen(), Weak: v.Action, Plain: plain.Action}, true
		}
	}
	return Uneven{}, false
}

// ownSuite is a cipher suite that the rule has a condition on.
func (r *Rule) ownSuite() []handshake {
	for i := range r.When {
		c := &r.When[i]
		v, ok := c.Set.sample()
		if c.Field.ID != FieldCipher || !ok || v.Text == "" {
			continue
		}
		if suite := tlsname.Lookup(v.Text, tlsname.VersionUnknown); suite != nil && suite.OpenSSL != "" {
			v.Text = suite.OpenSSL
		}
		return []handshake{{"TLSv1.2", v.Text}}
	}
	return nil
}

// RefusesPlaintext finds the first rule that rejects all mail in plaintext from
// the internet to port 25, whoever sends it to whom, and from when on it does:
// now, or with a step of its rollout that is to come. A server that is publicly
// referenced must not (RFC 3207 section 4). The rule is nil if there is none.
func (p *Policy) RefusesPlaintext(now time.Time) (*Rule, time.Time) {
	full := p.WithEnforce(EnforceFull)
	for _, rule := range p.rules {
		if !rule.forEverybody() || !rule.MayDo(Reject) {
			continue
		}
		for _, at := range rule.changes(now) {
			if full.refusesAll(rule, at) {
				return rule, at
			}
		}
	}
	return nil, now
}

// refusesAll says whether all messages in plaintext are rejected, and some by
// this rule: what may depend on the message is tried with each value.
func (p *Policy) refusesAll(rule *Rule, at time.Time) bool {
	s := p.exampleSession(at)
	s.SetPlaintext()
	named := false
	return p.eachMessage(s, 0, func() bool {
		v := p.Evaluate(s, 0)
		named = named || v.Rule == rule
		return v.Action == Reject
	}) && named
}

// eachMessage puts each combination of the values that the message can have and
// that rules look at into a session, until try says no; it returns whether try
// never did.
func (p *Policy) eachMessage(s *Session, from FieldID, try func() bool) bool {
	for id := from; id < fieldCount; id++ {
		f := &catalogue[id]
		if f.Stage != StageEnd || !p.needs.Has(id) {
			continue
		}
		for _, v := range f.all() {
			s.put(f, v)
			if !p.eachMessage(s, id+1, try) {
				return false
			}
		}
		return true
	}
	return try()
}

// all lists the values that a fact of the message can have for good.
func (f *Field) all() []Value {
	if f.Kind == KindBool {
		return []Value{{Number: 0}, {Number: 1}}
	}
	var values []Value
	for _, text := range f.Values() {
		if v := (Value{Text: text}); !f.isTemporary(&v) {
			values = append(values, v)
		}
	}
	return values
}

// forEverybody says whether the rule looks at nothing but TLS.
func (r *Rule) forEverybody() bool {
	for i := range r.When {
		if id := r.When[i].Field.ID; !tlsFields.Has(id) && id != FieldNow && id != FieldListenerTLSSeen && id != FieldListenerCertSeen {
			return false
		}
	}
	return true
}
