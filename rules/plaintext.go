package rules

import (
	"cmp"
	"net/netip"
	"regexp"
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
			for _, when := range rule.readings() {
				s, ok := p.exampleFor(when, at)
				if !ok {
					continue
				}
				if u, ok := full.uneven(rule, s); ok && !seen[u.Rule] {
					seen[u.Rule], u.From = true, at
					found = append(found, u)
				}
			}
		}
	}
	return found
}

// looksAtTLS says whether a condition of the rule is on TLS.
func (r *Rule) looksAtTLS() bool {
	return looksAt(r.When, tlsFields) || slices.ContainsFunc(r.Except, func(x Exception) bool { return looksAt(x.When, tlsFields) })
}

// readings are the conditions of the rule, and those with each exception that looks at
// TLS.
func (r *Rule) readings() [][]Condition {
	when := [][]Condition{r.When}
	for i := range r.Except {
		x := &r.Except[i]
		if looksAt(x.When, tlsFields) {
			when = append(when, slices.Concat(r.When, x.When))
		}
	}
	return when
}

// mayStop says whether the rule can keep mail from its recipient.
func (r *Rule) mayStop() bool {
	return r.most() >= Quarantine
}

// changes is now and the points of time to come at which the rule changes.
func (r *Rule) changes(now time.Time) []time.Time {
	return append([]time.Time{now}, r.Turns(now)...)
}

// Turns are the beginnings of the rule's steps, and its end and those of its
// exceptions, as far as they are to come.
func (r *Rule) Turns(now time.Time) []time.Time {
	var at []time.Time
	add := func(t time.Time) {
		if t.After(now) {
			at = append(at, t)
		}
	}
	for _, step := range r.Rollout {
		add(step.From)
	}
	add(r.Expires.value)
	for i := range r.Except {
		add(r.Except[i].Expires.value)
	}
	r.conditions(func(c *Condition) {
		if c.Field.ID == FieldNow {
			for _, e := range [...]*entries{&c.Set.any, &c.Set.none} {
				for _, cmp := range e.compares {
					add(time.Unix(cmp.bound, 0).UTC())
				}
			}
		}
	})
	return at
}

// Ends are the entries of lists that end.
func (p *Policy) Ends() []Ending { return p.ends }

// Changes returns the points of time to come at which a rule does something else: at a
// step of its rollout, or because it, an exception or an entry of a list ends. They
// are in order, each once.
func (p *Policy) Changes(now time.Time) []time.Time {
	var at []time.Time
	for _, r := range p.rules {
		at = append(at, r.Turns(now)...)
	}
	for _, e := range p.ends {
		if e.At.After(now) {
			at = append(at, e.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return slices.CompactFunc(at, time.Time.Equal)
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

// RefusesPlaintext finds a rule that, with others or alone, rejects mail in plaintext
// from strangers to port 25, whatever the message is, and from when on it does: now,
// or with a step of a rollout or an end that is to come. A server that is publicly
// referenced must not (RFC 3207 section 4). The rule is nil if there is none. What
// rules do is found out by trying them on strangers, not by how they are written.
func (p *Policy) RefusesPlaintext(now time.Time) (*Rule, time.Time) {
	full := p.WithEnforce(EnforceFull)
	for _, at := range p.changes(now) {
		if rule := full.refusesStrangers(at); rule != nil {
			return rule, at
		}
	}
	return nil, now
}

// maxChanges bounds how many points of time are tried.
const maxChanges = 100

// changes is now and the points of time to come at which rules change.
func (p *Policy) changes(now time.Time) []time.Time {
	at := p.Changes(now)
	return append([]time.Time{now}, at[:min(len(at), maxChanges)]...)
}

// strangers are addresses of the internet, far from each other, of clients that
// nothing is known of. So that no rule for one network hits or spares most of them.
var (
	strangers = [...]string{
		"203.0.113.254", "5.101.7.33", "23.55.161.9", "41.203.64.77", "62.146.31.180", "79.137.8.4", "93.184.99.201", "104.244.12.66", "119.29.5.150",
		"138.201.44.90", "151.80.209.3", "167.99.72.18", "178.62.190.42", "190.15.220.7", "209.85.218.171",
	}
	strangers6 = [...]string{
		"2001:db8:ffff::25", "2001:41d0:8:e8ad::1", "2001:67c:2e8::9", "2400:8901::7", "2607:f8b0:40:7::25", "2800:3f0:4003::8", "2a01:4f8:13:9::25", "2c0f:fb50:4003::9",
	}
)

// refusesStrangers returns a rule that rejects mail of strangers, if that becomes of
// most of them by IPv4, or by IPv6, at one of our addresses.
func (p *Policy) refusesStrangers(at time.Time) *Rule {
	for _, s := range p.listeners(at) {
		for _, clients := range [][]string{strangers[:], strangers6[:]} {
			refused, by := 0, (*Rule)(nil)
			for i, client := range clients {
				s.SetClient(netip.MustParseAddr(client))
				s.SetSender("someone@sender" + itoa(i) + ".invalid") // a percentage of the senders goes by it
				if rule := p.refusesAll(s); rule != nil {
					refused++
					by = cmp.Or(by, rule)
				}
			}
			if 2*refused > len(clients) {
				return by
			}
		}
	}
	return nil
}

// ofListener are the facts that tell where a server was asked.
var ofListener = SetOf(FieldServerAddress, FieldDaemonName, FieldPolicyContext)

// forUsers matches the names of services to which own users submit mail.
var forUsers = regexp.MustCompile(`(?i)submi|msa|587|465|smtps|auth`)

// maxListeners bounds how many of our own addresses are tried.
const maxListeners = 16

// listeners are examples of mail in plaintext from a stranger to port 25: at an
// address that no rule names, and at those that rules name.
func (p *Policy) listeners(at time.Time) []*Session {
	example := func() *Session {
		s := p.exampleSession(at)
		s.ClientName, s.ClientReverseName = Known("mail.client.invalid"), Known("mail.client.invalid")
		s.SetPlaintext()
		return s
	}
	found := []*Session{example()}
	for _, r := range p.rules {
		s, named := example(), false
		for i := range r.When {
			c := &r.When[i]
			if v, ok := c.Set.sample(); ok && ofListener.Has(c.Field.ID) && !forUsers.MatchString(v.Text) {
				s.put(c.Field, v)
				named = true
			}
		}
		if named && len(found) < maxListeners {
			found = append(found, s)
		}
	}
	return found
}

// refusesAll returns a rule that rejects the mail whatever the message is; what
// depends on that is tried with each value.
func (p *Policy) refusesAll(s *Session) (by *Rule) {
	all := p.eachMessage(s, 0, func() bool {
		v := p.Evaluate(s, 0)
		by = cmp.Or(by, v.Rule)
		return v.Action == Reject
	})
	if !all {
		return nil
	}
	return by
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
