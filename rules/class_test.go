package rules

import "testing"

// TestRecipientClass shows that recipients are of one class if no condition of
// any rule on them, and nothing of a plugin, can tell them apart.
func TestRecipientClass(t *testing.T) {
	condition := func(id FieldID, entries ...any) []Condition {
		f := FieldByID(id)
		set := f.NewSet()
		for _, e := range entries {
			if err := set.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		return []Condition{{Field: f, Set: set}}
	}
	apart := []*Rule{
		{Name: "a", When: condition(FieldRecipient, "finance@example.com", "sales@")},
		{Name: "b", When: condition(FieldRecipientDomain, ".example.net")},
		{Name: "c", When: condition(FieldSender, "b@example.com")},
	}
	class := func(p *Policy, recipient string) uint64 {
		var s Session
		s.SetSender("a@example.org")
		if recipient != "" {
			s.SetRecipient(recipient)
		}
		return p.RecipientClass(&s)
	}
	p := New(Config{Rules: apart})
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"b@example.com", "c@example.org", true},
		{"b@example.com", "finance@example.com", false},
		{"FINANCE@example.com", "finance@example.com", true},
		{"sales@x.example", "finance@example.com", true},
		{"b@x.example.net", "b@example.net", false},
		{"b@x.example.net", "c@y.example.net", true},
		{"sales@x.example.net", "c@y.example.net", false},
		{"b@example.com", "", false},
	} {
		if got := class(p, c.a) == class(p, c.b); got != c.same {
			t.Errorf("%q and %q are of one class: %v", c.a, c.b, got)
		}
	}
	if p := New(Config{Rules: apart[2:]}); class(p, "b@example.com") != 0 || class(p, "") != 0 {
		t.Error("there are classes without a condition on recipients")
	}

	except := &Rule{Name: "d", Require: &Profile{}, Except: []Exception{{When: condition(FieldRecipient, "b@example.com")}}}
	if p := New(Config{Rules: []*Rule{except}}); class(p, "b@example.com") == class(p, "c@example.com") {
		t.Error("an exception tells recipients apart, and they are of one class")
	}

	var fields SuppliedFields
	f, err := fields.Field("p", "k", KindText, "")
	if err != nil {
		t.Fatal(err)
	}
	set := f.NewSet()
	if err := set.Add("x"); err != nil {
		t.Fatal(err)
	}
	p = New(Config{Rules: []*Rule{{Name: "p", When: []Condition{{Field: f, Set: set}}}}})
	if class(p, "b@example.com") == class(p, "c@example.com") || class(p, "b@example.com") != class(p, "B@example.com") {
		t.Error("a plugin's answers by recipient are not kept apart")
	}
}
