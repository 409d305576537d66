package gate

import (
	"sync/atomic"
	"time"

	"tlswarden/rules"
)

// counter counts what became of one rule.
type counter struct {
	since time.Time
	of    [rules.Waiting]atomic.Uint64
}

func (c *counter) add(o rules.Outcome) { c.of[o].Add(1) }

// LogCounts writes a line for each rule: how often it applied and was met, was
// not met, was left undecided for want of a fact, and under observe would have
// acted. Without counts nobody can judge a trial. The counts run from the start
// of the daemon, or from the reload that brought the rule. The lines go where
// decisions go, whatever the level of the log.
func (g *Gate) LogCounts() {
	s := g.snapshot.Load()
	if s == nil {
		return
	}
	now := g.now()
	for i, r := range s.policy.Rules() {
		c := s.counts[i]
		l := line{format: g.format}
		l.head(now)
		l.text("msg", "counts")
		l.text("rule", r.Name)
		for _, o := range [...]rules.Outcome{rules.Met, rules.NotMet, rules.Applied, rules.Observed, rules.Undecided} {
			l.number(countNames[o], int64(c.of[o].Load()))
		}
		l.text("since", c.since.Format(time.RFC3339))
		l.end("")
		g.decisions.Add(l.buf)
	}
}

// countNames are the keys of the counts.
var countNames = [rules.Waiting]string{
	rules.Met: "met", rules.NotMet: "not_met", rules.Applied: "applied", rules.Observed: "observed", rules.Undecided: "unknown",
}
