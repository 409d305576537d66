package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/control"
	"tlswarden/internal/daemon"
	"tlswarden/internal/testkit"
)

// TestStatusAndReload shows what both commands print of a daemon that runs, and their
// exit codes, and what they say when none does.
func TestStatusAndReload(t *testing.T) {
	dir, err := os.MkdirTemp("", "t") // t.TempDir is too long for sockets (unix(7))
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "tlswarden.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(want int, name string, texts ...string) {
		t.Helper()
		var out bytes.Buffer
		if code := run([]string{name, "--config", config}, nil, &out, &out); code != want {
			t.Errorf("%s: exit code %d, not %d:\n%s", name, code, want, &out)
		}
		for _, text := range texts {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s does not print %q:\n%s", name, text, &out)
			}
		}
	}
	write("tlswarden.toml", "rules = [\"rules.toml\"]\n[milter]\nlisten = [\"unix:milter\"]\n[control]\ndirectory = \".\"\n")
	write("rules.toml", "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"tag\"\n")
	command(3, "status", "tlswarden: tlswarden does not run, or has its sockets elsewhere: nothing answers at "+filepath.Join(dir, "status")+"; start it, such as by systemctl start tlswarden\n")
	command(1, "reload", "nothing answers at "+filepath.Join(dir, "reload"))

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- daemon.Run(ctx, config, "1.2.3", daemon.Signals{}, os.Stderr) }()
	defer func() { cancel(); <-done }()
	testkit.Until(t, func() bool {
		_, err := control.AskStatus(testkit.Context(t), dir)
		return err == nil
	}, "the daemon answers")
	command(0, "status", "tlswarden      1.2.3, process ", "\nrules          2 in place, since ", ", enforce = full\n", "\nmilter         unix:"+dir+"/milter, 0 connections, not asked since the start\n", "\nall is well\n")
	write("rules.toml", "[[rule]]\nname = \"r\"\nrequires = \"any-tls\"\notherwise = \"tag\"\n")
	command(1, "status", "\nwarning: "+dir+"/rules.toml has changed since the rules in place were read from it; run \"tlswarden reload\"")
	command(1, "reload", dir+"/rules.toml:3: error: rule \"r\": unknown key \"requires\"\n\thint: did you mean require?\n", "\nnot reloaded: the rules are not in order; the policy that runs stays\n")
	command(1, "status", "not reloaded: the rules are not in order", "\nwarning: the latest reload failed, and the rules from before it stay in place; mend what \"tlswarden check --config "+config+"\" reports")
	write("rules.toml", "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"defer\"\n")
	command(0, "reload", "reloaded: 2 rules, enforce = full\n")
	command(0, "status", "\nall is well\n")
}

// TestWriteStatus shows the rest of what a status can tell.
func TestWriteStatus(t *testing.T) {
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.Local)
	last := now.Add(-4 * time.Second)
	s := control.Status{Version: "1", PID: 7, Started: now.Add(-72 * time.Hour), OnFailure: "defer", Config: "c.toml",
		Fronts:   []control.Front{{Front: "policy", Address: "inet:127.0.0.1:10465", Open: 1, Last: &last}},
		Plugins:  []control.Plugin{{Name: "dns", State: "healthy", Calls: 3, Failures: 1, Restarts: 2}},
		Findings: []control.Finding{{Level: control.Critical, Message: "c"}, {Level: control.Warning, Message: "w"}}}
	var out bytes.Buffer
	if err := writeStatus(&out, &s, now); err != nil {
		t.Fatal(err)
	}
	want := `tlswarden       1, process 7, started 2027-01-28 12:00:00 (3 days ago)
configuration   c.toml
rules           none are in place; on_failure = defer answers
policy service  inet:127.0.0.1:10465, 1 connection, last asked 2027-01-31 11:59:56 (4 seconds ago)
plugin dns      healthy, 3 calls, 1 failed, 2 restarts
critical: c
warning: w
`
	if out.String() != want {
		t.Errorf("%s", &out)
	}
	for ago, want := range map[time.Duration]string{0: "just now", 3 * time.Minute: "3 minutes ago", 3 * time.Hour: "3 hours ago"} {
		if got := fmt.Sprintf("%s (%s)", now.Add(-ago).Format(time.DateTime), want); got != agoText(now.Add(-ago), now) {
			t.Errorf("%v: %s", ago, agoText(now.Add(-ago), now))
		}
	}
}

// TestUnreadable shows that root finds the files which another user cannot read, be it
// for their modes or for those of a directory above.
func TestUnreadable(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("this needs root and the user nobody")
	}
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	shut := filepath.Join(dir, "shut")
	for name, mode := range map[string]os.FileMode{dir: 0o755, shut: 0o700} {
		os.MkdirAll(name, mode)
		os.Chmod(name, mode)
	}
	open, closed, below := filepath.Join(dir, "a file"), filepath.Join(dir, "closed"), filepath.Join(shut, "below")
	for name, mode := range map[string]os.FileMode{open: 0o644, closed: 0o600, below: 0o644} {
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if got := unreadable(nobody, []string{open, closed, below}); strings.Join(got, " ") != closed+" "+below {
		t.Errorf("%q", got)
	}
}
