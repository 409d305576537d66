package daemon

import (
	_ "embed"
	"fmt"
	"log/slog"
	"time"

	"tlswarden/internal/lastgood"
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

	Names []string          // of the rule files; none: the built-in rules
	Read  []rulefile.Source // what was read for them
}

// LoadRules reads the rules that the configuration names and runs their tests.
func (c *Config) LoadRules(now time.Time) Loaded {
	if len(c.Rules) == 0 {
		return c.loaded(nil, rulefile.Load([]rulefile.Source{{Name: "built-in rules", Data: DefaultRules}}, c.rulesOptions()), now)
	}
	names, err := rulefile.Glob(c.dir(), c.Rules)
	if err != nil {
		var l Loaded
		l.Found.Errorf(tomlfile.Pos{File: c.File}, "", "rules: %v", err)
		return l
	}
	return c.loaded(names, rulefile.LoadFiles(names, c.rulesOptions()), now)
}

// LoadCopy loads a copy of rules that were in order, in the place of those that the
// configuration names.
func (c *Config) LoadCopy(from *lastgood.Copy, now time.Time) Loaded {
	options := c.rulesOptions()
	options.Read = from.File
	return c.loaded(from.Rules, rulefile.LoadFiles(from.Rules, options), now)
}

// loaded runs the tests of rules, and takes what is known of them.
func (c *Config) loaded(names []string, res rulefile.Result, now time.Time) Loaded {
	l := Loaded{Names: names, Read: res.Files}
	l.Lists, l.Profiles = res.Lists, res.Profiles
	l.Tests = ruletest.Parse(res.Tests, res.Policy, &l.Broken)
	l.Found = append(res.Found, l.Broken...)
	if res.Policy != nil {
		l.Failed = ruletest.Report(l.Tests, res.Policy, now, &l.Found)
		l.Policy = res.Policy.WithEnforce(c.Enforce)
	}
	return l
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
