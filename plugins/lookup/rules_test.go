package main

import (
	"testing"
	"time"

	"tlswarden/rules"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// TestRules runs the tests of the rules that are shown, today and years from now,
// and lets no warning pass.
func TestRules(t *testing.T) {
	res := rulefile.LoadFiles([]string{"rules.toml"}, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	if res.Policy != nil {
		rulefile.Lint(res.Policy, time.Now(), &res.Found)
		ruletest.Report(tests, res.Policy, time.Now(), &res.Found)
		ruletest.Report(tests, res.Policy, time.Date(2035, 1, 1, 12, 0, 0, 0, time.Local), &res.Found)
	}
	for _, d := range res.Found {
		t.Error(d)
	}
	objects := 0
	for i := range tests {
		if tests[i].Expect.Action.Or(rules.Accept) > rules.Accept {
			objects++
		}
	}
	if objects < 3 || len(tests)-objects < 2 {
		t.Errorf("of %d tests %d object", len(tests), objects)
	}
}
