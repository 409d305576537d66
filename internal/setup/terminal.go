package setup

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// runOnTerminal runs a program to its end with a terminal of its own as standard
// error, and returns what it says there: postfix(1) and postlog(1) speak to
// terminals only, and else to the mail log alone. Without a terminal to be had, a
// pipe takes its place.
func runOnTerminal(ctx context.Context, name string, args ...string) (string, error) {
	path, err := find(name)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	ours, theirs, err := openTerminal()
	if err != nil {
		out, err := cmd.CombinedOutput()
		return tidy(out), ended(ctx, err)
	}
	defer func() { _ = ours.Close() }()
	cmd.Stdout, cmd.Stderr = theirs, theirs
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return "", err
	}
	said := make(chan []byte, 1)
	go func() {
		out, _ := io.ReadAll(ours) // it ends with EIO when nobody has the other end any more
		said <- out
	}()
	err = ended(ctx, cmd.Wait())
	select {
	case out := <-said:
		return tidy(out), err
	case <-time.After(time.Second): // a child of the program's has it still
		return "", err
	}
}

// ended prefers the reason why a program was ended to how.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func tidy(out []byte) string {
	return strings.TrimSpace(string(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))))
}
