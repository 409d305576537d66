package gate

import (
	"strings"
	"testing"

	"tlswarden/rules"
)

// TestWithdraw shows that a decision for a recipient who is told to come again is not
// recorded, and that the policy service does not answer for the recipient.
func TestWithdraw(t *testing.T) {
	p := newPair(t, `
[[rule]]
name = "small"
when = { size = "> 100", recipient = "c@example.com" }
action = "reject"

[[rule]]
name = "all"
action = "tag"
`)
	m := seen("TLSv1.2")
	p.mail(m)
	p.recipients(m, "b@example.com", "c@example.com")
	p.milter.Withdraw(m)
	end := seen("TLSv1.2")
	end.ForgetRecipient()
	end.Size = rules.Known(int64(500))
	if d := p.decide(p.policy, end, 0, "pid=7"); d.Action != rules.Accept {
		t.Errorf("what only the recipient who comes again gets: %v", d.Action)
	}
	// The same recipient, who was let through before, stays.
	p.recipients(m, "b@example.com")
	p.milter.Withdraw(m)
	if to, late := p.find(end, p.now).askedLate(end); !late || len(to) != 1 {
		t.Errorf("the policy service answers for %v, %v", to, late)
	}
	p.milter.End("1")
	p.wantLines("action=tag recipient=b@example.com")
	if n := p.count("all", rules.Applied); n != 1 {
		t.Errorf("the rule is counted %d times", n)
	}
	if strings.Contains(p.log.String(), "recipient=c@") {
		t.Errorf("logged %s", p.log)
	}
}
