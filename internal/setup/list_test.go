package setup

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for value, want := range map[string][]string{
		"":                            nil,
		" ,\t,\n":                     nil,
		"a":                           {"a"},
		"a b,c,, d":                   {"a", "b", "c", "d"},
		"{ a, b } c":                  {"{ a, b }", "c"},
		"{a,{b,c}},d":                 {"{a,{b,c}}", "d"},
		"${x?{a, b}:{c}} d":           {"${x?{a, b}:{c}}", "d"},
		"a} b":                        {"a}", "b"},
		"check_policy_service unix:x": {"check_policy_service", "unix:x"},
	} {
		if got := words(value); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%q: %q", value, got)
		}
		if _, err := split(value); err != nil {
			t.Errorf("%q: %v", value, err)
		}
	}
	if _, err := split("a, { b"); err == nil {
		t.Error("a brace that is not closed is no error")
	}
}

const (
	milterEntry = "{ inet:127.0.0.1:8465, connect_timeout=5s }"
	policyEntry = "check_policy_service { inet:127.0.0.1:8465, timeout=15s }"
)

// ourAddress is what the tests take for tlswarden's.
func ourAddress(s string) bool { return s == "inet:127.0.0.1:8465" }

const completeIt = "; complete that element in main.cf or take it out, and run this command again"

// TestHookRefuses shows what would swallow an entry.
func TestHookRefuses(t *testing.T) {
	for _, test := range []struct{ front, value, want string }{
		{Milter, "{ inet:a:1", "smtpd_milters: a brace is not closed: { inet:a:1" + completeIt},
		{Policy, "a, warn_if_reject", "smtpd_recipient_restrictions: its last element lacks what belongs behind it: a, warn_if_reject" + completeIt},
		{Policy, "a check_policy_service", "smtpd_recipient_restrictions: its last element lacks what belongs behind it: a check_policy_service" + completeIt},
	} {
		entry := milterEntry
		if test.front == Policy {
			entry = policyEntry
		}
		p := parameterOf(test.front)
		if got, err := p.hook(p.name+" = "+test.value+"\n", entry, "", len(words(test.value))); err == nil || err.Error() != test.want {
			t.Errorf("%q: %q %v", test.value, got, err)
		}
	}
}

// FuzzSplit shows that no byte of a value gets lost, that elements joined anew are
// the same elements.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "a, b c", "{ a, { b } }, c", "a}{b, c", "${x?{y}}, warn_if_reject reject", "check_policy_service {unix:a, b=c}, permit,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		tokens, err := split(value)
		rest, at := "", 0
		for _, token := range tokens {
			if token.text == "" || value[token.start:token.end] != token.text {
				t.Fatalf("%q: %v", value, token)
			}
			rest += value[at:token.start]
			at = token.end
		}
		if strings.Trim(rest+value[at:], separators) != "" {
			t.Fatalf("%q: %q is lost", value, rest+value[at:])
		}
		if err != nil {
			return
		}
		if again := words(strings.Join(words(value), " , ")); !slices.Equal(again, words(value)) {
			t.Fatalf("%q: %q", value, again)
		}
	})
}
