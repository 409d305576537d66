package mtatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLocalSubmission shows that mail given to sendmail(1) on the machine
// itself passes, though no rule would let it through and no session had any
// TLS: for a milter in non_smtpd_milters, cleanup(8) plays the SMTP session. What
// Postfix calls itself (mail_name) changes nothing.
func TestLocalSubmission(t *testing.T) {
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	lab := openLab(t, "postfix", certs)
	postfix, ok := lab.MTA.(*Postfix)
	if !ok {
		t.Fatalf("postfix is a %T", lab.MTA)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rules = "judge_local = true\n[[rule]]\nname = \"all\"\nrequire = \"bcp195\"\notherwise = \"reject\"\n"
	daemon, err := lab.StartDaemon(ctx, DaemonConfig{Program: buildDaemon(t), Dir: t.TempDir(), Front: FrontMilter,
		Files: map[string]string{"rules.toml": rules}})
	if err != nil {
		t.Fatal(err)
	}
	var wrong error
	for _, name := range []string{"", "Postcow", "8.17.1"} {
		if name != "" {
			rename(ctx, t, postfix, name)
		}
		submit(t, postfix)
		wrong = errors.Join(wrong, waitLog(ctx, postfix, "status=sent"), postfix.Clear(ctx))
	}
	wrong = errors.Join(wrong, lab.StopDaemon(daemon))
	if wrong != nil || strings.Contains(daemon.Log(), "msg=decision") {
		t.Errorf("%v\n--- log of tlswarden\n%s--- log of postfix\n%s", wrong, daemon.Log(), postfix.Log())
	}
	// Without a daemon such mail has to wait, so the daemon was asked before.
	submit(t, postfix)
	if err := waitLog(ctx, postfix, "cleanup.*milter-reject"); err != nil {
		t.Errorf("%v\n%s", err, postfix.Log())
	}
}

// rename has Postfix call itself by another name from now on.
func rename(ctx context.Context, t *testing.T, postfix *Postfix, name string) {
	t.Helper()
	file := postfix.path("etc", "main.cf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour) // see configure
	err = errors.Join(os.WriteFile(file, append(text, "mail_name = "+name+"\n"...), 0o644), os.Chtimes(file, old, old),
		postfix.master.cmd.Process.Signal(syscall.SIGHUP), waitLog(ctx, postfix, "reload -- "))
	if err != nil {
		t.Fatal(err)
	}
}

func submit(t *testing.T, postfix *Postfix) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sendmail", "-C", postfix.path("etc"), "-f", "a@example.org", "b@"+Domain)
	command.Stdin = strings.NewReader("Subject: from cron\n\ntext\n")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("sendmail: %v\n%s", err, output)
	}
}

// waitLog waits for what the server does on its own time.
func waitLog(ctx context.Context, mta MTA, pattern string) error {
	expected := regexp.MustCompile(pattern)
	for !expected.MatchString(mta.Log()) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no %q in the log of %s", pattern, mta.Name())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
