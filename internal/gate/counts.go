package gate

import (
	"sync/atomic"
	"time"

	"tlswarden/rules"
)

// counter counts what became of one rule.
type counter [rules.Waiting]atomic.Uint64

func (c *counter) add(o rules.Outcome) { c[o].Add(1) }

// LogCounts writes a line for each rule: how often it applied and was met, was
// not met, was left undecided for want of a fact, and under observe would have
// acted. Without counts nobody can judge a trial. The counts run from the start
// of the daemon, or from the reload that brought the rule.
func (g *Gate) LogCounts() {
	s := g.snapshot.Load()
	if s == nil {
		return
	}
	since := g.started.Format(time.RFC3339)
	for i, r := range s.policy.Rules() {
		c := s.counts[i]
		g.log.Info("counts", "rule", r.Name,
			"met", c[rules.Met].Load(), "not_met", c[rules.NotMet].Load(), "applied", c[rules.Applied].Load(),
			"observed", c[rules.Observed].Load(), "unknown", c[rules.Undecided].Load(), "since", since)
	}
}
