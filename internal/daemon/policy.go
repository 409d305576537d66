package daemon

import (
	_ "embed"
	"fmt"
	"log/slog"
	"strings"
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

// LoadRules reads the rules that the configuration names and runs their tests.
// The policy is nil if the rules cannot be used; failed tells how many tests
// failed, each of which is an error among the diagnostics.
func (c *Config) LoadRules(now time.Time) (policy *rules.Policy, failed int, found tomlfile.Diagnostics) {
	var res rulefile.Result
	if len(c.Rules) == 0 {
		res = rulefile.Load([]rulefile.Source{{Name: "built-in rules", Data: DefaultRules}}, c.rulesOptions())
	} else {
		names, err := rulefile.Glob(c.dir(), c.Rules)
		if err != nil {
			found.Errorf(tomlfile.Pos{File: c.File}, "", "rules: %v", err)
			return nil, 0, found
		}
		if len(names) == 0 {
			found.Errorf(tomlfile.Pos{File: c.File}, "", "rules: no file matches %s", strings.Join(c.Rules, ", "))
			return nil, 0, found
		}
		res = rulefile.LoadFiles(names, c.rulesOptions())
	}
	found = res.Found
	tests := ruletest.Parse(res.Tests, res.Policy, &found)
	if res.Policy == nil {
		return nil, 0, found
	}
	failed = ruletest.Report(tests, res.Policy, now, &found)
	return res.Policy.WithEnforce(c.Enforce), failed, found
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
