package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/tlsname"
)

// crowded are few fields with few values, so that rules often cover each other.
var crowded = []struct {
	field  FieldID
	values []any
}{
	{FieldClient, []any{"192.0.2.0/24", "192.0.2.1", "192.0.2.0/28", "!192.0.2.1", "0.0.0.0/0", "127.0.0.1", "!0.0.0.0/0", "2001:db8::/32"}},
	{FieldTLS, []any{true, false}},
	{FieldTLSVersion, []any{"< TLSv1.2", "TLSv1.3", ">= TLSv1", "none", "!none", "!TLSv1", "<= TLSv1.1"}},
	{FieldCipher, []any{"AES128-SHA", "!AES128-SHA", "", "/^ECDHE/", "TLS_AES_128_GCM_SHA256"}},
	{FieldCertVerified, []any{true, false}},
	{FieldCertSubject, []any{"mx.x.example", "!mx.x.example", ""}},
	{FieldSender, []any{"a@x.example", "a@", "<>", "!a@x.example", "a+b@x.example", "c@y.example"}},
	{FieldSenderDomain, []any{"x.example", "!y.example", ".example", ".x.example", "", "/x/", "m.x.example"}},
	{FieldRecipient, []any{"b@example.com", "b@", "!b@example.com", "b+c@example.com"}},
	{FieldRecipientDomain, []any{"example.com", ".com", "!example.com"}},
	{FieldServerPort, []any{int64(25), int64(587), "> 25", "<= 587", "!25", "> 70000"}},
	{FieldSize, []any{">= 10", "< 5", "!< 20", int64(7)}},
	{FieldLocal, []any{true, false}},
	{pluggedBool, []any{true, false}},
	{pluggedNumber, []any{"< 0", ">= 0", "!< -1", int64(1), "!1"}},
	{pluggedDomain, []any{"x.example", ".example", "!x.example", ""}},
}

func (g generator) crowdedCondition(lists map[FieldID]*Set) Condition {
	c := pick(g, crowded...)
	f := fieldOf(c.field)
	set, text := f.NewSet(), ""
	if g.IntN(5) == 0 {
		set.AddSet(lists[f.ID], g.IntN(4) == 0)
		text = "@list"
	}
	for set.Len() == 0 || g.IntN(3) == 0 {
		v := pick(g, c.values...)
		if err := set.Add(v); err != nil {
			panic(err)
		}
		text += fmt.Sprint(" ", v)
	}
	return Condition{Field: f, Set: set, Text: strings.TrimSpace(text)}
}

func (g generator) lists() map[FieldID]*Set {
	lists := map[FieldID]*Set{}
	for _, c := range crowded {
		s := fieldOf(c.field).NewSet()
		for range g.IntN(4) {
			if err := s.Add(pick(g, c.values...)); err != nil {
				panic(err)
			}
		}
		lists[c.field] = s
	}
	return lists
}

// moments are the times at which rules change and sessions are judged.
var moments = []time.Time{time.Unix(1000, 0), time.Unix(2000, 0), time.Unix(3000, 0)}

func (g generator) crowdedRule(i int, lists map[FieldID]*Set) *Rule {
	r := g.rule(i, pick(g, "exempt", "act", "require", "require"))
	r.When = nil
	for range g.IntN(3) {
		r.When = append(r.When, g.crowdedCondition(lists))
	}
	switch g.IntN(8) {
	case 0:
		r.OnUnknown = Known(pick(g, Accept, Tag, Defer))
	case 1:
		r.Observe = true
	case 2:
		r.Expires = Known(pick(g, moments...))
	case 3:
		if !r.Exempts() {
			r.Rollout = []RolloutStep{{From: pick(g, moments...), Action: Known(Defer), Percent: 100}}
		}
	}
	return r
}

func (g generator) crowdedSession() *Session {
	s := g.session()
	if g.IntN(2) == 0 {
		s.SetClient(netip.MustParseAddr(pick(g, "192.0.2.1", "192.0.2.20", "2001:db8::1", "127.0.0.1")))
	}
	if g.IntN(2) == 0 {
		s.SetSender(pick(g, "a+b@x.example", "a@m.x.example", "c@y.example", "c+d@y.example", `"a@x.example"@`))
	}
	if g.IntN(2) == 0 {
		s.SetRecipient(pick(g, "b+c@example.com", "b@mail.com", "b@example.com"))
	}
	if g.IntN(3) > 0 {
		s.ServerPort = Known(pick[uint16](g, 25, 587, 26))
	}
	if g.IntN(3) > 0 {
		s.Size = Known(pick[int64](g, 0, 7, 15, 30))
	}
	s.tls.CertSubject = Fact[string]{}
	if used, ok := s.tls.used.Get(); ok {
		s.tls.CertSubject = Known(pick(g, "", "mx.x.example", "MX.x.example"))
		if !used {
			s.tls.CertSubject = Known("")
		}
	}
	s.Now = Known(pick(g, moments...).Add(time.Duration(g.IntN(3)-1) * time.Second))
	return s
}

// TestDeadRulesDoNothing takes a rule that is called dead out of random policies:
// where its conditions hold, nothing changes without it.
func TestDeadRulesDoNothing(t *testing.T) {
	dead, applied := 0, 0
	random(t, func(g generator) {
		lists := g.lists()
		var rs []*Rule
		for i := range 2 + g.IntN(6) {
			rs = append(rs, g.crowdedRule(i, lists))
		}
		for g.IntN(8) == 0 && len(rs) < 2*indexFrom { // long enough for the index
			for range indexFrom {
				rs = append(rs, g.crowdedRule(len(rs), lists))
			}
		}
		p := New(Config{Rules: rs, JudgeLocal: g.IntN(2) == 0})
		for _, d := range p.Dead() {
			dead++
			gone := []*Rule{d.Rule}
			if d.All {
				gone = p.rules[d.Rule.index : d.Rule.index+d.After+1]
			}
			for range 10 {
				s := g.crowdedSession()
				if !d.All && all(d.Rule.When, s).truth != True {
					continue
				}
				applied++
				if d.By == nil {
					t.Errorf("the conditions of %s hold: %+v", d.Rule.Name, d.Conditions)
				}
				with, without := p.Decide(s, 0, ""), p.lacking(gone).Decide(s, 0, "")
				if !reflect.DeepEqual(outward(&with), outward(&without)) {
					t.Errorf("%s (by %s): %+v\nwithout it %+v", d.Rule.Name, nameOf(d.By), outward(&with), outward(&without))
				}
			}
		}
	})
	t.Logf("%d dead rules, put to the test %d times", dead, applied)
	if dead < rounds/10 || applied < rounds/10 {
		t.Error("too few")
	}
}

// lacking is the policy without some rules.
func (p *Policy) lacking(gone []*Rule) *Policy {
	q := *p
	q.rules, q.index = nil, nil
	for _, r := range p.rules {
		if !slices.Contains(gone, r) {
			q.rules = append(q.rules, r)
		}
	}
	return &q
}

// outward is what of a decision leaves the program.
func outward(d *Decision) []any { return []any{d.Action, d.RuleName(), d.Reply, d.Stamp} }

// TestEarlierRulesAreFound shows that looking rules up misses next to nothing
// that comparing all pairs finds, and finds nothing else.
func TestEarlierRulesAreFound(t *testing.T) {
	found, missed := 0, 0
	randomTimes(t, rounds/40, func(g generator) {
		lists := g.lists()
		var rs []*Rule
		for i := range indexFrom + g.IntN(20) {
			r := g.crowdedRule(i, lists)
			if len(r.When) > 0 {
				rs = append(rs, r)
			}
		}
		p := New(Config{Rules: rs})
		plain := *p
		plain.index = nil
		by := map[string]string{}
		for _, d := range plain.Dead() {
			by[d.Rule.Name] = nameOf(d.By)
		}
		looked := p.Dead()
		for _, d := range looked {
			if _, ok := by[d.Rule.Name]; !ok {
				t.Errorf("%s is dead only if looked up", d.Rule.Name)
			}
		}
		found, missed = found+len(looked), missed+len(by)-len(looked)
	})
	t.Logf("%d found, %d missed", found, missed)
	if found < 500 || missed > found/50 {
		t.Error("too few are found")
	}
}

// TestStricterKnowsAllKeys fails when a profile gets a demand that stricter does
// not compare.
func TestStricterKnowsAllKeys(t *testing.T) {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Profile]()) {
		names = append(names, f.Name)
	}
	want := "Name About MinVersion MinBits ForwardSecrecy AEAD BCP195 Ciphers ForbidCiphers ClientCert CertNames CertIssuers CertFingerprints CertKeyFingerprints"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("a profile has %s; make stricter compare what is new", got)
	}
}

// TestStricter holds the comparison of profiles against what they say of random
// sessions.
func TestStricter(t *testing.T) {
	r, pairs := newRelations(), 0
	randomTimes(t, rounds, func(g generator) {
		p, q, s := g.profile(), g.profile(), g.session()
		if !r.stricter(p, q) {
			return
		}
		pairs++
		a, b := p.grade(s), q.grade(s)
		if a.truth() > b.truth() {
			t.Errorf("%+v is called stricter than %+v, and says %v where that says %v", p, q, a.truth(), b.truth())
		}
	})
	if pairs < rounds/100 {
		t.Errorf("only %d pairs", pairs)
	}
}

// profile is one of the built-in ones, or one with few random demands.
func (g generator) profile() *Profile {
	if g.IntN(4) == 0 {
		return pick(g, g.profiles()...)
	}
	p := &Profile{MinVersion: pick(g, 0, tlsname.TLSv1, tlsname.TLSv1_2), MinBits: pick(g, 0, 0, 128, 200)}
	p.ForwardSecrecy, p.AEAD, p.BCP195 = g.IntN(3) == 0, g.IntN(3) == 0, g.IntN(4) == 0
	p.ClientCert = pick(g, CertNotNeeded, CertNotNeeded, CertAny, CertTrusted)
	suites := func() *Set {
		if g.IntN(2) == 0 {
			return nil
		}
		s := NewSet(KindCipher)
		for range 1 + g.IntN(2) {
			if err := s.Add(pick[any](g, "AES128-SHA", "ECDHE-RSA-AES256-GCM-SHA384", "/^ECDHE/", "!AES128-SHA")); err != nil {
				panic(err)
			}
		}
		return s
	}
	p.Ciphers, p.ForbidCiphers = suites(), suites()
	return p
}

// randomTimes runs a check on random values.
func randomTimes(t *testing.T, times int, check func(g generator)) {
	t.Helper()
	n := rand.Uint64()
	t.Logf("seed %d", n)
	g := generator{rand.New(rand.NewPCG(n, 1))}
	for range times {
		if check(g); t.Failed() {
			return
		}
	}
}
