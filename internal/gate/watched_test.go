package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tlswarden/rules"
)

const watching = `
[[rule]]
name = "some day"
when = { message.encrypted = "no" }
action = "reject"
observe = true

[[rule]]
name = "old TLS"
require = "rfc8996"
otherwise = "reject"
`

// TestWatched shows that a decision stands at once though a rule under observe
// waits for the message, and is counted and logged once: with what that rule would
// have done if the message comes, and without if it does not.
func TestWatched(t *testing.T) {
	for _, c := range []struct {
		name, tls, says   string
		line              string
		observed, unknown uint64
	}{
		{"the message comes", "TLSv1.3", "no", `action=accept would=reject would_rule="some day" recipient=b@example.com queue_id=4AbC`, 1, 0},
		{"and it is another", "TLSv1.3", "pgp", "action=accept recipient=b@example.com queue_id=4AbC", 0, 0},
		{"it tells nothing", "TLSv1.3", "?", "action=accept queue_id=4AbC", 0, 1},
		{"it does not come", "TLSv1.3", "", "action=accept recipient=b@example.com", 0, 1},
		{"the recipient is refused", "TLSv1.1", "", `action=reject rule="old TLS"`, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, watching)
			m := seen(c.tls)
			p.mail(m)
			d := p.decide(p.milter, m, p.atEnd, "")
			if d.Pending || c.tls == "TLSv1.3" && d.Action != rules.Accept || c.tls != "TLSv1.3" && d.Action != rules.Reject {
				t.Errorf("%+v", d.Verdict)
			}
			m.SetRecipient("other@example.com") // the session goes on
			queueID := ""
			switch c.says {
			case "?":
				p.milter.Finish(m)
				queueID = "4AbC"
			case "no", "pgp":
				m.Message.Encrypted = rules.Known(c.says)
				p.milter.Finish(m)
				p.milter.Finish(m)
				queueID = "4AbC"
			}
			p.milter.End(queueID)
			p.wantLines("front=milter " + c.line)
			if strings.Contains(p.log.String(), "would=") != strings.Contains(c.line, "would=") {
				t.Errorf("logged %s", p.log)
			}
			if o, u := p.count("some day", rules.Observed), p.count("some day", rules.Undecided); o != c.observed || u != c.unknown {
				t.Errorf("counted %d as observed, %d as unknown", o, u)
			}
			if met, not := p.count("old TLS", rules.Met), p.count("old TLS", rules.NotMet); met+not != 1 {
				t.Errorf("the other rule is counted %d times", met+not)
			}
		})
	}
}

// TestWatchedMany shows that no decision of a message with very many recipients is
// lost or counted twice, and that not all of them are kept.
func TestWatchedMany(t *testing.T) {
	p := newPair(t, watching)
	m := seen("TLSv1.3")
	p.mail(m)
	for i := range 3 * maxHeld {
		m.SetRecipient(fmt.Sprintf("r%d@example.com", i))
		p.decide(p.milter, m, p.atEnd, "")
		if len(p.milter.watched) > maxHeld {
			t.Fatalf("%d are kept", len(p.milter.watched))
		}
	}
	m.Message.Encrypted = rules.Known("no")
	p.milter.Finish(m)
	p.milter.End("4AbC")
	if lines := p.lines(); len(lines) != 3*maxHeld {
		t.Errorf("%d lines", len(lines))
	}
	if o, u := p.count("some day", rules.Observed), p.count("some day", rules.Undecided); o != maxHeld || u != 2*maxHeld {
		t.Errorf("counted %d as observed, %d as unknown", o, u)
	}
}

// TestWatchedPolicy shows that under enforce = "observe" nothing waits, that what
// the rules would have done is recorded when the message is there, and that
// plugins are asked then if that comes to them.
func TestWatchedPolicy(t *testing.T) {
	source := &asker{answers: map[string]any{"plugin.lookup.exempt": false, "plugin.lookup.tier": "silver", "plugin.dns.dane": true}}
	p := newPair(t, "")
	p.source = source
	p.SetPolicy(asking(t).WithEnforce(rules.EnforceObserve))
	p.milter = p.Open(Milter)
	m := seen("TLSv1.3")
	p.mail(m)
	if d := p.decide(p.milter, m, p.atEnd, ""); d.Pending || d.Action != rules.Accept || d.Observes == 0 {
		t.Errorf("%+v", d.Verdict)
	}
	m.Message.Encrypted = rules.Known("smime")
	p.milter.Finish(m)
	p.milter.End("4AbC")
	p.wantLines("action=accept would=quarantine would_rule=dane queue_id=4AbC")
}

// TestObservedAsksLast shows that a plugin whose facts only a rule under observe
// wants is asked after those that decide.
func TestObservedAsksLast(t *testing.T) {
	policy := asking(t)
	for _, r := range policy.Rules()[1:3] { // those on lookup, which are read first
		r.Observe = true
	}
	source := &asker{answers: map[string]any{"plugin.lookup.exempt": true, "plugin.lookup.tier": "silver"}}
	b := newBench(t, Logfmt, "")
	b.source = source
	b.SetPolicy(policy)
	tx := b.Open(Milter)
	if d, err := tx.Decide(session("TLSv1.3"), 0, "pid=1"); err != nil || d.Action != rules.Accept {
		t.Errorf("%v, %v", d.Action, err)
	}
	if got := slices.Concat(source.asked...); !slices.Equal(got, []string{"plugin.dns.dane", "plugin.lookup.exempt", "plugin.lookup.tier"}) {
		t.Errorf("asked %v", got)
	}
}

// TestUnjudged shows the line of a message whose end never came.
func TestUnjudged(t *testing.T) {
	p := newPair(t, byMessage)
	m := seen("")
	p.mail(m)
	d := p.decide(p.milter, m, p.atEnd, "")
	m.ForgetRecipient()
	p.milter.Unjudged(m, "queue_id=4AbC")
	p.wantLines(`action=unjudged front=milter queue_id=4AbC sender=a@example.org tls=none id=` + d.ID)
	if !strings.Contains(p.log.String(), `error="the end of the message never came"`) {
		t.Errorf("logged %s", p.log)
	}
}
