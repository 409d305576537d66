package tomlfile

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDiagnosticString(t *testing.T) {
	tests := []struct {
		d    Diagnostic
		want string
	}{
		{Diagnostic{Error, "a.toml", 3, "no", ""}, "a.toml:3: error: no"},
		{Diagnostic{Warning, "a.toml", 3, "hm", "do it"}, "a.toml:3: warning: hm\n\thint: do it"},
		{Diagnostic{File: "a.toml", Message: "no"}, "a.toml: error: no"},
	}
	for _, test := range tests {
		if got := test.d.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestDiagnostics(t *testing.T) {
	var ds Diagnostics
	ds.Warnf(Pos{"b", 1}, "", "first %d", 1)
	ds.Warnf(Pos{"a", 2}, "hint", "second")
	ds.Warnf(Pos{"a", 2}, "", "third")
	if ds.HasErrors() {
		t.Errorf("warnings alone count as errors: %v", ds)
	}
	ds.Errorf(Pos{"a", 1}, "", "%s", "100%")
	if !ds.HasErrors() {
		t.Errorf("no error in %v", ds)
	}
	ds.Errorf(Pos{File: "a"}, "", "whole")
	ds.Sort()
	want := Diagnostics{
		{Error, "a", 0, "whole", ""},
		{Error, "a", 1, "100%", ""},
		{Warning, "a", 2, "second", "hint"},
		{Warning, "a", 2, "third", ""},
		{Warning, "b", 1, "first 1", ""},
	}
	if !slices.Equal(ds, want) {
		t.Errorf("got %v, want %v", ds, want)
	}
}

func TestKindName(t *testing.T) {
	const text = `
a = "x"
b = 1
c = 1.0
d = true
e = 2027-01-31T10:00:00Z
f = 2027-01-31T10:00:00
g = 2027-01-31
h = 10:00:00
i = []
j = {}
[k]
[[l]]
`
	want := []string{
		"a string", "an integer", "a decimal number", "a boolean", "a date and time with offset",
		"a date and time", "a date", "a time of day", "an array", "a table", "a table", "an array of tables",
	}
	root, ds := Parse("f", []byte(text))
	if root == nil {
		t.Fatal(ds)
	}
	var got []string
	for _, e := range root.Entries {
		got = append(got, KindName(e.Value))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := KindName(nil); got != "an unknown value" {
		t.Errorf("nil is %s", got)
	}
}

func TestLocalDatesInAnotherZone(t *testing.T) {
	zone := time.FixedZone("", 5*3600+1800)
	root, ds := Parse("f", []byte("day = 2027-01-31\nmoment = 2027-01-31T23:59:58.25\n"))
	if root == nil {
		t.Fatal(ds)
	}
	day, _ := root.Get("day")
	if got, want := day.Value.(LocalDate).In(zone), time.Date(2027, 1, 31, 0, 0, 0, 0, zone); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	moment, _ := root.Get("moment")
	if got, want := moment.Value.(LocalDateTime).In(zone), time.Date(2027, 1, 31, 23, 59, 58, 250e6, zone); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSuggest(t *testing.T) {
	keys := []string{"action", "require", "otherwise", "reply", "when", "on", "tls_version", "sender_domain"}
	tests := []struct{ word, want string }{
		{"actoin", "action"},
		{"acion", "action"},
		{"Require", "require"},
		{"TLS-Version", "tls_version"},
		{"sendrdomain", "sender_domain"},
		{"wehn", "when"},
		{"whne", "when"},
		{"ohterwsie", "otherwise"},
		{"rply", "reply"},
		{"rep", ""},
		{"of", "on"},
		{"o", "on"},
		{"x", ""},
		{"xy", ""},
		{"", ""},
		{"unrelated", ""},
		{"when", "when"},
		{strings.Repeat("when", 1000), ""},
	}
	for _, test := range tests {
		if got := Suggest(test.word, keys); got != test.want {
			t.Errorf("Suggest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
	ties := []struct {
		word       string
		candidates []string
		want       string
	}{
		{"cat", []string{"bat", "hat"}, "bat"},
		{"abcdef", []string{"abcxyf", "abcxef", "abcdxf"}, "abcxef"},
		{"naïv", []string{"naïve"}, "naïve"},
		{"ab", []string{"a", "abc"}, "a"},
		{"a", []string{"b"}, ""},
		{"word", nil, ""},
	}
	for _, test := range ties {
		if got := Suggest(test.word, test.candidates); got != test.want {
			t.Errorf("Suggest(%q, %q) = %q, want %q", test.word, test.candidates, got, test.want)
		}
	}
}
