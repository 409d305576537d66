package rules

import (
	"fmt"
	"net/netip"
	"testing"
)

// benchPolicy has ten rules of the usual kinds.
func benchPolicy() *Policy {
	rs := []*Rule{
		{Name: "own", When: []Condition{on(FieldClient, "192.0.2.0/24", "2001:db8::/32")}, Action: Accept},
		{Name: "dentist", When: []Condition{on(FieldSenderDomain, "dentist.example"), on(FieldTLS, true)}, Action: Accept},
		{Name: "partners", When: []Condition{on(FieldSenderDomain, "bank.example", ".bank.example")}, Require: required("bcp195"), Otherwise: Reject},
		{Name: "hold", When: []Condition{on(FieldHelo, `/^dsl-/`)}, Action: Quarantine},
		{Name: "legal", When: []Condition{on(FieldRecipient, "legal@example.com")}, Require: required("bcp195"), Otherwise: Reject},
		{Name: "old", Require: required("rfc8996"), Otherwise: Tag},
		{Name: "some day", Require: required("bcp195"), Otherwise: Reject, Observe: true},
	}
	for i := len(rs); i < 9; i++ {
		rs = append(rs, &Rule{Name: fmt.Sprint("more ", i), When: []Condition{on(FieldRecipientDomain, "other.example")}, Action: Reject})
	}
	return New(Config{Rules: rs})
}

func benchSession(version, cipher string) *Session {
	s := known()
	s.SetClient(netip.MustParseAddr("203.0.113.7"))
	if version == "" {
		s.SetPlaintext()
	} else {
		s.SetTLS(TLS{Version: version, Cipher: cipher, Bits: Known(256)})
	}
	return s
}

func BenchmarkEvaluate(b *testing.B) {
	p := benchPolicy()
	for name, s := range map[string]*Session{
		"accept": benchSession("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
		"tag":    benchSession("TLSv1", "ECDHE-RSA-AES256-SHA"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := p.Evaluate(s, 0); v.Pending {
					b.Fatal("pending")
				}
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	p := New(Config{Rules: []*Rule{{Name: "r", Require: required("bcp195"), Otherwise: Reject}}})
	s := benchSession("TLSv1", "ECDHE-RSA-AES256-SHA")
	b.ReportAllocs()
	for b.Loop() {
		if d := p.Decide(s, 0, "id"); d.Action != Reject {
			b.Fatal(d.Action)
		}
	}
}

// TestAcceptDoesNotAllocate holds the hot path to what BenchmarkEvaluate shows.
func TestAcceptDoesNotAllocate(t *testing.T) {
	p, s := benchPolicy(), benchSession("TLSv1.3", "TLS_AES_256_GCM_SHA384")
	var sink Verdict
	if n := testing.AllocsPerRun(100, func() { sink = p.Evaluate(s, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sink.Action != Accept {
		t.Errorf("%v", sink.Action)
	}
}

// BenchmarkLargePolicy is ten thousand rules and lists of a hundred thousand
// entries beside ten rules.
func BenchmarkLargePolicy(b *testing.B) {
	s := benchSession("TLSv1.3", "TLS_AES_256_GCM_SHA384")
	for _, c := range []struct {
		name   string
		policy *Policy
	}{{"10", benchPolicy()}, {"10000", largePolicy(10000, 100000)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := c.policy.Evaluate(s, 0); v.Action != Accept {
					b.Fatal(v.Action)
				}
			}
		})
	}
}

// largePolicy has the ten rules of benchPolicy below many others, by turns on
// sender domain, recipient domain and client, and some on long lists.
func largePolicy(n, entries int) *Policy {
	domains, clients := NewSet(KindDomain), NewSet(KindAddress)
	for i := range entries {
		if domains.Add(fmt.Sprintf("d%d.example.net", i)) != nil || clients.Add(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)) != nil {
			panic("bad entry")
		}
	}
	var rs []*Rule
	for i := range n {
		c := on(FieldSenderDomain, fmt.Sprintf("s%d.example.org", i), fmt.Sprintf(".t%d.example.org", i))
		switch i % 4 {
		case 1:
			c = on(FieldRecipientDomain, fmt.Sprintf("r%d.example.com", i))
		case 2:
			c = on(FieldClient, fmt.Sprintf("100.%d.%d.0/24", i>>8, i&255))
		case 3:
			c = Condition{Field: FieldByID(FieldSenderDomain), Set: NewSet(KindDomain)}
			c.Set.AddSet(domains, false)
			if i%8 == 3 {
				c = Condition{Field: FieldByID(FieldClient), Set: NewSet(KindAddress)}
				c.Set.AddSet(clients, false)
			}
		}
		rs = append(rs, &Rule{Name: fmt.Sprint(i), When: []Condition{c}, Require: required("bcp195"), Otherwise: Reject})
	}
	return New(Config{Rules: append(rs, benchPolicy().Rules()[1:]...)})
}
