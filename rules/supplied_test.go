package rules

import (
	"strings"
	"testing"
	"time"
)

// TestSuppliedValues shows which values the fact of a plugin can have.
func TestSuppliedValues(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		value any
		want  string // formatted, or an error after "!"
	}{
		{KindText, "Gold", "Gold"},
		{KindText, "", ""},
		{KindBool, true, "true"},
		{KindNumber, int64(7), "7"},
		{KindDomain, "MX.Example.ORG.", "mx.example.org"},
		{KindMailbox, "A@Example.org", "a@example.org"},
		{KindAddress, "::ffff:192.0.2.1", "192.0.2.1"},
		{KindFingerprint, "AA:BB", "aabb"},
		{KindTime, time.Unix(0, 0), "1970-01-01T00:00:00Z"},
		{KindBool, "true", "!takes a boolean"},
		{KindNumber, "7", "!takes a number"},
		{KindText, int64(7), "!takes a text"},
		{KindAddress, "nowhere\n", "!takes an address, not"},
		{KindVersion, "TLSv1.2", "!takes a TLS version"},
	} {
		var all SuppliedFields
		f, err := all.Field("p", "key", c.kind, "")
		if err != nil {
			t.Fatal(err)
		}
		var s Session
		err = s.SetSupplied(f, c.value)
		if want, wrong := strings.CutPrefix(c.want, "!"); wrong {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v %v: error %v, want %q", c.kind, c.value, err, want)
			}
			if _, known := f.Read(&s); known {
				t.Errorf("%v %v is known", c.kind, c.value)
			}
			continue
		}
		v, known := f.Read(&s)
		if err != nil || !known || f.Format(v) != c.want {
			t.Errorf("%v %v: %q, %v, %v", c.kind, c.value, f.Format(v), known, err)
		}
	}
	var s Session
	if err := s.SetSupplied(FieldByID(FieldHelo), "x"); err == nil {
		t.Error("a plugin can write to the catalogue's facts")
	}
}

// TestSuppliedSlots shows that each fact has a slot of its own, that there is an
// end to them, and that a copy of a session is not written to.
func TestSuppliedSlots(t *testing.T) {
	var all SuppliedFields
	var s Session
	for i := range MaxSupplied {
		f, err := all.Field("p", "k"+itoa(i), KindNumber, "")
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := all.Field("p", "k"+itoa(i), KindText, ""); again != f {
			t.Errorf("%s has two fields", f.Name)
		}
		if plugin, key, ok := f.Plugin(); plugin != "p" || key != "k"+itoa(i) || !ok {
			t.Errorf("%s is of %q, %q", f.Name, plugin, key)
		}
		if err := s.SetSupplied(f, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := all.Field("p", "one more", KindText, ""); err == nil {
		t.Error("there is no end of slots")
	}
	for i, f := range all.fields {
		if v, ok := f.Read(&s); !ok || v.Number != int64(i) {
			t.Errorf("%s is %d, %v", f.Name, v.Number, ok)
		}
	}
	if _, _, ok := FieldByID(FieldHelo).Plugin(); ok {
		t.Error("helo is the fact of a plugin")
	}
}

// TestWaits shows that a reading says for which facts it waits, and goes on when
// they are there or will not come.
func TestWaits(t *testing.T) {
	var all SuppliedFields
	f, _ := all.Field("lookup", "exempt", KindBool, "")
	yes := NewSet(KindBool)
	if err := yes.Add(true); err != nil {
		t.Fatal(err)
	}
	p := New(Config{Rules: []*Rule{
		{Name: "exempt", When: []Condition{{Field: f, Set: yes}}, Action: Accept},
		{Name: "everyone", Require: &Profile{Name: "any"}, Otherwise: Reject},
	}})
	if got := p.Supplied(); len(got) != 1 || got[0] != f {
		t.Errorf("the policy looks at %v", got)
	}
	session := func() *Session {
		var s Session
		s.Local, s.ListenerTLSSeen = Known(false), Known(true)
		s.SetPlaintext()
		return &s
	}
	s := session()
	if v := p.Evaluate(s, SetOf(f.ID)); !v.Pending || v.Waits != SetOf(f.ID) || v.RuleName() != "exempt" {
		t.Errorf("%+v", v)
	}
	if v := p.Evaluate(s, 0); v.Pending || v.Action != Defer || v.Softened != SoftExemption {
		t.Errorf("without an answer: %v, softened by %v", v.Action, v.Softened)
	}
	for exempt, want := range map[bool]Action{true: Accept, false: Reject} {
		s := session()
		if err := s.SetSupplied(f, exempt); err != nil {
			t.Fatal(err)
		}
		if v := p.Evaluate(s, SetOf(f.ID)); v.Pending || v.Action != want {
			t.Errorf("exempt is %v: %v", exempt, v.Action)
		}
	}
}
