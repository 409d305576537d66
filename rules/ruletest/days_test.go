package ruletest

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// daysRules are of Santiago, where clocks go from 0:00 to 1:00 on 6 September 2026, a
// day that begins at 04:00 UTC.
const daysRules = `
[[rule]]
name = "until the 5th"
when = { sender = "until@example.org" }
action = "tag"
expires = 2026-09-05

[[rule]]
name = "from the 6th"
when = { sender = "from@example.org" }
action = "defer"
rollout = [{ from = 2026-09-06 }]

[[rule]]
name = "compared"
when = { sender = "compared@example.org", now = [">= 2026-09-06", "< 2026-09-05"] }
action = "defer"

[[rule]]
name = "at"
when = { sender = "at@example.org", now = 2026-09-06 }
action = "defer"
`

const daysTests = `
[[test]]
name = "the last second of the last day"
session = { sender = "until@example.org", tls = false, now = 2026-09-06T03:59:59Z }
expect = { action = "tag" }

[[test]]
name = "over"
session = { sender = "until@example.org", tls = false, now = 2026-09-06 }
expect = { action = "accept" }

[[test]]
name = "the day before"
session = { sender = "from@example.org", tls = false, now = 2026-09-05T23:59:59 }
expect = { action = "accept", would = "defer" }

[[test]]
name = "begun"
session = { sender = "from@example.org", tls = false, now = 2026-09-06T04:00:00Z }
expect = { action = "defer" }

[[test]]
name = "between"
session = { sender = "compared@example.org", tls = false, now = 2026-09-06T03:59:59Z }
expect = { action = "accept" }

[[test]]
name = "after"
session = { sender = "compared@example.org", tls = false, now = 2026-09-06 }
expect = { action = "defer" }

[[test]]
name = "before"
session = { sender = "compared@example.org", tls = false, now = 2026-09-04T23:59:59 }
expect = { action = "defer" }

[[test]]
name = "at its beginning"
session = { sender = "at@example.org", tls = false, now = 2026-09-06 }
expect = { action = "defer" }
`

func santiago(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// loadAt reads rules and tests at a time, in its zone.
func loadAt(t *testing.T, text string, now time.Time) rulefile.Result {
	t.Helper()
	res := rulefile.Load([]rulefile.Source{{Name: "r.toml", Data: []byte(text)}}, rulefile.Options{Zone: now.Location(), Now: now})
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	return res
}

// TestDays shows that dates are the civil days of the policy's time zone, in rules,
// in tests and as text, with and without quotes.
func TestDays(t *testing.T) {
	zone := santiago(t)
	now := time.Date(2026, 8, 22, 12, 0, 0, 0, zone)
	res := loadAt(t, daysRules+daysTests, now)
	var found tomlfile.Diagnostics
	if tests := Parse(res.Tests, res.Policy, &found); Report(tests, res.Policy, now, &found) > 0 || len(tests) != 8 {
		t.Error(found)
	}
	facts, err := Facts{"sender": "from@example.org", "tls": false}.With(res.Policy, map[string]string{"now": "2026-09-06"})
	if err != nil {
		t.Fatal(err)
	}
	if d := res.Policy.Decide(facts.SessionFor(res.Policy, now), 0, "id"); d.Action != rules.Defer {
		t.Errorf("given as text: %v", d.Action)
	}
}

// TestDaysToCome shows that warnings name the days of the rules, and begin with a
// day: two weeks before the end of the rule.
func TestDaysToCome(t *testing.T) {
	zone := santiago(t)
	const undated = "[[test]]\nname = \"undated\"\nsession = { sender = \"from@example.org\", tls = false }\nexpect = { action = \"accept\" }\n"
	for now, want := range map[time.Time]string{
		time.Date(2026, 8, 22, 23, 59, 59, 0, zone): "",
		time.Date(2026, 8, 23, 0, 0, 0, 0, zone):    `warning: rule "until the 5th": the rule expires on 2026-09-05`,
	} {
		res := loadAt(t, daysRules+undated, now)
		if got := fmt.Sprint(res.Found); !strings.Contains(got, want) || (want == "") != (got == "[]") {
			t.Errorf("at %v: %q, want %q", now, got, want)
		}
		var found tomlfile.Diagnostics
		Coming(Parse(res.Tests, res.Policy, &found), res.Policy, now, &found)
		if got := fmt.Sprint(found); !strings.Contains(got, `test "undated" will fail from 2026-09-06 on, when rule "from the 6th" changes`) {
			t.Errorf("at %v: %q", now, got)
		}
	}
}
