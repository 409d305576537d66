package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILES",
		Short: "run the [[test]] tables of rule files",
		Long: `Read rule files, run the [[test]] tables in them, and print what differs from what
they expect.

The exit code is 0 if all tests pass, 1 if one fails or the files have errors, and
2 for a wrong command line.`,
		Example: "  tlswarden test rules.d/*.toml",
		RunE:    ran(runTests),
	}
}

func runTests(cmd *cobra.Command, files []string) error {
	if len(files) == 0 {
		return usageError{errors.New("test takes rule files")}
	}
	policy, tests, found := loadRules(files)
	if found.HasErrors() {
		printFound(cmd.ErrOrStderr(), found)
		return exitCode(exitErrors)
	}
	out := cmd.OutOrStdout()
	now, failed := time.Now(), 0
	for i := range tests {
		t := &tests[i]
		diff := t.Run(policy, now)
		if len(diff) == 0 {
			continue
		}
		failed++
		fmt.Fprintf(out, "FAIL %s:%d: %s\n", t.Pos.File, t.Pos.Line, t.Name)
		for _, line := range diff {
			fmt.Fprintf(out, "\t%s\n", line)
		}
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", len(tests)-failed, failed)
	if failed > 0 {
		return exitCode(exitErrors)
	}
	return nil
}
