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

// TestHookRoundTrip hooks and unhooks, and the value is as it was.
func TestHookRoundTrip(t *testing.T) {
	for _, test := range []struct{ front, value, want string }{
		{Milter, "", milterEntry},
		{Milter, "inet:localhost:11332", "inet:localhost:11332, " + milterEntry},
		{Milter, "$a  {inet:b:1, x=y},", "$a  {inet:b:1, x=y}, " + milterEntry + ","},
		{Policy, "", policyEntry},
		{Policy, "permit_mynetworks reject_unauth_destination", "permit_mynetworks reject_unauth_destination, " + policyEntry},
		{Policy, "a, b, permit", "a, b, " + policyEntry + ", permit"},
		{Policy, "a b REJECT,", "a b " + policyEntry + ", REJECT,"},
		{Policy, "permit", policyEntry + ", permit"},
		{Policy, "a, warn_if_reject reject", "a, warn_if_reject reject, " + policyEntry},
		{Policy, "check_policy_service unix:private/spf", "check_policy_service unix:private/spf, " + policyEntry},
		{Policy, "check_policy_service { unix:x, timeout=1s } reject", "check_policy_service { unix:x, timeout=1s } " + policyEntry + ", reject"},
	} {
		entry := milterEntry
		if test.front == Policy {
			entry = policyEntry
		}
		p := parameterOf(test.front)
		got, err := p.hook(test.value, entry, func(string) bool { return false })
		if err != nil || got != test.want || !p.asks(got, ourAddress) || p.asks(test.value, ourAddress) {
			t.Errorf("%s of %q: %q %v", p.name, test.value, got, err)
		}
		if back := p.unhook(got, ourAddress); back != test.value {
			t.Errorf("%s of %q: back it is %q", p.name, test.value, back)
		}
	}
}

// TestHookRefuses shows what would swallow an entry.
func TestHookRefuses(t *testing.T) {
	for _, test := range []struct{ front, value, want string }{
		{Milter, "{ inet:a:1", "smtpd_milters: a brace is not closed: { inet:a:1"},
		{Policy, "a, warn_if_reject", "smtpd_recipient_restrictions: its last element is not complete: a, warn_if_reject"},
		{Policy, "a check_policy_service", "smtpd_recipient_restrictions: its last element is not complete: a check_policy_service"},
	} {
		entry := milterEntry
		if test.front == Policy {
			entry = policyEntry
		}
		if got, err := parameterOf(test.front).hook(test.value, entry, ourAddress); err == nil || err.Error() != test.want {
			t.Errorf("%q: %q %v", test.value, got, err)
		}
	}
}

func TestUnhook(t *testing.T) {
	for _, test := range []struct{ front, value, want string }{
		{Milter, "inet:127.0.0.1:8465", ""},
		{Milter, "inet:127.0.0.1:8465, inet:a:1", "inet:a:1"},
		{Milter, "inet:a:1 inet:127.0.0.1:8465 {inet:127.0.0.1:8465} inet:b:1", "inet:a:1 inet:b:1"},
		{Milter, "inet:127.0.0.1:84650", "inet:127.0.0.1:84650"},
		{Policy, "inet:127.0.0.1:8465", "inet:127.0.0.1:8465"}, // no restriction of ours
		{Policy, "a, Check_Policy_Service inet:127.0.0.1:8465, permit", "a, permit"},
		{Policy, "a, warn_if_reject check_policy_service inet:127.0.0.1:8465, reject_unauth_destination", "a, reject_unauth_destination"},
		{Policy, "check_policy_service { inet:127.0.0.1:8465 } check_policy_service unix:x", "check_policy_service unix:x"},
	} {
		if got := parameterOf(test.front).unhook(test.value, ourAddress); got != test.want {
			t.Errorf("%q: %q", test.value, got)
		}
	}
}

// TestHookReplacesStale shows that an entry of ours with another address goes.
func TestHookReplacesStale(t *testing.T) {
	got, err := parameterOf(Milter).hook("inet:old:1, inet:a:1", milterEntry, func(s string) bool { return s == "inet:old:1" })
	if err != nil || got != "inet:a:1, "+milterEntry {
		t.Errorf("%q %v", got, err)
	}
}

// FuzzSplit shows that no byte of a value gets lost, that elements joined anew are
// the same elements, and that an entry which is put in can be taken out.
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
		for front, entry := range map[string]string{Milter: milterEntry, Policy: policyEntry} {
			p := parameterOf(front)
			hooked, err := p.hook(value, entry, ourAddress)
			if err != nil {
				continue
			}
			if !p.asks(hooked, ourAddress) {
				t.Fatalf("%s: %q asks nobody", front, hooked)
			}
			if back := p.unhook(hooked, ourAddress); !sameList(back, p.unhook(value, ourAddress)) {
				t.Fatalf("%s: %q, back %q", front, value, back)
			}
		}
	})
}
