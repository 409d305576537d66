package gate

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// numbered is a policy whose only rule is called by a number.
func numbered(n int) string {
	return fmt.Sprintf("[[rule]]\nname = \"r%d\"\naction = \"defer\"\n", n)
}

// ruleOf is the rule by which a transaction decides.
func ruleOf(t *testing.T, tx *Transaction) string {
	t.Helper()
	d, err := tx.Decide(session("TLSv1.3"), 0, "pid=1")
	if err != nil {
		t.Fatal(err)
	}
	if p := tx.Policy(); p.Rules()[len(p.Rules())-1] != d.Rule {
		t.Error("the policy is not that of the decision")
	}
	return d.RuleName()
}

// TestLease shows that a transaction keeps the policy that it began with: at the
// milter to its end, at the policy service until that many others took its place, or
// for as long, as the bounds are.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Logfmt, numbered(0))
		defer b.batch.Close()
		milter, quick, slow := b.Open(Milter), b.Open(Policy), b.Open(Policy)
		milter.BeginLive(session("TLSv1.3"))
		for n := 1; n <= maxReplaced; n++ {
			b.SetPolicy(load(t, numbered(n)))
			if got := ruleOf(t, quick); got != "r0" {
				t.Errorf("after %d reloads: %s", n, got)
			}
		}
		b.SetPolicy(load(t, numbered(3)))
		if got := ruleOf(t, quick); got != "r3" {
			t.Errorf("after more: %s", got)
		}
		b.SetPolicy(load(t, numbered(4)))
		time.Sleep(keepReplaced - time.Second)
		if got := ruleOf(t, quick); got != "r3" {
			t.Errorf("in time: %s", got)
		}
		time.Sleep(2 * time.Second)
		for name, tx := range map[string]*Transaction{"a transaction that was asked": quick, "one that was not": slow} {
			if got := ruleOf(t, tx); got != "r4" {
				t.Errorf("%s, later: %s", name, got)
			}
		}
		if got := ruleOf(t, milter); got != "r0" {
			t.Errorf("the milter, within a mail transaction: %s", got)
		}
		milter.End("")
		milter.BeginLive(session("TLSv1.3"))
		if got := ruleOf(t, milter); got != "r4" {
			t.Errorf("the milter, in the next mail transaction: %s", got)
		}
	})
}

// TestLeaseOfNone shows that a transaction which began without a policy is decided
// by the one that a reload brings.
func TestLeaseOfNone(t *testing.T) {
	b := newBench(t, Logfmt, "")
	defer b.batch.Close()
	tx := b.Open(Policy)
	if _, err := tx.Decide(session(""), 0, "pid=1"); err != ErrNoPolicy {
		t.Errorf("error %v", err)
	}
	b.SetPolicy(load(t, numbered(1)))
	if got := ruleOf(t, tx); got != "r1" {
		t.Error(got)
	}
}
