package gate

import (
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"tlswarden/rules"
)

// counter counts what became of one rule.
type counter struct {
	since time.Time
	of    *[rules.Waiting]atomic.Uint64

	exceptSince time.Time
	except      []atomic.Uint64 // how often each exception held
	places      []string        // of the exceptions
}

// newCounter counts for a rule, and goes on counting for it if there was a counter of
// a rule with its name; for the exceptions of that one if they stand where they stood.
func newCounter(r *rules.Rule, before *counter, now time.Time) *counter {
	c := &counter{since: now, of: new([rules.Waiting]atomic.Uint64), exceptSince: now, except: make([]atomic.Uint64, len(r.Except))}
	for i := range r.Except {
		c.places = append(c.places, exceptionAt(&r.Except[i]))
	}
	if before == nil {
		return c
	}
	if c.since, c.of = before.since, before.of; slices.Equal(c.places, before.places) {
		c.exceptSince, c.except = before.exceptSince, before.except
	}
	return c
}

func (c *counter) add(o rules.Outcome) { c.of[o].Add(1) }

// LogCounts writes a line for each rule: how often it applied and was met, was
// not met, was left undecided for want of a fact, under observe would have acted, and
// was kept from acting by an exception; and one for each exception: how often it held.
// Without counts nobody can judge a trial. The counts run from the start
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
		for _, o := range [...]rules.Outcome{rules.Met, rules.NotMet, rules.Applied, rules.Observed, rules.Undecided, rules.Excepted} {
			if o != rules.Excepted || len(r.Except) > 0 {
				l.number(countNames[o], int64(c.of[o].Load()))
			}
		}
		l.text("since", c.since.Format(time.RFC3339))
		l.end("")
		g.decisions.Add(l.buf)
		g.logExceptions(now, r, c)
	}
}

func (g *Gate) logExceptions(now time.Time, r *rules.Rule, c *counter) {
	for i := range r.Except {
		l := line{format: g.format}
		l.head(now)
		l.text("msg", "counts")
		l.text("rule", r.Name)
		l.text("exception", c.places[i])
		l.number(countNames[rules.Applied], int64(c.except[i].Load()))
		l.text("since", c.exceptSince.Format(time.RFC3339))
		l.end("")
		g.decisions.Add(l.buf)
	}
}

// exceptionAt is what the log calls an exception, which has no name.
func exceptionAt(x *rules.Exception) string {
	return filepath.Base(x.File) + ":" + strconv.Itoa(x.Line)
}

// countNames are the keys of the counts.
var countNames = [rules.Waiting]string{
	rules.Met: "met", rules.NotMet: "not_met", rules.Applied: "applied", rules.Observed: "observed", rules.Undecided: "unknown",
	rules.Excepted: "excepted",
}
