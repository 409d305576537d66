package mtatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// TestMiltertest runs the scripts of testdata/miltertest with miltertest(8), a
// milter client that shares no code with the mail servers.
func TestMiltertest(t *testing.T) {
	const dir = "testdata/miltertest"
	if _, err := exec.LookPath("miltertest"); err != nil {
		skipOrFail(t, fmt.Errorf("miltertest: %w", ErrNotInstalled))
	}
	scripts, err := filepath.Glob(filepath.Join(dir, "*.lua"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	program := buildDaemon(t)
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".lua"), func(t *testing.T) {
			rules, err := scriptRules(script)
			if err != nil {
				t.Fatal(err)
			}
			daemon, err := StartDaemon(t.Context(), DaemonConfig{Program: program, Dir: t.TempDir(), Front: FrontMilter,
				Files: map[string]string{"rules.toml": rules}})
			if err != nil {
				t.Fatal(err)
			}
			wrong := runScript(t.Context(), script, daemon.Hooks.Milter)
			wrong = errors.Join(wrong, daemon.Stop())
			expected, err := scriptLog(script)
			if err != nil {
				t.Fatal(err)
			}
			if wrong = errors.Join(wrong, matchLog(daemon.Log(), expected)); wrong != nil {
				t.Errorf("%v\n--- log of tlswarden\n%s", wrong, daemon.Log())
			}
		})
	}
}

// scriptRules reads the rules for a script: the file of its name, or else those
// that the scripts have in common.
func scriptRules(script string) (string, error) {
	data, err := os.ReadFile(strings.TrimSuffix(script, ".lua") + ".toml")
	if errors.Is(err, os.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(filepath.Dir(script), "rules.toml"))
	}
	return string(data), err
}

// runScript gives the script the globals socket, where the filter listens, and
// lib, the directory of what the scripts share.
func runScript(ctx context.Context, script, milter string) error {
	host, port, err := net.SplitHostPort(milter)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, testkit.Patience)
	defer cancel()
	lib := filepath.Join(filepath.Dir(script), "lib")
	output, err := exec.CommandContext(ctx, "miltertest", "-D", "socket=inet:"+port+"@"+host,
		"-D", "lib="+lib, "-D", "script="+script, "-s", filepath.Join(lib, "run.lua")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("miltertest: %w\n%s", err, output)
	}
	return nil
}

// scriptLog reads a script's comments "-- log: ...", which are written as the
// lines of a case file's section log.
func scriptLog(script string) ([]logMatcher, error) {
	data, err := os.ReadFile(script)
	if err != nil {
		return nil, err
	}
	var expected []logMatcher
	for i, line := range strings.Split(string(data), "\n") {
		text, found := strings.CutPrefix(line, "-- log: ")
		if !found {
			continue
		}
		matcher, err := parseLogMatcher(sourceLine{file: script, number: i + 1, text: text})
		if err != nil {
			return nil, err
		}
		expected = append(expected, matcher)
	}
	return expected, nil
}
