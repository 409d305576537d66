package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
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

With --json, print an array with an object for each finding: severity ("error" or
"warning"), file, line (0 for the file as a whole), message, hint.

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
		found, err := check(cmd.Context(), config, files, !noPlugins)
		if err != nil {
			return err
		}
		if !asJSON {
			printFound(cmd.OutOrStdout(), found)
		} else if err := writeJSON(cmd.OutOrStdout(), diagnostics(found)); err != nil {
			return err
		}
		switch {
		case found.HasErrors():
			return exitCode(exitErrors)
		case strict && len(found) > 0:
			return exitCode(exitWarnings)
		}
		return nil
	})
	return cmd
}

// check reads either a configuration with its rules, or rule files.
func check(ctx context.Context, config string, files []string, plugins bool) (tomlfile.Diagnostics, error) {
	if (config == "") == (len(files) == 0) {
		return nil, usageError{errors.New("check takes rule files, or --config with a configuration")}
	}
	now := time.Now()
	loaded := daemon.Loaded{}
	var found tomlfile.Diagnostics
	if config != "" {
		var c daemon.Config
		if c, found = daemon.LoadConfig(config); found.HasErrors() {
			return found, nil
		}
		if plugins {
			ctx, stop := interruptible(ctx)
			defer stop()
			started, wrong, err := startPlugins(ctx, &c, io.Discard)
			if err != nil {
				return nil, err
			}
			defer started.Close()
			found = append(found, wrong...)
		}
		loaded = c.LoadRules(now)
		found = append(found, loaded.Found...)
	} else if loaded.Policy, loaded.Tests, found = loadRules(files); loaded.Policy != nil {
		ruletest.Report(loaded.Tests, loaded.Policy, now, &found)
	}
	if loaded.Policy != nil {
		rulefile.Lint(loaded.Policy, now, &found)
		ruletest.Coming(loaded.Tests, loaded.Policy, now, &found)
	}
	found.Sort()
	return found, nil
}

// loadRules reads rule files with their tests. The policy is nil if the rules
// cannot be used.
func loadRules(files []string) (*rules.Policy, []ruletest.Test, tomlfile.Diagnostics) {
	res := rulefile.LoadFiles(files, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	res.Found.Sort()
	return res.Policy, tests, res.Found
}

func printFound(w io.Writer, found tomlfile.Diagnostics) {
	for _, d := range found {
		fmt.Fprintln(w, d)
	}
}
