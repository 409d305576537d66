package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return t
}

// TestRollout shows what a rule does at each point of its rollout.
func TestRollout(t *testing.T) {
	rule := &Rule{Name: "r", Require: required("rfc8996"), Otherwise: Reject, Rollout: []RolloutStep{
		{From: at("2027-01-01 00:00:00"), Observe: true, Percent: 100},
		{From: at("2027-02-01 00:00:00"), Action: Known(Tag), Percent: 100},
		{From: at("2027-03-01 00:00:00"), Action: Known(Defer), Percent: 100},
		{From: at("2027-04-01 00:00:00"), Percent: 100},
	}, Expires: Known(at("2027-05-01 00:00:00"))}
	p := New(Config{Rules: []*Rule{rule}, JudgeLocal: true})
	for _, c := range []struct {
		now    string
		action Action
		would  Action
	}{
		{"2026-12-31 23:59:59", Accept, Reject},
		{"2027-01-01 00:00:00", Accept, Reject},
		{"2027-02-01 00:00:00", Tag, Accept},
		{"2027-02-28 23:59:59", Tag, Accept},
		{"2027-03-01 00:00:00", Defer, Accept},
		{"2027-04-01 00:00:00", Reject, Accept},
		{"2027-04-30 23:59:59", Reject, Accept},
		{"2027-05-01 00:00:00", Accept, Accept},
	} {
		s := benchSession("TLSv1", "AES128-SHA")
		s.Now = Known(at(c.now))
		if v := p.Evaluate(s, 0); v.Action != c.action || v.Would != c.would {
			t.Errorf("%s: %v, would %v; want %v, would %v", c.now, v.Action, v.Would, c.action, c.would)
		}
	}
	if !p.Stamps() {
		t.Error("a policy that tags in one step does not stamp")
	}
}

// TestPercent shows that a percentage picks about as many senders as it says,
// always the same ones, and that who is picked stays so when it grows.
func TestPercent(t *testing.T) {
	const senders = 20000
	step := func(percent int) *Policy {
		return New(Config{JudgeLocal: true, Rules: []*Rule{{Name: "everyone", Action: Reject, Rollout: []RolloutStep{
			{From: at("2027-01-01 00:00:00"), Action: Known(Tag), Percent: 100},
			{From: at("2027-01-01 00:00:00"), Percent: percent},
		}}}})
	}
	percents := []int{1, 10, 50, 99, 100}
	counts := map[int]int{}
	for i := range senders {
		s := benchSession("TLSv1", "AES128-SHA")
		s.Now = Known(at("2027-06-01 00:00:00"))
		s.SetSender(fmt.Sprintf("u%d@d%d.example.org", i%7, i))
		if i%2 == 0 {
			s.SetSender("") // by client network
			s.SetClient(netip.AddrFrom4([4]byte{100, byte(i >> 8), byte(i), 7}))
		}
		picked := false
		for _, percent := range percents {
			v := step(percent).Evaluate(s, 0)
			if picked && v.Action != Reject {
				t.Fatalf("sender %d is dropped at %d percent", i, percent)
			}
			if picked = v.Action == Reject; picked {
				counts[percent]++
			} else if v.Action != Tag {
				t.Fatalf("who is not picked gets %v", v.Action)
			}
		}
	}
	for _, percent := range percents {
		if share := float64(counts[percent]) / senders * 100; share < float64(percent)-1.5 || share > float64(percent)+1.5 {
			t.Errorf("%d percent picks %.1f", percent, share)
		}
	}
}

// TestPercentOfNobody shows that a sender who is not known is never picked.
func TestPercentOfNobody(t *testing.T) {
	rule := &Rule{Name: "r", Action: Reject, Rollout: []RolloutStep{{Percent: 99}}}
	p := New(Config{Rules: []*Rule{rule}, JudgeLocal: true})
	if v := p.Evaluate(&Session{}, 0); v.Action != Accept || v.Would != Reject {
		t.Errorf("%v, would %v", v.Action, v.Would)
	}
}

// TestExpiredSoftensNothing shows that an exemption that is over is as if it
// were not there, even where its facts are missing.
func TestExpiredSoftensNothing(t *testing.T) {
	exempt := &Rule{Name: "e", When: []Condition{on(FieldSize, ">= 10")}, Action: Accept, Expires: Known(at("2027-01-01 00:00:00"))}
	p := New(Config{Rules: []*Rule{exempt, {Name: "r", Action: Reject}}, JudgeLocal: true})
	for now, want := range map[string]Action{"2026-12-31 23:59:59": Defer, "2027-01-01 00:00:00": Reject} {
		s := &Session{Now: Known(at(now))}
		s.SetTLS(TLS{Version: "TLSv1.3"})
		if v := p.Evaluate(s, 0); v.Action != want {
			t.Errorf("%s: %v, want %v", now, v.Action, want)
		}
	}
}

func TestClientNetwork(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2ff:3::4": "2001:db8:1:200::/56",
	} {
		if got, ok := ClientNetwork(netip.MustParseAddr(a)); !ok || got.String() != want {
			t.Errorf("%s: %v %v", a, got, ok)
		}
	}
	if _, ok := ClientNetwork(netip.Addr{}); ok {
		t.Error("no address has a network")
	}
}

// TestPercentOfSenders pins from which percentage on a sender is picked, which depends
// on the rule's name, too: an upgrade must not draw lots again, and two rules do not
// begin with the same senders.
func TestPercentOfSenders(t *testing.T) {
	for _, c := range []struct {
		rule, sender, client string
		from                 int
	}{
		{"r", "a@example.org", "192.0.2.1", 51},
		{"r", "b@EXAMPLE.org", "198.51.100.1", 51},
		{"other", "a@example.org", "192.0.2.1", 68},
		{"r", "a@example.com", "192.0.2.1", 94},
		{"r", "a@d112.example", "192.0.2.1", 1},
		{"r", "a@d78.example", "192.0.2.1", 100},
		{"r", "", "192.0.2.1", 59},
		{"r", "", "192.0.2.255", 59},
		{"other", "", "192.0.2.1", 91},
		{"r", "", "2001:db8::1", 40},
	} {
		s := &Session{}
		s.SetSender(c.sender)
		s.SetClient(netip.MustParseAddr(c.client))
		rule, from := &Rule{Name: c.rule}, 0
		for !rule.picks(s, from) {
			from++
		}
		if from != c.from {
			t.Errorf("rule %q, sender %q, client %s: picked from %d percent on, want %d", c.rule, c.sender, c.client, from, c.from)
		}
	}
}
