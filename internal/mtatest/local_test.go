package mtatest

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// TestLocalSubmission shows that mail given to sendmail(1) on the machine
// itself passes, though no rule would let it through and no session had any
// TLS: for a milter in non_smtpd_milters, cleanup(8) plays the SMTP session.
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
	submit(t, postfix)
	wrong := waitLog(postfix, "status=sent")
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

func submit(t *testing.T, postfix *Postfix) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sendmail", "-C", postfix.path("etc"), "-f", "a@example.org", "b@"+Domain)
	command.Stdin = strings.NewReader("Subject: from cron\n\ntext\n")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("sendmail: %v\n%s", err, output)
	}
}

// waitLog waits for what the server does on its own time.
func waitLog(mta MTA, pattern string) error {
	expected := regexp.MustCompile(pattern)
	if !testkit.Await(func() bool { return expected.MatchString(mta.Log()) }) {
		return fmt.Errorf("no %q in the log of %s", pattern, mta.Name())
	}
	return nil
}
