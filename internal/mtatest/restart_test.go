package mtatest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRestart shows that a daemon rejects plaintext at once where the one before it
// has seen TLS, and raises no alarm.
func TestRestart(t *testing.T) {
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	program := buildDaemon(t)
	for _, server := range servers() {
		t.Run(server, func(t *testing.T) {
			lab := openLab(t, server, certs)
			fronts := []string{FrontMilter}
			if server == "postfix" {
				fronts = append(fronts, FrontPolicy, FrontBoth)
			}
			for _, front := range fronts {
				t.Setenv("STATE_DIRECTORY", t.TempDir())
				session(t, lab, front, program, "STARTTLS TLSv1.3\nEHLO client.example.org\n", "250")
				if log := session(t, lab, front, program, "", "530"); strings.Contains(log, "level=ERROR") || strings.Contains(log, "level=WARN") {
					t.Errorf("%s: the log of the second daemon is\n%s", front, log)
				}
			}
		})
	}
}

// session holds a session with a daemon of its own, and returns its log.
func session(t *testing.T, lab *Lab, front, program, starttls, reply string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rules = "judge_local = true\n[[rule]]\nname = \"everyone\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n"
	daemon, err := lab.StartDaemon(ctx, DaemonConfig{Program: program, Dir: t.TempDir(), Front: front, Files: map[string]string{"rules.toml": rules}})
	if err != nil {
		t.Fatal(err)
	}
	script := "connect\nEHLO client.example.org\n" + starttls + "MAIL FROM:<a@example.org>\nRCPT TO:<b@example.com> => " + reply + "\nQUIT\n"
	err = lab.Talk(ctx, "smtp", front, script, func(string) {})
	if err = errors.Join(err, lab.StopDaemon(daemon)); err != nil {
		t.Errorf("%s: %v", front, err)
	}
	return daemon.Log()
}
