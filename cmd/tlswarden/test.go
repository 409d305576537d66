package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/rules"
	"tlswarden/rules/ruletest"
)

func testCommand() *cobra.Command {
	var asJSON bool
	var config string
	cmd := &cobra.Command{
		Use:   "test [--json] {--config FILE | FILES}",
		Short: "run the [[test]] tables of rule files",
		Long: `Read rule files, run the [[test]] tables in them, and print of each that fails what
differs from what it expects, every rule that was looked at with what became of it,
and the verdict. With --config, read the rule files that a configuration names, with
its enforce and its front ends. No plugin is started. "tlswarden explain --test NAME FILES" tells more of one test, be it
that it fails or passes.

With --json, print an array with an object for each test: name, file, line, passed,
differences, and of those that fail the explanation.

The exit code is 0 if all tests pass, 1 if one fails or the files have errors, and
2 for a wrong command line. Errors of the files go to standard error as text.`,
		Example: "  tlswarden test --config /etc/tlswarden/tlswarden.toml\n  tlswarden test rules.d/*.toml\n  tlswarden test rules.toml tests.toml",
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVarP(&config, "config", "c", "", "run the tests of the rules of this configuration `file`")
	completeRules(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, files []string) error { return runTests(cmd, config, files, asJSON) })
	return cmd
}

// testResult is what came of one [[test]].
type testResult struct {
	Name        string       `json:"name"`
	File        string       `json:"file"`
	Line        int          `json:"line"`
	Passed      bool         `json:"passed"`
	Differences []string     `json:"differences"`
	Explanation *explanation `json:"explanation,omitempty"` // of a failure
}

func resultOf(t *ruletest.Test, p *rules.Policy, now time.Time) testResult {
	diff := t.Run(p, now)
	return testResult{
		Name: t.Name, File: t.Pos.File, Line: t.Pos.Line,
		Passed: len(diff) == 0, Differences: append([]string{}, diff...),
	}
}

func runTests(cmd *cobra.Command, config string, files []string, asJSON bool) error {
	src, err := loadSource(cmd.Context(), "test", config, files, false, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if src.broken.HasErrors() {
		printFound(cmd.ErrOrStderr(), src.broken)
		return exitCode(exitErrors)
	}
	policy, tests := src.policy, src.tests
	now, failed := time.Now(), 0
	results := []testResult{}
	for i := range tests {
		r := resultOf(&tests[i], policy, now)
		if !r.Passed {
			failed++
			r.Explanation = explain(policy, tests[i].Facts.SessionFor(policy, now))
		}
		results = append(results, r)
	}
	if err := printResults(cmd.OutOrStdout(), results, failed, asJSON); err != nil {
		return err
	}
	if failed > 0 {
		return exitCode(exitErrors)
	}
	return nil
}

func printResults(w io.Writer, results []testResult, failed int, asJSON bool) error {
	if asJSON {
		return writeJSON(w, results)
	}
	for i := range results {
		r := &results[i]
		if r.Passed {
			continue
		}
		fmt.Fprintf(w, "FAIL %s:%d: %s\n", r.File, r.Line, r.Name)
		for _, d := range r.Differences {
			fmt.Fprintf(w, "\t%s\n", d)
		}
		t := &explainText{w: w, indent: "\t", paint: paintFor(w)}
		t.reading(r.Explanation)
		t.verdict(&r.Explanation.Verdict, r.Explanation.NotRead)
	}
	_, err := fmt.Fprintf(w, "%d passed, %d failed\n", len(results)-failed, failed)
	return err
}
