package mtatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
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
	ctx := testkit.Context(t)
	const rules = "judge_local = true\n[[rule]]\nname = \"all\"\nrequire = \"bcp195\"\notherwise = \"reject\"\n"
	daemon, err := lab.StartDaemon(ctx, DaemonConfig{Program: buildDaemon(t), Dir: t.TempDir(), Front: FrontMilter,
		Files: map[string]string{"rules.toml": rules}})
	if err != nil {
		t.Fatal(err)
	}
	var wrong error
	for _, name := range []string{"", "Postcow", "8.17.1"} {
		if name != "" {
			rename(t, postfix, name)
		}
		sent := inLog(postfix, "status=sent")
		submit(t, postfix)
		wrong = errors.Join(wrong, waitLogAfter(postfix, "status=sent", sent), postfix.Clear(ctx))
	}
	wrong = errors.Join(wrong, lab.StopDaemon(daemon))
	if wrong != nil || strings.Contains(daemon.Log(), "msg=decision") {
		t.Errorf("%v\n--- log of tlswarden\n%s--- log of postfix\n%s", wrong, daemon.Log(), postfix.Log())
	}
	// Without a daemon such mail has to wait, so the daemon was asked before.
	submit(t, postfix)
	if err := waitLog(postfix, "cleanup.*milter-reject"); err != nil {
		t.Errorf("%v\n%s", err, postfix.Log())
	}
}

// rename has Postfix call itself by another name from now on.
func rename(t *testing.T, postfix *Postfix, name string) {
	t.Helper()
	file := postfix.path("etc", "main.cf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old, reloads := time.Now().Add(-time.Hour), inLog(postfix, "reload -- ") // see configure
	err = errors.Join(os.WriteFile(file, append(text, "mail_name = "+name+"\n"...), 0o644), os.Chtimes(file, old, old),
		postfix.master.cmd.Process.Signal(syscall.SIGHUP), waitLogAfter(postfix, "reload -- ", reloads))
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
func waitLog(mta MTA, pattern string) error { return waitLogAfter(mta, pattern, 0) }

// waitLogAfter is waitLog for a line that was there so many times before.
func waitLogAfter(mta MTA, pattern string, before int) error {
	if !testkit.Await(func() bool { return inLog(mta, pattern) > before }) {
		return fmt.Errorf("no %q in the log of %s", pattern, mta.Name())
	}
	return nil
}

// inLog counts how often a pattern stands in the log.
func inLog(mta MTA, pattern string) int {
	return len(regexp.MustCompile(pattern).FindAllString(mta.Log(), -1))
}
