package setup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// patience is how long a program may take: Sendmail alone sleeps for a minute where
// the host's name has no dots.
const patience = 2 * time.Minute

// find is the path of a program. Administration programs are often not in the PATH
// of those who are to become root by sudo(8).
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(dir + "/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("%s is not installed, or not in the PATH", name)
	}
	return path, nil
}

// run runs a program to its end, in the directory dir, and returns what it prints.
// The error has what it said on standard error.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	return runWith(ctx, "", dir, name, args...)
}

// runWith runs a program that reads stdin.
func runWith(ctx context.Context, stdin, dir, name string, args ...string) (string, error) {
	path, err := find(name)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = name // which is how it begins what it says
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = time.Second
	err = failure(ctx, name, cmd.Run(), &stdout, &stderr)
	return stdout.String(), err
}

// failure is the error of a program that did not end well.
func failure(ctx context.Context, name string, err error, stdout, stderr *bytes.Buffer) error {
	switch said := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", name, ctx.Err())
	case said != "":
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(said, name+": "))
	default:
		if said = strings.TrimSpace(stdout.String()); said != "" {
			return fmt.Errorf("%s: %w: %s", name, err, said)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
}
