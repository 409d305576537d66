package housetest

import (
	"os/exec"
	"strings"
	"testing"
)

// TestLintNamesMissingTools shows that make lint says which of its tools are not there
// before it does anything.
func TestLintNamesMissingTools(t *testing.T) {
	gnumake, err := exec.LookPath("make")
	if err != nil {
		t.Skip("make is not installed")
	}
	cmd := exec.Command(gnumake, "--no-print-directory", "-C", "../..", "lint")
	cmd.Env = []string{"PATH=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	const want = `make lint needs shellcheck mandoc: run "make deps", or install`
	if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "go vet") {
		t.Errorf("%v: %q is not what it says first:\n%s", err, want, out)
	}
}
