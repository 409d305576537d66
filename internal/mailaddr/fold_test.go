package mailaddr

import "testing"

// TestFold shows that case is folded as Postfix folds it with SMTPUTF8.
func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"":             "",
		"strict":       "strict",
		"STRICT":       "strict",
		"\u017ftrict":  "strict",  // long s
		"o\ufb03ce":    "office",  // ligature ffi
		"stra\u00dfe":  "strasse", // sharp s
		"STRA\u1e9eE":  "strasse", // capital sharp s
		"\u212aelvin":  "kelvin",  // the sign of the unit
		"\u00c4pfel":   "\u00e4pfel",
		"\u03a3\u03c2": "\u03c3\u03c3", // final sigma
		"\xffUP":       "\xffup",
	} {
		if got := Fold(text); got != want {
			t.Errorf("%q is folded to %q, not %q", text, got, want)
		}
		if got := Fold(want); got != want {
			t.Errorf("%q is folded again, to %q", want, got)
		}
	}
}

func TestDomain(t *testing.T) {
	for _, test := range []struct{ name, want, other string }{
		{"", "", ""},
		{"Example.COM.", "example.com", ""},
		{"m\u00fcnchen.example", "xn--mnchen-3ya.example", ""},
		{"M\u00dcNCHEN.example", "xn--mnchen-3ya.example", ""},
		{"XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example", ""},
		{"cla\u00df.example.com", "class.example.com", "xn--cla-7ka.example.com"},
		{"o\ufb03ce.example", "office.example", ""},
		{"\u017ftrict.example", "strict.example", ""},
		{"_dmarc.example", "_dmarc.example", ""},
		{"[192.0.2.1]", "[192.0.2.1]", ""},
	} {
		if got := Domain(test.name); got != test.want {
			t.Errorf("%q is compared as %q, not %q", test.name, got, test.want)
		}
		if got := OtherDomain(test.name); got != test.other {
			t.Errorf("%q is compared as %q, too, not %q", test.name, got, test.other)
		}
	}
}

func TestUnicode(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "example.com": "", "[192.0.2.1]": "", "xn--": "", "xn--\xff.example": "",
		"xn--mnchen-3ya.example": "m\u00fcnchen.example", "xn--cla-7ka.example": "cla\u00df.example", "_x.xn--mnchen-3ya.example": "_x.m\u00fcnchen.example",
	} {
		if got := Unicode(name); got != want {
			t.Errorf("%q is %q in its script, not %q", name, got, want)
		}
	}
}

func TestFoldingOfASCIICostsNothing(t *testing.T) {
	const address = "a.b+c@example.com"
	n := testing.AllocsPerRun(100, func() {
		if Normal(address) != address || OtherNormal(address) != "" || Fold(address) != address {
			t.Error("an address is changed")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
