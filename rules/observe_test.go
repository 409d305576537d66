package rules

import (
	"fmt"
	"testing"
	"time"
)

// noon is the time of the sessions here.
var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// messageFacts are all that is known at the end of a message only.
var messageFacts = func() (all FieldSet) {
	for _, f := range Fields() {
		if f.Stage == StageEnd {
			all |= SetOf(f.ID)
		}
	}
	return all
}()

// observed are rules of which some only record, in every way in which a rule can,
// and some wait for the message.
func (g generator) observed() []*Rule {
	rs := g.rules()
	for _, r := range rs {
		if g.IntN(2) == 0 {
			set := NewSet(KindName)
			if err := set.Add(pick(g, "smime", "!no")); err != nil {
				panic(err)
			}
			r.When = append(r.When, Condition{Field: FieldByID(FieldMessageEncrypted), Set: set})
		}
		if g.IntN(4) == 0 {
			r.OnUnknown = Known(pick(g, Accept, Tag, Defer))
		}
		switch g.IntN(7) {
		case 0, 1:
			r.Observe = true
		case 2:
			r.Rollout = []RolloutStep{{From: noon.Add(time.Hour), Percent: 100}}
		case 3:
			r.Rollout = []RolloutStep{{From: noon.Add(-time.Hour), Percent: 50}}
		case 4:
			r.Rollout = []RolloutStep{{From: noon.Add(-time.Hour), Observe: true, Percent: 100}, {From: noon.Add(-time.Minute), Percent: 1 + g.IntN(99), Action: Known(Reject)}}
		case 5:
			r.Expires = Known(noon.Add(time.Duration(g.IntN(3)-1) * time.Hour))
		}
	}
	return rs
}

// enforced are copies of those rules that do more for a session than record.
func enforced(rs []*Rule, s *Session) (left []*Rule) {
	for _, r := range rs {
		if st := r.Standing(s); !st.Observe && !st.Expired {
			c := *r
			left = append(left, &c)
		}
	}
	return left
}

// told is all of a decision that anybody outside is told.
func told(d *Decision, class uint64) string {
	return fmt.Sprint(d.Action, d.RuleName(), d.Pending, d.Waits, d.Tagged, d.TagText, d.Quarantined, d.Softened, d.Caught, d.Reply, d.Stamp, d.Results, class)
}

// TestObservedMeansUntouched shows that a rule which only records changes nothing,
// whenever it is read: mail fares as if the rule were not there. What it records
// is the same in the end, whether it had to wait or not.
func TestObservedMeansUntouched(t *testing.T) {
	waited := 0
	random(t, func(g generator) {
		rs, s := g.observed(), g.session()
		s.Now = Known(noon)
		with := New(Config{Rules: rs, AuthservID: "mx"})
		without := New(Config{Rules: enforced(rs, s), AuthservID: "mx"})
		later := messageFacts
		if g.IntN(3) == 0 {
			later |= SetOf(pluggedBool, pluggedNumber, pluggedDomain)
		}
		d, plain := with.Decide(s, later, "id"), without.Decide(s, later, "id")
		if got, want := told(&d, with.RecipientClass(s)), told(&plain, without.RecipientClass(s)); got != want {
			t.Errorf("with the rules that record\n%s\nwithout\n%s", got, want)
		}
		if d.Pending {
			return
		}
		s.Message.Encrypted = Known(pick(g, "no", "smime", "pgp"))
		if later.Has(pluggedBool) {
			g.answers(s)
		}
		atOnce, before := with.Evaluate(s, 0), told(&d, 0)
		waits := d.Observes != 0
		if waits {
			waited++
		}
		with.Finish(&d.Verdict, s, 0)
		if after := told(&d, 0); after != before {
			t.Errorf("%s\nbecame %s", before, after)
		}
		if d.Observes != 0 || d.Would != atOnce.Would || d.WouldRule != atOnce.WouldRule || waits && d.Shortfall(s) != atOnce.Shortfall(s) {
			t.Errorf("recorded in the end %v by %s, at once %v by %s", d.Would, d.WouldRuleName(), atOnce.Would, atOnce.WouldRuleName())
		}
		for rule, o := range d.Outcomes() {
			if o == Waiting {
				t.Errorf("%s still waits", rule.Name)
			}
		}
	})
	if waited < rounds/100 {
		t.Errorf("an observed rule waited in %d of %d rounds", waited, rounds)
	}
}

// TestWholePolicyObserved shows that under enforce = "observe" nothing waits, and
// that what is recorded in the end is what would have been done.
func TestWholePolicyObserved(t *testing.T) {
	random(t, func(g generator) {
		rs, s := g.observed(), g.session()
		s.Now = Known(noon)
		full := New(Config{Rules: rs})
		p := full.WithEnforce(EnforceObserve)
		d := p.Decide(s, messageFacts, "id")
		if d.Pending || d.Action != Accept || d.Stamp != "" || d.Quarantined || d.Reply.Code != 0 {
			t.Errorf("%+v", d)
		}
		s.Message.Encrypted = Known(pick(g, "no", "smime", "pgp"))
		p.Finish(&d.Verdict, s, 0)
		if want := p.Evaluate(s, 0); d.Would != want.Would || d.WouldRule != want.WouldRule || d.Observes != 0 {
			t.Errorf("recorded %v by %s, would have done %v by %s", d.Would, d.WouldRuleName(), want.Would, want.WouldRuleName())
		}
	})
}

// TestObservedNotYet shows that what depends on the message is not recorded without
// it, under enforce = "observe" either.
func TestObservedNotYet(t *testing.T) {
	set := NewSet(KindName)
	if err := set.Add("pgp"); err != nil {
		t.Fatal(err)
	}
	pgp := []Condition{{Field: FieldByID(FieldMessageEncrypted), Set: set}}
	p := New(Config{Rules: []*Rule{{Name: "tag", Action: Tag}, {Name: "exempt", When: pgp, Action: Accept}, {Name: "all", Action: Reject}}, JudgeLocal: true})
	v := p.WithEnforce(EnforceObserve).Evaluate(&Session{}, messageFacts)
	if v.Would != Tag || v.Observes != SetOf(FieldMessageEncrypted) {
		t.Errorf("would %v, waits for %v", v.Would, v.Observes.Names())
	}
}

// TestObservedUnknown shows that a requirement which may be met is recorded as
// what it would have come to: a defer, never a reject.
func TestObservedUnknown(t *testing.T) {
	r := &Rule{Name: "r", Require: &Profile{Name: "known", ClientCert: CertTrusted}, Otherwise: Reject, Observe: true}
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"})
	v := New(Config{Rules: []*Rule{r}, JudgeLocal: true}).Evaluate(&s, 0)
	if v.Would != Defer || v.Action != Accept {
		t.Errorf("would %v, does %v", v.Would, v.Action)
	}
	for _, o := range v.Outcomes() {
		if o != Undecided {
			t.Errorf("counted as %v", o)
		}
	}
}

// TestStampsFor shows when a rule's tag has to be kept from being forged.
func TestStampsFor(t *testing.T) {
	step := func(hours int, observe bool, percent int) RolloutStep {
		return RolloutStep{From: noon.Add(time.Duration(hours) * time.Hour), Observe: observe, Percent: percent}
	}
	for name, c := range map[string]struct {
		rule      Rule
		now, ever bool
	}{
		"plain":          {Rule{Action: Tag}, true, true},
		"no tag":         {Rule{Action: Reject}, false, false},
		"under observe":  {Rule{Action: Tag, Observe: true}, false, false},
		"over":           {Rule{Action: Tag, Expires: Known(noon)}, false, true},
		"not over":       {Rule{Action: Tag, Expires: Known(noon.Add(1))}, true, true},
		"not begun":      {Rule{Action: Tag, Rollout: []RolloutStep{step(1, false, 100)}}, false, true},
		"begun":          {Rule{Action: Tag, Rollout: []RolloutStep{step(0, false, 100)}}, true, true},
		"not picked":     {Rule{Action: Tag, Rollout: []RolloutStep{step(0, false, 1)}}, false, true},
		"first observes": {Rule{Action: Tag, Rollout: []RolloutStep{step(-1, true, 100), step(1, false, 100)}}, false, true},
		"only observes":  {Rule{Action: Tag, Rollout: []RolloutStep{step(-1, true, 100)}}, false, false},
	} {
		p, s := New(Config{Rules: []*Rule{&c.rule}}), Session{Now: Known(noon)}
		if p.StampsFor(&s) != c.now || p.Stamps() != c.ever {
			t.Errorf("%s: now %v, ever %v", name, p.StampsFor(&s), p.Stamps())
		}
		if q := p.WithEnforce(EnforceObserve); q.StampsFor(&s) || q.Stamps() {
			t.Errorf("%s: stamps under observe", name)
		}
	}
	if all := New(Config{StampAll: true}); !all.StampsFor(&Session{}) || !all.Stamps() {
		t.Error("a policy that stamps all mail does not")
	}
}
