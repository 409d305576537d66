package gate

import (
	"strings"
	"testing"
)

// withExceptions has two exceptions, of which the first lets mail pass.
const withExceptions = `[[rule]]
name = "everyone"
require = "any-tls"
otherwise = "reject"
[[rule.except]]
when = { sender = "a@example.org" }
[[rule.except]]
when = { recipient = "b@example.com" }
otherwise = "tag"
`

// TestExceptionsAreTold shows that the log names the exception that held, that each is
// counted, and that the counts outlive a reload that leaves them where they stand.
func TestExceptionsAreTold(t *testing.T) {
	b := newBench(t, Logfmt, withExceptions)
	for _, sender := range []string{"a@example.org", "c@example.org", "d@example.org"} {
		tx, s := b.Open("milter"), session("")
		s.SetSender(sender)
		if _, err := tx.Decide(s, 0, ""); err != nil {
			t.Fatal(err)
		}
		tx.Close()
	}
	b.SetPolicy(load(t, withExceptions))
	b.LogCounts()
	b.SetPolicy(load(t, "\n"+withExceptions))
	b.LogCounts()
	out := b.done()
	for _, want := range []struct {
		text  string
		times int
	}{
		{"action=accept exception=t.toml:5 front=milter", 1},
		{"action=tag rule=everyone exception=t.toml:7 front=milter", 2},
		{"msg=counts rule=everyone met=0 not_met=2 applied=0 observed=0 unknown=0 excepted=1 since=", 2},
		{"msg=counts rule=everyone exception=t.toml:5 applied=1 since=", 1},
		{"msg=counts rule=everyone exception=t.toml:7 applied=2 since=", 1},
		{"msg=counts rule=everyone exception=t.toml:6 applied=0 since=", 1},
		{"msg=counts rule=everyone exception=t.toml:8 applied=0 since=", 1},
		{"msg=counts rule=local met=0 not_met=0 applied=0 observed=0 unknown=0 since=", 2},
	} {
		if n := strings.Count(out, want.text); n != want.times {
			t.Errorf("%d times, not %d: %s\n%s", n, want.times, want.text, out)
		}
	}
}
