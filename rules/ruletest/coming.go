package ruletest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// change is a time at which rules are to do something else.
type change struct {
	at    time.Time
	rules []*rules.Rule
}

// Coming runs the tests that pass now and have no now of their own again at each
// time to come at which a rollout takes a step, or a rule, an exception or an entry of
// a list expires, and adds a warning for each that will fail, once.
func Coming(tests []Test, p *rules.Policy, now time.Time, found *tomlfile.Diagnostics) {
	changes := changesOf(p, now)
	for i := range tests {
		t := &tests[i]
		if _, dated := t.Facts["now"]; dated || len(t.Run(p, now)) > 0 {
			continue
		}
		for _, c := range changes {
			if diff := t.Run(p, c.at); len(diff) > 0 {
				d := p.Decide(t.Facts.SessionFor(p, c.at), 0, "test")
				found.Warnf(t.Pos, "give the test a now, or say what it expects from then on",
					"test %q will fail from %s on, when %s: %s", t.Name, civil.Format(c.at, p.Zone()), c.what(&d), strings.Join(diff, "; "))
				break
			}
		}
	}
}

// changesOf lists the changes to come, in their order.
func changesOf(p *rules.Policy, now time.Time) []change {
	var changes []change
	for _, r := range p.Rules() {
		for _, at := range r.Turns(now) {
			changes = append(changes, change{at, []*rules.Rule{r}})
		}
	}
	for _, e := range p.Ends() {
		if e.At.After(now) {
			changes = append(changes, change{e.At, nil})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	var out []change
	for _, c := range changes {
		switch n := len(out); {
		case n > 0 && out[n-1].at.Equal(c.at):
			out[n-1].rules = append(out[n-1].rules, c.rules...)
		default:
			out = append(out, c)
		}
	}
	return out
}

// what says which rule changes; of several, the one that decides then.
func (c *change) what(d *rules.Decision) string {
	if len(c.rules) == 0 {
		return "an entry of a list expires"
	}
	r := c.rules[0]
	for _, other := range c.rules {
		if other == cmp.Or(d.Rule, d.WouldRule) {
			r = other
		}
	}
	does := "changes"
	if r.Expired(c.at) {
		does = "expires"
	}
	text := fmt.Sprintf("rule %q %s", r.Name, does)
	if more := len(c.rules) - 1; more > 0 && r != cmp.Or(d.Rule, d.WouldRule) {
		text += fmt.Sprintf(" (as do %d more)", more)
	}
	return text
}
