package ruletest

import (
	"strings"
	"testing"
	"time"

	"tlswarden/rules/rulefile"
)

const comingRules = `
[[rule]]
name = "old machine"
when = { client = "192.0.2.9", tls = false }
action = "accept"
expires = 2027-01-31

[[rule]]
name = "hold"
when = { sender_domain = "example.org" }
action = "quarantine"
rollout = [{ from = 2027-02-15T08:30:00 }]

[[rule]]
name = "other"
when = { sender_domain = "example.com" }
action = "tag"
rollout = [{ from = 2027-03-01 }]

[[rule]]
name = "everyone"
require = "any-tls"
otherwise = "reject"
rollout = [{ from = 2027-01-01, action = "tag" }, { from = 2027-02-15T08:30:00, percent = 100, observe = true }, { from = 2027-03-01 }]

[[test]]
name = "the old machine"
session = { client = "192.0.2.9", sender = "a@example.net", tls = false }
expect = { action = "accept", rule = "old machine" }

[[test]]
name = "plaintext is only tagged"
session = { client = "192.0.2.1", sender = "a@example.net", tls = false }
expect = { action = "tag" }

[[test]]
name = "plaintext passes"
session = { client = "192.0.2.1", sender = "a@example.org", tls_version = "TLSv1.3" }
expect = { action = "accept" }

[[test]]
name = "plaintext is not rejected under observe"
session = { client = "192.0.2.1", sender = "a@example.com", tls_version = "TLSv1.3" }
expect = { rule = "" }

[[test]]
name = "a day to come"
session = { client = "192.0.2.1", sender = "a@example.net", tls = false, now = 2027-01-10 }
expect = { action = "tag" }

[[test]]
name = "TLS passes for ever"
session = { client = "192.0.2.1", sender = "a@example.net", tls_version = "TLSv1.3" }
expect = { action = "accept" }

[[test]]
name = "it fails now"
session = { client = "192.0.2.1", sender = "a@example.net", tls = false }
expect = { action = "reject" }
`

// TestComing shows what is said of tests that will fail, word for word.
func TestComing(t *testing.T) {
	res := rulefile.Load([]rulefile.Source{{Name: "r.toml", Data: []byte(comingRules)}}, rulefile.Options{Zone: time.UTC})
	tests := Parse(res.Tests, res.Policy, &res.Found)
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{time.Date(2027, 1, 20, 0, 0, 0, 0, time.UTC), `
r.toml:26: warning: test "the old machine" will fail from 2027-02-01 on, when rule "old machine" expires: action: want accept, got tag; rule: want "old machine", got "everyone"
	hint: give the test a now, or say what it expects from then on
r.toml:31: warning: test "plaintext is only tagged" will fail from 2027-02-15T08:30:00Z on, when rule "everyone" changes: action: want tag, got accept
	hint: give the test a now, or say what it expects from then on
r.toml:36: warning: test "plaintext passes" will fail from 2027-02-15T08:30:00Z on, when rule "hold" changes: action: want accept, got quarantine
	hint: give the test a now, or say what it expects from then on
r.toml:41: warning: test "plaintext is not rejected under observe" will fail from 2027-03-01 on, when rule "other" changes: rule: want none, got "other"
	hint: give the test a now, or say what it expects from then on
`},
		{time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), "\n"},
	} {
		res.Found = nil
		Coming(tests, res.Policy, c.now, &res.Found)
		var b strings.Builder
		b.WriteString("\n")
		for _, d := range res.Found {
			b.WriteString(d.String() + "\n")
		}
		if got := b.String(); got != c.want {
			t.Errorf("on %v:\n%s\nwant:%s", c.now, got, c.want)
		}
	}
}

// TestExpectIsSpeltOut shows the hint for an action that is misspelt.
func TestExpectIsSpeltOut(t *testing.T) {
	file := "[[rule]]\nname = \"r\"\naction = \"tag\"\n[[test]]\nname = \"x\"\nexpect = { action = \"defre\" }\n"
	res := rulefile.Load([]rulefile.Source{{Name: "r.toml", Data: []byte(file)}}, rulefile.Options{})
	Parse(res.Tests, res.Policy, &res.Found)
	want := "r.toml:6: error: test \"x\": expect: action must be one of accept, tag, quarantine, defer, reject, not \"defre\"\n\thint: did you mean defer?"
	if len(res.Found) != 1 || res.Found[0].String() != want {
		t.Errorf("%v", res.Found)
	}
}
