package rules

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// The properties are checked on random policies and sessions from small sets of
// values, so that conditions hold often enough.

type generator struct{ *rand.Rand }

// plugged are facts of plugins, numbered from fieldCount on.
var plugged = func() (all SuppliedFields) {
	for _, k := range []Kind{KindBool, KindNumber, KindDomain} {
		if _, err := all.Field("p", k.String(), k, ""); err != nil {
			panic(err)
		}
	}
	return all
}()

const (
	pluggedBool = fieldCount + iota
	pluggedNumber
	pluggedDomain
)

// fieldOf is a field of the catalogue or of plugged.
func fieldOf(id FieldID) *Field {
	if id >= fieldCount {
		return plugged.fields[id-fieldCount]
	}
	return FieldByID(id)
}

// answers sets facts of plugins that are not known, or some of them.
func (g generator) answers(s *Session) {
	given := []any{g.IntN(2) == 0, int64(g.IntN(5) - 2), pick(g, "x.example", "m.x.example", "")}
	for i, f := range plugged.fields {
		if _, known := f.Read(s); known || g.IntN(3) == 0 {
			continue
		}
		s.supplied = slices.Clone(s.supplied)
		if err := s.SetSupplied(f, given[i]); err != nil {
			panic(err)
		}
	}
}

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

func (g generator) session() *Session {
	var s Session
	if g.IntN(6) > 0 {
		s.SetClient(netip.MustParseAddr(pick(g, "192.0.2.1", "198.51.100.1", "127.0.0.1")))
	}
	switch g.IntN(4) {
	case 0:
		s.SetPlaintext()
	case 1, 2:
		s.SetTLS(g.tls())
	}
	if g.IntN(5) > 0 {
		s.SetSender(pick(g, "a@x.example", "a@y.example", ""))
	}
	if g.IntN(5) > 0 {
		s.SetRecipient(pick(g, "b@example.com", "c@example.com"))
	}
	if g.IntN(2) == 0 {
		s.ListenerTLSSeen = Known(g.IntN(3) > 0)
	}
	if g.IntN(2) == 0 {
		s.ListenerCertSeen = Known(g.IntN(3) > 0)
	}
	g.answers(&s)
	return &s
}

func (g generator) tls() TLS {
	t := TLS{
		Version: pick(g, "TLSv1", "TLSv1.2", "TLSv1.3", ""),
		Cipher:  pick(g, "AES128-SHA", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_128_GCM_SHA256", "UNHEARD-OF", ""),
	}
	if g.IntN(2) == 0 {
		t.CertPresented = Known(g.IntN(2) == 0)
		t.CertVerified = Known(t.CertPresented.value && g.IntN(2) == 0)
	}
	return t
}

func (g generator) rule(i int, kind string) *Rule {
	r := &Rule{Name: fmt.Sprintf("%s %d", kind, i)}
	for range g.IntN(3) {
		r.When = append(r.When, g.condition())
	}
	switch kind {
	case "exempt":
		r.Action = Accept
	case "act":
		r.Action = pick(g, Tag, Quarantine, Defer, Reject)
	default:
		r.Require, r.Otherwise = pick(g, g.profiles()...), pick(g, Tag, Quarantine, Defer, Reject)
	}
	if kind != "exempt" && g.IntN(3) == 0 {
		for range 1 + g.IntN(2) {
			r.Except = append(r.Except, g.exception())
		}
	}
	return r
}

func (g generator) exception() Exception {
	x := Exception{When: []Condition{g.condition()}}
	if g.IntN(2) == 0 {
		x.When = append(x.When, g.condition())
	}
	if g.IntN(2) == 0 {
		x.Otherwise = Known(pick(g, Tag, Quarantine, Defer, Reject))
	}
	return x
}

func (g generator) profiles() []*Profile {
	return append(BuiltinProfiles(), &Profile{Name: "cert", ClientCert: CertTrusted}, &Profile{Name: "bits", MinBits: 200})
}

func (g generator) condition() Condition {
	type choice struct {
		field  FieldID
		values []any
	}
	c := pick(g,
		choice{FieldClient, []any{"192.0.2.0/24", "!192.0.2.1"}}, choice{FieldTLS, []any{true, false}},
		choice{FieldSenderDomain, []any{"x.example", "!y.example", "*@x.example"}}, choice{FieldRecipient, []any{"b@example.com", "*@example.com", "!@*.example"}},
		choice{FieldTLSVersion, []any{"< TLSv1.2", "TLSv1.3"}}, choice{FieldCertVerified, []any{true}},
		choice{pluggedBool, []any{true, false}}, choice{pluggedNumber, []any{"< 0", int64(1)}}, choice{pluggedDomain, []any{"x.example", "!.example"}})
	f := fieldOf(c.field)
	set := f.NewSet()
	if err := set.Add(pick(g, c.values...)); err != nil {
		panic(err)
	}
	return Condition{Field: f, Set: set}
}

func (g generator) rules() []*Rule {
	var rs []*Rule
	for i := range g.IntN(6) {
		rs = append(rs, g.rule(i, pick(g, "exempt", "act", "require", "require")))
	}
	return rs
}

// insert returns the rules with one more at a random place.
func (g generator) insert(rs []*Rule, r *Rule) []*Rule {
	at := g.IntN(len(rs) + 1)
	out := append([]*Rule(nil), rs[:at]...)
	out = append(out, r)
	return append(out, rs[at:]...)
}

const rounds = 20000

func random(t *testing.T, check func(g generator)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	for range rounds {
		if check(g); t.Failed() {
			return
		}
	}
}

func TestRequireNeverWeakens(t *testing.T) {
	random(t, func(g generator) {
		rs, s := g.rules(), g.session()
		before := New(Config{Rules: rs}).Evaluate(s, 0)
		more := g.rule(99, "require")
		after := New(Config{Rules: g.insert(rs, more)}).Evaluate(s, 0)
		if after.Action < before.Action {
			t.Errorf("%v became %v by requiring %s", before.Action, after.Action, more.Require.Name)
		}
	})
}

func TestExemptionNeverStrengthens(t *testing.T) {
	random(t, func(g generator) {
		rs, s := g.rules(), g.session()
		before := New(Config{Rules: rs}).Evaluate(s, 0)
		after := New(Config{Rules: g.insert(rs, g.rule(99, "exempt"))}).Evaluate(s, 0)
		if after.Action > before.Action {
			t.Errorf("%v became %v by an exemption", before.Action, after.Action)
		}
	})
}

// TestRejectIsCertain shows that nothing that was unknown could have saved mail
// that is rejected: whatever is learnt, it stays rejected. (That the listener
// has not seen TLS is another matter.)
func TestRejectIsCertain(t *testing.T) {
	random(t, func(g generator) {
		p, s := New(Config{Rules: g.rules()}), g.session()
		s.ListenerTLSSeen, s.ListenerCertSeen = Known(true), Known(true)
		if p.Evaluate(s, 0).Action != Reject {
			return
		}
		learnt, other := *s, g.session()
		if !learnt.Client.known && other.Client.known {
			learnt.Client, learnt.Local = other.Client, other.Local
		}
		if !learnt.tls.used.known {
			learnt.tls = other.tls
		}
		if !learnt.sender.Known {
			learnt.sender = other.sender
		}
		if !learnt.recipient.Known {
			learnt.recipient = other.recipient
		}
		g.answers(&learnt)
		if got := p.Evaluate(&learnt, 0).Action; got != Reject {
			t.Errorf("a reject became %v when more was known", got)
		}
	})
}

func TestExplainAgrees(t *testing.T) {
	random(t, func(g generator) {
		p, s := New(Config{Rules: g.rules()}), g.session()
		later := FieldSet(0)
		if g.IntN(3) == 0 {
			later = SetOf(FieldTLS, FieldRecipient, pluggedBool)
		}
		v, e := p.Evaluate(s, later), p.Explain(s, later)
		if !reflect.DeepEqual(v, e.Verdict) {
			t.Errorf("verdicts differ:\n%+v\n%+v", v, e.Verdict)
		}
		if again := p.Evaluate(s, later); !reflect.DeepEqual(v, again) {
			t.Error("the same question got two answers")
		}
	})
}

// TestIndexChangesNothing compares the reading of looked-up rules with that of
// all rules, on policies that are long enough to be indexed.
func TestIndexChangesNothing(t *testing.T) {
	random(t, func(g generator) {
		var rs []*Rule
		for len(rs) < indexFrom {
			rs = append(rs, g.rules()...)
		}
		shared := NewSet(KindDomain)
		end := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
		if err := errors.Join(shared.AddUntil("x.example", end), shared.Add("!y.example")); err != nil {
			t.Fatal(err)
		}
		for range g.IntN(4) {
			c := Condition{Field: FieldByID(FieldSenderDomain), Set: NewSet(KindDomain)}
			c.Set.AddSet(shared, g.IntN(3) == 0)
			if g.IntN(2) == 0 {
				if err := c.Set.Add(pick(g, ".example", "y.example", "/x/")); err != nil {
					t.Fatal(err)
				}
			}
			r := g.rule(99, pick(g, "exempt", "act", "require"))
			r.When = append([]Condition{c}, r.When...)
			rs = g.insert(rs, r)
		}
		p, s := New(Config{Rules: rs}), g.session()
		s.Now = Known(end.AddDate(0, 0, g.IntN(3)-1))
		later := pick(g, 0, SetOf(FieldTLS), SetOf(FieldSenderDomain, FieldClient), SetOf(pluggedBool, pluggedDomain))
		plain := *p
		plain.index = nil
		if a, b := p.Evaluate(s, later), plain.Evaluate(s, later); !reflect.DeepEqual(a, b) {
			t.Errorf("indexed %+v\nplain %+v", a, b)
		}
	})
}

// TestExceptionBelongsToItsRule shows that an exception that holds is as if its rule
// did that for all, and one that does not hold is as if it were not there.
func TestExceptionBelongsToItsRule(t *testing.T) {
	random(t, func(g generator) {
		rs, s, rule := g.rules(), g.session(), g.rule(99, pick(g, "act", "require"))
		s.ListenerCertSeen = Known(true) // else a certificate that the exception looks at may be missed
		x := g.exception()
		rule.Except = []Exception{x}
		instead, at := *rule, g.IntN(len(rs)+1)
		instead.Except = nil
		with := func(r *Rule) Action {
			return New(Config{Rules: slices.Insert(slices.Clone(rs), at, r)}).Evaluate(s, 0).Action
		}
		got := with(rule)
		switch all(x.When, s).truth {
		case False:
			if want := with(&instead); got != want {
				t.Errorf("%v, and %v without the exception, which does not hold", got, want)
			}
		case True:
			want := New(Config{Rules: rs}).Evaluate(s, 0).Action // without the rule
			if !x.passes() {
				if instead.Action = x.Does(); rule.Require != nil {
					instead.Action, instead.Otherwise = Accept, x.Does()
				}
				want = with(&instead)
			}
			if got != want {
				t.Errorf("%v, and %v by a rule that does for all what the exception says\n%+v\n%+v\n%+v", got, want, rule, x, s)
			}
		default:
			if before := with(&instead); got > before && got != max(before, x.Does()) || got == Reject && before != Reject && New(Config{Rules: rs}).Evaluate(s, 0).Action != Reject {
				t.Errorf("%v, and %v without the exception, of which it is not known whether it holds", got, before)
			}
		}
	})
}

// TestSafetyCatch shows what the positions of the catch allow.
func TestSafetyCatch(t *testing.T) {
	random(t, func(g generator) {
		p, s := New(Config{Rules: g.rules()}), g.session()
		full := p.Evaluate(s, 0)
		soft := p.WithEnforce(EnforceSoft).Evaluate(s, 0)
		if want := min(full.Action, Defer); soft.Action != want {
			t.Errorf("soft: %v of %v", soft.Action, full.Action)
		}
		observe := p.WithEnforce(EnforceObserve).Evaluate(s, 0)
		if observe.Action != Accept || observe.Tagged || observe.Quarantined || observe.Would != full.Action {
			t.Errorf("observe: %+v of %v", observe, full.Action)
		}
	})
}
