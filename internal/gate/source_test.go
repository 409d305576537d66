package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tlswarden/rules"
)

// asker is a source that answers from a table and notes what it is asked.
type asker struct {
	answers map[string]any // by the field's name; missing: not known
	asked   [][]string
	budget  time.Duration
}

func (a *asker) Ask(ctx context.Context, _ *rules.Policy, s *rules.Session, wanted []*rules.Field) {
	var names []string
	for _, f := range wanted {
		names = append(names, f.Name)
		if v, ok := a.answers[f.Name]; ok {
			_ = s.SetSupplied(f, v)
		}
	}
	a.asked = append(a.asked, names)
	end, _ := ctx.Deadline()
	a.budget = time.Until(end)
}

// asking is a policy with rules on two plugins. The kinds are those of the values
// in the tests.
func asking(t *testing.T) *rules.Policy {
	t.Helper()
	var all rules.SuppliedFields
	condition := func(plugin, key string, entry any) rules.Condition {
		kind := rules.KindBool
		if _, ok := entry.(string); ok {
			kind = rules.KindName
		}
		f, err := all.Field(plugin, key, kind, "")
		if err != nil {
			t.Fatal(err)
		}
		set := rules.NewSet(kind)
		if err := set.Add(entry); err != nil {
			t.Fatal(err)
		}
		return rules.Condition{Field: f, Set: set}
	}
	sender := rules.FieldByName("sender_domain")
	set := rules.NewSet(sender.Kind)
	if err := set.Add("example.org"); err != nil {
		t.Fatal(err)
	}
	message := rules.FieldByName("message.encrypted")
	smime := rules.NewSet(message.Kind)
	if err := smime.Add("smime"); err != nil {
		t.Fatal(err)
	}
	only := rules.Condition{Field: sender, Set: set}
	return rules.New(rules.Config{Rules: []*rules.Rule{
		{Name: "partner", When: []rules.Condition{only, condition("lookup", "exempt", true)}, Action: rules.Accept},
		{Name: "tier", When: []rules.Condition{only, condition("lookup", "tier", "gold")}, Action: rules.Tag},
		{Name: "dane", When: []rules.Condition{only, condition("dns", "dane", true), {Field: message, Set: smime}}, Action: rules.Quarantine},
	}})
}

// TestAsk shows that plugins are asked when the reading comes to them, once for
// all of their facts, and not for mail to which no such rule applies.
func TestAsk(t *testing.T) {
	lookup, dns := []string{"plugin.lookup.exempt", "plugin.lookup.tier"}, []string{"plugin.dns.dane"}
	end := rules.SetOf(rules.FieldMessageEncrypted)
	for _, c := range []struct {
		name    string
		sender  string
		answers map[string]any
		later   rules.FieldSet
		want    rules.Action
		pending bool
		asked   [][]string
	}{
		{name: "nobody need be asked", sender: "a@example.net"},
		{name: "the first answer ends it", sender: "a@example.org", answers: map[string]any{lookup[0]: true}, asked: [][]string{lookup}},
		{name: "one after the other", sender: "a@example.org", answers: map[string]any{lookup[0]: false, lookup[1]: "gold", dns[0]: false}, want: rules.Tag, asked: [][]string{lookup, dns}},
		{name: "no answer", sender: "a@example.org", asked: [][]string{lookup, dns}},
		{name: "the message is still to come", sender: "a@example.org", answers: map[string]any{lookup[0]: false, lookup[1]: "gold", dns[0]: true}, later: end, pending: true, asked: [][]string{lookup, dns}},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := &asker{answers: c.answers}
			b := newBench(t, Logfmt, "")
			b.source = source
			b.SetPolicy(asking(t))
			tx := b.Open(Milter)
			s := session("TLSv1.3")
			s.SetSender(c.sender)
			d, err := tx.Decide(s, c.later, "pid=1")
			if err != nil || d.Action != c.want || d.Pending != c.pending {
				t.Errorf("%v, pending %v, %v", d.Action, d.Pending, err)
			}
			if !slices.EqualFunc(source.asked, c.asked, slices.Equal) {
				t.Errorf("asked %v, want %v", source.asked, c.asked)
			}
			if len(c.asked) > 0 && (source.budget <= 0 || source.budget > Budget) {
				t.Errorf("the budget is %v", source.budget)
			}
		})
	}
}

// TestAskAnew shows that an answer about one recipient is not taken for another.
func TestAskAnew(t *testing.T) {
	source := &asker{answers: map[string]any{"plugin.lookup.exempt": false, "plugin.lookup.tier": "gold"}}
	b := newBench(t, Logfmt, "")
	b.source = source
	b.SetPolicy(asking(t))
	tx := b.Open(Milter)
	s := session("TLSv1.3")
	for _, want := range []rules.Action{rules.Tag, rules.Accept} {
		if d, err := tx.Decide(s, 0, "pid=1"); err != nil || d.Action != want {
			t.Errorf("%v, %v, want %v", d.Action, err, want)
		}
		source.answers = nil
	}
}

// TestNoSource shows that rules on plugins that are not there do not stop the
// mail.
func TestNoSource(t *testing.T) {
	b := newBench(t, Logfmt, "")
	b.SetPolicy(asking(t))
	if d, err := b.Open(Policy).Decide(session("TLSv1.3"), 0, "pid=1"); err != nil || d.Action != rules.Accept || d.Pending {
		t.Errorf("%v, %v, %v", d.Action, d.Pending, err)
	}
}

// sleeper is a source that takes its time, but not more than it is given.
type sleeper struct {
	takes time.Duration
	asked int
}

func (s *sleeper) Ask(ctx context.Context, _ *rules.Policy, _ *rules.Session, _ []*rules.Field) {
	s.asked++
	select {
	case <-ctx.Done():
	case <-time.After(s.takes):
	}
}

// TestOneBudget shows that however many recipients, contexts and plugins one
// answer is about, plugins are not asked beyond its time.
func TestOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sleeper{takes: 3 * time.Second}
		p := newPair(t, "")
		p.source = source
		p.SetPolicy(asking(t))
		m := seen("TLSv1.3")
		p.milter = p.Open(Milter)
		p.mail(m)
		for i := range 20 {
			m.SetRecipient(fmt.Sprintf("r%d@example.com", i))
			p.milter.link.pass(m)
		}
		p.milter.link.decided = true
		began := time.Now()
		several := seen("TLSv1.3")
		several.ForgetRecipient()
		p.decide(p.Open(Policy), several, 0, "")
		if took := time.Since(began); took > Budget {
			t.Errorf("the policy service at DATA was answered after %v", took)
		}
		began = time.Now()
		p.milter.Until(began.Add(5 * time.Second))
		for i := range 20 {
			m.SetRecipient(fmt.Sprintf("r%d@example.com", i))
			p.decide(p.milter, m, 0, "queue_id=1")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the end of the message was answered after %v", took)
		}
		if source.asked == 0 {
			t.Error("nobody was asked")
		}
		p.milter.Close()
		p.done()
	})
}

// byRecipient is a source that knows one mailbox.
type byRecipient string

func (r byRecipient) Ask(_ context.Context, _ *rules.Policy, s *rules.Session, wanted []*rules.Field) {
	for _, f := range wanted {
		if to, _ := s.RecipientAddress(); to.Known {
			_ = s.SetSupplied(f, to.Mailbox == string(r))
		} else {
			s.SetMisspelt(f)
		}
	}
}

// TestMisspeltNeed shows that nobody evades a rule on a plugin by the spelling of the
// address that it needs. Where the milter will know the mailbox, it decides.
func TestMisspeltNeed(t *testing.T) {
	const confidential = `
[[rule]]
name      = "confidential"
when      = { plugin.lookup.confidential = true }
require   = "rfc8996"
otherwise = "reject"
`
	for _, c := range []struct {
		recipient, tls string
		live           bool
		policy, milter rules.Action
	}{
		{recipient: "strict@example.com", tls: "TLSv1.1", policy: rules.Reject},
		{recipient: "other@example.com", tls: "TLSv1.1"},
		{recipient: "strict", tls: "TLSv1.1", policy: rules.Defer},
		{recipient: "other", tls: "TLSv1.1", policy: rules.Defer},
		{recipient: "strict", tls: "TLSv1.2"},
		{recipient: "strict@example.com", tls: "TLSv1.1", live: true, policy: rules.Reject, milter: rules.Reject},
		{recipient: "strict", tls: "TLSv1.1", live: true, milter: rules.Reject},
		{recipient: "other", tls: "TLSv1.1", live: true},
	} {
		p := newPair(t, confidential)
		p.source = byRecipient("strict@example.com")
		m, s := seen(c.tls), seen(c.tls)
		s.SetRecipient(c.recipient)
		if c.live {
			p.mail(m)
		}
		if d := p.decide(p.policy, s, 0, "pid=7"); d.Action != c.policy || d.Pending {
			t.Errorf("%+v: the policy service is told %v, pending %v", c, d.Action, d.Pending)
		}
		if local, _, _ := strings.Cut(c.recipient, "@"); c.live {
			m.SetRecipient(local + "@example.com")
			if d := p.decide(p.milter, m, p.atEnd, "queue_id=1"); d.Action != c.milter || d.Pending {
				t.Errorf("%+v: the milter is told %v, pending %v", c, d.Action, d.Pending)
			}
		}
		p.lines()
	}
}
