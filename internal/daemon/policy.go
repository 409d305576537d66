package daemon

import (
	_ "embed"
	"fmt"
	"log/slog"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// DefaultRules are the rules where the configuration names none.
//
//go:embed default.toml
var DefaultRules []byte

// Loaded is what the rule files of a configuration give.
type Loaded struct {
	Policy *rules.Policy        // nil if the rules cannot be used
	Tests  []ruletest.Test      // that could be read
	Broken tomlfile.Diagnostics // what is wrong with tests that could not
	Failed int                  // how many tests failed
	Found  tomlfile.Diagnostics // all that was found; each failed or broken test is an error

	Lists, Profiles int // how many the files define
}

// LoadRules reads the rules that the configuration names and runs their tests.
func (c *Config) LoadRules(now time.Time) Loaded {
	var l Loaded
	res, err := c.ruleFiles()
	if err != nil {
		l.Found.Errorf(tomlfile.Pos{File: c.File}, "", "rules: %v", err)
		return l
	}
	l.Lists, l.Profiles = res.Lists, res.Profiles
	l.Tests = ruletest.Parse(res.Tests, res.Policy, &l.Broken)
	l.Found = append(res.Found, l.Broken...)
	if res.Policy != nil {
		l.Failed = ruletest.Report(l.Tests, res.Policy, now, &l.Found)
		l.Policy = res.Policy.WithEnforce(c.Enforce)
	}
	return l
}

func (c *Config) ruleFiles() (rulefile.Result, error) {
	if len(c.Rules) == 0 {
		return rulefile.Load([]rulefile.Source{{Name: "built-in rules", Data: DefaultRules}}, c.rulesOptions()), nil
	}
	names, err := rulefile.Glob(c.dir(), c.Rules)
	if err != nil {
		return rulefile.Result{}, err
	}
	return rulefile.LoadFiles(names, c.rulesOptions()), nil
}

// logFound logs every diagnostic at its own level.
func logFound(log *slog.Logger, found tomlfile.Diagnostics) {
	for _, d := range found {
		at := d.File
		if d.Line > 0 {
			at = fmt.Sprintf("%s:%d", d.File, d.Line)
		}
		attrs := []any{"at", at}
		if d.Hint != "" {
			attrs = append(attrs, "hint", d.Hint)
		}
		if d.Severity == tomlfile.Error {
			log.Error(d.Message, attrs...)
		} else {
			log.Warn(d.Message, attrs...)
		}
	}
}
