package gate

import (
	"testing"

	"tlswarden/rules"
)

// TestStrongestAtData shows that of the recipients that the milter let pass the
// strongest refusal is given at DATA, whichever comes first, and that those which it
// refused are not asked about again.
func TestStrongestAtData(t *testing.T) {
	p := newPair(t, `
[[rule]]
name = "refused"
when = { recipient = "refused@example.com" }
action = "reject"

[[rule]]
name = "large, reject"
when = { size = "> 100", recipient = "reject@example.com" }
action = "reject"

[[rule]]
name = "large, defer"
when = { size = "> 100", recipient = ["before@example.com", "after@example.com"] }
action = "defer"
`)
	m := seen("TLSv1.2")
	p.mail(m)
	p.recipients(m, "before@example.com", "reject@example.com", "refused@example.com", "after@example.com")
	for size, want := range map[int64]rules.Action{50: rules.Accept, 500: rules.Reject} {
		end := seen("TLSv1.2")
		end.ForgetRecipient()
		end.Size = rules.Known(size)
		if d := p.decide(p.policy, end, 0, "pid=7"); d.Action != want {
			t.Errorf("%d octets: %v by %q, want %v", size, d.Action, d.RuleName(), want)
		}
	}
}
