package main

import (
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
	var strict bool
	var config string
	cmd := &cobra.Command{
		Use:   "check [--strict] [--config FILE | FILES]",
		Short: "say all that is wrong with rule files",
		Long: `Read rule files as the daemon does, run their tests, and print all that is wrong
with them, each finding with file and line. With --config, check the daemon's
configuration and the rules that it names.

The exit code is 0 if all is in order, 1 if there are errors, 2 for a wrong
command line, and 3 if --strict is given and there are warnings.`,
		Example: "  tlswarden check rules.d/*.toml\n  tlswarden check --config /etc/tlswarden/tlswarden.toml",
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "let warnings fail, too")
	cmd.Flags().StringVarP(&config, "config", "c", "", "check this configuration `file` and its rules")
	cmd.RunE = ran(func(cmd *cobra.Command, files []string) error {
		found, err := check(config, files)
		if err != nil {
			return err
		}
		printFound(cmd.OutOrStdout(), found)
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
func check(config string, files []string) (tomlfile.Diagnostics, error) {
	if (config == "") == (len(files) == 0) {
		return nil, usageError{errors.New("check takes rule files, or --config with a configuration")}
	}
	if config != "" {
		c, found := daemon.LoadConfig(config)
		if found.HasErrors() {
			return found, nil
		}
		_, _, more := c.LoadRules(time.Now())
		return append(found, more...), nil
	}
	policy, tests, found := loadRules(files)
	if policy != nil {
		ruletest.Report(tests, policy, time.Now(), &found)
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
