package ruletest

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// Run judges the test's session by a policy and returns what differs from what
// the test expects, a line each; none if the test passes.
func (t *Test) Run(p *rules.Policy, now time.Time) []string {
	s := t.Facts.SessionFor(p, now)
	d := p.Decide(s, 0, "test")
	return t.Check(&d)
}

// Check compares a decision with what the test expects.
func (t *Test) Check(d *rules.Decision) []string {
	var diff []string
	differs := func(what string, want, got any) {
		diff = append(diff, fmt.Sprintf("%s: want %v, got %v", what, want, got))
	}
	e := &t.Expect
	if want, ok := e.Action.Get(); ok && want != d.Action {
		differs("action", want, d.Action)
	}
	if want, ok := e.Rule.Get(); ok && want != d.RuleName() {
		differs("rule", quoted(want), quoted(d.RuleName()))
	}
	if want, ok := e.Would.Get(); ok && want != d.Would {
		differs("would", want, d.Would)
	}
	if want, ok := e.WouldRule.Get(); ok && want != d.WouldRuleName() {
		differs("would_rule", quoted(want), quoted(d.WouldRuleName()))
	}
	if want, ok := e.Code.Get(); ok && want != int64(d.Reply.Code) {
		differs("code", want, d.Reply.Code)
	}
	if want, ok := e.Status.Get(); ok && want != d.Reply.Status {
		differs("status", want, d.Reply.Status)
	}
	if want, ok := e.Reply.Get(); ok && !matches(want, d.Reply.Text) {
		differs("reply", quoted(want), quoted(d.Reply.Text))
	}
	if want, ok := e.Tag.Get(); ok && !matches(want, d.Stamp) {
		differs("tag", quoted(want), quoted(d.Stamp))
	}
	if want, ok := e.Results.Get(); ok && !matches(want, d.Results) {
		differs("results", quoted(want), quoted(d.Results))
	}
	return diff
}

func quoted(s string) string {
	if s == "" {
		return "none"
	}
	return fmt.Sprintf("%q", s)
}

// matches compares with a text or with a pattern, whose form Parse has checked.
func matches(want, got string) bool {
	p, is := pattern(want)
	if !is {
		return want == got
	}
	re, err := regexp.Compile(p)
	return err == nil && re.MatchString(got)
}

// Report runs tests and adds an error for each that fails; it returns how many
// did.
func Report(tests []Test, p *rules.Policy, now time.Time, found *tomlfile.Diagnostics) (failed int) {
	for i := range tests {
		t := &tests[i]
		if diff := t.Run(p, now); len(diff) > 0 {
			failed++
			found.Errorf(t.Pos, "", "test %q fails: %s", t.Name, strings.Join(diff, "; "))
		}
	}
	return failed
}
