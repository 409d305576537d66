package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

func checkCommand() *cobra.Command {
	var strict, asJSON, noPlugins bool
	var config string
	cmd := &cobra.Command{
		Use:   "check [--strict] [--json] {--config FILE [--no-plugins] | FILES}",
		Short: "say all that is wrong with rule files",
		Long: `Read rule files as the daemon does, run their tests, and print all that is wrong
with them, each finding with file and line. With --config, check the daemon's
configuration and the rules that it names. Its plugins are started once, as the
user who runs this, so that they tell what is wrong with their settings and which
facts they offer; with --no-plugins they are not, and rules may name any.

If nothing keeps the rules from being used, the last line says how much was found
good. With --strict, a warning does keep them from it.

With --json, print an array with an object for each finding: severity ("error" or
"warning"), file, line (0 for the file as a whole), message, hint. What was found
good is the last, with the severity "ok" and no file.

The exit code is 0 if all is in order, 1 if there are errors, 2 for a wrong
command line, and 3 if --strict is given and there are warnings.`,
		Example: "  tlswarden check rules.d/*.toml\n  tlswarden check --config /etc/tlswarden/tlswarden.toml",
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "let warnings fail, too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVarP(&config, "config", "c", "", "check this configuration `file` and its rules")
	cmd.Flags().BoolVar(&noPlugins, "no-plugins", false, "do not start the plugins of the configuration")
	completeRules(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, files []string) error {
		c, err := check(cmd.Context(), config, files, !noPlugins)
		if err != nil {
			return err
		}
		code := exitOK
		switch {
		case c.Found.HasErrors():
			code = exitErrors
		case strict && len(c.Found) > 0:
			code = exitWarnings
		}
		if err := c.write(cmd.OutOrStdout(), code == exitOK, asJSON); err != nil || code == exitOK {
			return err
		}
		return exitCode(code)
	})
	return cmd
}

// checked is what check has looked at, and all that it found.
type checked struct {
	daemon.Loaded
	plugins int // that were started
}

// check reads either a configuration with its rules, or rule files.
func check(ctx context.Context, config string, files []string, plugins bool) (checked, error) {
	if (config == "") == (len(files) == 0) {
		return checked{}, usageError{errors.New("check takes rule files, or --config with a configuration")}
	}
	now := time.Now()
	var c checked
	var err error
	if config != "" {
		if c, err = checkConfig(ctx, config, plugins, now); err != nil {
			return c, err
		}
	} else if c.Loaded = loadRules(files); c.Policy != nil {
		ruletest.Report(c.Tests, c.Policy, now, &c.Found)
	}
	if c.Policy != nil {
		rulefile.Lint(c.Policy, now, &c.Found)
		ruletest.Coming(c.Tests, c.Policy, now, &c.Found)
	}
	c.Found.Sort()
	return c, nil
}

func checkConfig(ctx context.Context, file string, plugins bool, now time.Time) (checked, error) {
	var c checked
	config, found := daemon.LoadConfig(file)
	if c.Found = found; found.HasErrors() {
		return c, nil
	}
	if plugins {
		ctx, stop := interruptible(ctx)
		defer stop()
		started, wrong, err := startPlugins(ctx, &config, io.Discard)
		if err != nil {
			return c, err
		}
		defer started.Close()
		c.plugins = len(config.Plugins)
		found = append(found, wrong...)
	}
	c.Loaded = config.LoadRules(now)
	c.Found = append(found, c.Found...)
	addUnreadable(file, c.Read, &c.Found)
	return c, nil
}

// loadRules reads rule files with their tests, which it does not run. The policy is
// nil if the rules cannot be used.
func loadRules(files []string) daemon.Loaded {
	res := rulefile.LoadFiles(files, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	res.Found.Sort()
	return daemon.Loaded{Policy: res.Policy, Tests: tests, Found: res.Found, Lists: res.Lists, Profiles: res.Profiles}
}

// write prints the findings, and what was found good if that is so.
func (c *checked) write(w io.Writer, ok, asJSON bool) error {
	if asJSON {
		out := diagnostics(c.Found)
		if ok {
			out = append(out, diagnostic{Severity: "ok", Message: c.good()})
		}
		return writeJSON(w, out)
	}
	printFound(w, c.Found)
	if !ok {
		return nil
	}
	_, err := fmt.Fprintf(w, "ok: %s\n", c.good())
	return err
}

// good counts what was found good. The rule local is built in, and not counted.
func (c *checked) good() string {
	rules := 0
	for _, r := range c.Policy.Rules() {
		if r.File != "" {
			rules++
		}
	}
	parts := []string{count(rules, "rule")}
	for _, of := range [...]struct {
		n    int
		what string
	}{{c.Lists, "list"}, {c.Profiles, "profile"}, {c.plugins, "plugin"}} {
		if of.n > 0 {
			parts = append(parts, count(of.n, of.what))
		}
	}
	if len(c.Tests) > 0 {
		parts = append(parts, count(len(c.Tests), "test")+" passed")
	} else {
		parts = append(parts, "no tests")
	}
	if len(c.Found) > 0 {
		parts = append(parts, count(len(c.Found), "warning"))
	}
	return strings.Join(parts, ", ")
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func printFound(w io.Writer, found tomlfile.Diagnostics) {
	for _, d := range found {
		fmt.Fprintln(w, d)
	}
}
