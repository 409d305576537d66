package rules

import (
	"strings"
	"testing"
)

func TestExtensionCostsNothing(t *testing.T) {
	s := NewSet(KindMailbox)
	for _, e := range []string{"boss@example.com", "news@"} {
		if err := s.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	for address, want := range map[string]bool{
		"boss+a@example.com": true, "news+a@example.net": true, "boss+a@example.net": false,
		"boss+" + strings.Repeat("a", 400) + "@example.com": true, // Postfix takes them as long as this
		"news+" + strings.Repeat("a", 400) + "@example.com": true,
	} {
		v := Value{Text: address}
		if got := s.holds(&v); got != want {
			t.Errorf("%.30s: %v", address, got)
		}
		if n := testing.AllocsPerRun(100, func() { s.holds(&v) }); n > 0 {
			t.Errorf("%.30s: %v allocations", address, n)
		}
	}
}

// TestRelations shows cases in which sets must be seen to lie within each other,
// and to be empty, lest check finds too little.
func TestRelations(t *testing.T) {
	r := newRelations()
	set := func(f FieldID, entries ...any) *Set {
		s := NewSet(FieldByID(f).Kind)
		for _, e := range entries {
			if err := s.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	for _, c := range []struct {
		field        FieldID
		inner, outer []any
		within       bool
	}{
		{FieldClient, []any{"192.0.2.1"}, []any{"192.0.2.0/24"}, true},
		{FieldClient, []any{"192.0.2.0/25"}, []any{"192.0.2.0/24", "!192.0.2.200"}, false},
		{FieldClient, []any{"192.0.2.1"}, []any{"192.0.2.0/24", "!192.0.2.200"}, true},
		{FieldClient, []any{"192.0.2.0/24"}, []any{"192.0.2.0/25"}, false},
		{FieldClient, []any{"2001:db8::/48"}, []any{"::/0"}, true},
		{FieldClient, []any{"192.0.2.1"}, []any{"::/0"}, false},
		{FieldClient, []any{"192.0.2.1"}, []any{"!198.51.100.0/24"}, true},
		{FieldClient, []any{"!192.0.2.0/24"}, []any{"!192.0.2.1"}, true},
		{FieldClient, []any{"!192.0.2.1"}, []any{"!192.0.2.0/24"}, false},
		{FieldSenderDomain, []any{"a.example"}, []any{".example"}, true},
		{FieldSenderDomain, []any{".b.example", "c.example"}, []any{".example"}, true},
		{FieldSenderDomain, []any{".example"}, []any{".b.example"}, false},
		{FieldSenderDomain, []any{"example"}, []any{".example"}, false},
		{FieldSenderDomain, []any{"a.example"}, []any{"/^a/"}, true},
		{FieldSenderDomain, []any{"/^a/"}, []any{"/^a/", "b.example"}, true},
		{FieldSenderDomain, []any{"/^ab/"}, []any{"/^a/"}, false},
		{FieldSender, []any{"a@x.example"}, []any{"a@"}, true},
		{FieldSender, []any{"a+b@x.example"}, []any{"a@x.example"}, true},
		{FieldSender, []any{"a@x.example"}, []any{"a@x.example", "!a+b@x.example"}, false},
		{FieldSender, []any{"a@x.example", "!a+b@x.example"}, []any{"a@x.example", "!a+b@x.example"}, true},
		{FieldSender, []any{"a+b@x.example"}, []any{"a@", "!a+c@x.example"}, false}, // true, but not seen
		{FieldSender, []any{"a@x.example"}, []any{"/^a@/"}, false},                  // a+b@x.example
		{FieldTLSVersion, []any{"TLSv1", "TLSv1.1"}, []any{"< TLSv1.2"}, true},
		{FieldTLSVersion, []any{"!none"}, []any{">= SSLv2"}, true},
		{FieldSize, []any{"> 10"}, []any{">= 11"}, true},
		{FieldSize, []any{"> 10", "!12"}, []any{"11", ">= 13"}, true},
		{FieldSize, []any{"> 10"}, []any{"< 20"}, false},
		{FieldCipher, []any{"AES128-SHA"}, []any{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"}, true},
		{FieldCipher, []any{"AES128-SHA"}, []any{"!AES256-SHA"}, false}, // true, but not seen
	} {
		if got := r.within(set(c.field, c.inner...), set(c.field, c.outer...)); got != c.within {
			t.Errorf("%v within %v: %v", c.inner, c.outer, got)
		}
	}
}
