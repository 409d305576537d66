package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/testkit"
)

// TestInterrupt shows that a command which is interrupted while a plugin does not
// come up ends the plugin, and leaves no file behind.
func TestInterrupt(t *testing.T) {
	for _, test := range []struct {
		signal  syscall.Signal
		command []string
	}{
		{syscall.SIGINT, []string{"check"}},
		{syscall.SIGTERM, []string{"explain", "--plugins", "--tls", "false"}},
	} {
		t.Run(test.command[0], func(t *testing.T) {
			dir, err := os.MkdirTemp("", "t") // t.TempDir is too long for sockets (unix(7))
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			program, id, temp := filepath.Join(dir, "plugin"), filepath.Join(dir, "pid"), filepath.Join(dir, "tmp")
			for name, text := range map[string]string{
				program:                              "#!/bin/sh\necho $$ >" + id + ".new; mv " + id + ".new " + id + "; exec sleep 1000\n",
				filepath.Join(dir, "tlswarden.toml"): fmt.Sprintf("[plugin.p]\npath = %q\n", program),
			} {
				if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(temp, 0o700); err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			cmd := exec.Command("tlswarden", append(test.command, "--config", filepath.Join(dir, "tlswarden.toml"))...)
			cmd.Env = append(os.Environ(), "TMPDIR="+temp, "GORACE=atexit_sleep_ms=0")
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			plugin := pidIn(t, id)
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitErrors || !strings.HasSuffix(stderr.String(), "tlswarden: interrupted\n") || stdout.Len() > 0 {
				t.Errorf("%v, standard error:\n%s\nstandard output:\n%s", err, &stderr, &stdout)
			}
			if err := syscall.Kill(plugin, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the plugin is left behind: %v", err)
				_ = syscall.Kill(plugin, syscall.SIGKILL)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// pidIn reads the number of a process from a file that is to come.
func pidIn(t *testing.T, file string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(testkit.File(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
