package mtatest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tlswarden/internal/testkit"
)

// TestCases runs all case files with the daemon of this tree, or with the
// program that $TLSWARDEN_BIN names.
func TestCases(t *testing.T) {
	run(t, "testdata")
}

// run runs the case files of a directory with every server that they name.
// The servers work side by side, each on its own cases one after the other.
func run(t *testing.T, dir string) {
	cases, err := LoadCases(dir)
	if err != nil {
		t.Fatal(err)
	}
	program := buildDaemon(t)
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			lab := openLab(t, server, certs)
			for _, c := range cases {
				if !c.runsOn(server) {
					continue
				}
				for _, front := range lab.Runs(c) {
					t.Run(c.Name+"/"+front, func(t *testing.T) {
						if err := lab.RunCase(t.Context(), c, front, program, t.TempDir()); err != nil {
							t.Error(err)
						}
					})
				}
			}
		})
	}
}

// openLab skips the test where the server is not installed, except in CI.
func openLab(t *testing.T, server string, certs *Certs) *Lab {
	t.Helper()
	needRoot(t)
	lab, err := OpenLab(testkit.Context(t), server, certs)
	if errors.Is(err, ErrNotInstalled) {
		skipOrFail(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%s %s", lab.MTA.Name(), lab.MTA.Version())
	return lab
}

// skipOrFail skips a test that cannot be run here. CI must not pass for want of a server.
func skipOrFail(t *testing.T, why error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// needRoot skips a test that runs mail servers where this is not root.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		skipOrFail(t, errors.New("mail servers can be run by root only"))
	}
}

func buildDaemon(t *testing.T) string {
	t.Helper()
	if program := os.Getenv("TLSWARDEN_BIN"); program != "" {
		return program
	}
	program := filepath.Join(t.TempDir(), "tlswarden")
	goBuild(t, program, "tlswarden/cmd/tlswarden")
	return program
}

// goBuild compiles with the flags of make build, which has done most of it.
func goBuild(t *testing.T, out string, packages ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
}
