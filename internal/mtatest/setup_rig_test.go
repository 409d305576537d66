package mtatest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// setupRules object to all mail in plaintext, from this machine, too.
const setupRules = "judge_local = true\n[[rule]]\nname = \"all\"\nrequire = \"any-tls\"\notherwise = \"defer\"\n"

// setupRig is a mail server that does not know of tlswarden, and what is done to it.
type setupRig struct {
	t         *testing.T
	program   string
	config    string   // tlswarden.toml
	flags     []string // of "tlswarden setup SERVER"
	env       []string
	address   string // of the mail server
	recipient string // of mail
	daemon    *process
	log       *lockedBuffer
}

// newSetupRig writes the daemon's configuration and its rules.
func newSetupRig(t *testing.T, program, address, config string, flags ...string) *setupRig {
	t.Helper()
	dir := t.TempDir()
	r := &setupRig{t: t, program: program, config: filepath.Join(dir, configName), flags: flags, address: address, recipient: "b@example.com", log: &lockedBuffer{}}
	if err := errors.Join(os.WriteFile(r.config, []byte("rules = [\"rules.toml\"]\n"+config), 0o600),
		os.WriteFile(filepath.Join(dir, "rules.toml"), []byte(setupRules), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

// start runs the daemon until stop.
func (r *setupRig) start() {
	r.t.Helper()
	cmd := exec.Command(r.program, "serve", "--config", r.config)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	var err error
	if r.daemon, err = startProcess(cmd); err != nil {
		r.t.Fatal(err)
	}
	testkit.Until(r.t, func() bool { return hasReadyLine(r.log.String()) }, "tlswarden is ready:\n%s", r.log)
}

func (r *setupRig) stop() {
	if r.daemon != nil {
		if err := r.daemon.stop(); err != nil {
			r.t.Error(err)
		}
		r.daemon = nil
	}
}

// setup runs "tlswarden setup" and wants its exit code, and all parts of what it
// prints.
func (r *setupRig) setup(code int, command string, parts ...string) string {
	r.t.Helper()
	words := strings.Fields(command)
	args := append([]string{"setup", words[0], "--config", r.config}, r.flags...)
	cmd := exec.Command(r.program, append(args, words[1:]...)...)
	cmd.Env = append(os.Environ(), r.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		r.t.Fatalf("setup %s: %v, and not exit code %d:\n%s", command, err, code, &out)
	}
	for _, part := range parts {
		if !strings.Contains(out.String(), part) {
			r.t.Errorf("setup %s lacks %q:\n%s", command, part, &out)
		}
	}
	return out.String()
}

// rcpt is the answer to a recipient, in plaintext, and if that is positive then to
// the message.
func (r *setupRig) rcpt() (Reply, error) {
	client, err := Dial(r.t.Context(), r.address, nil)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = client.Close() }()
	reply, err := client.Greeting()
	for _, line := range []string{"EHLO client.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<" + r.recipient + ">"} {
		if err == nil && reply.Positive() {
			reply, err = client.Command(line)
		}
	}
	if err == nil && reply.Positive() {
		reply, err = client.Data("Subject: x\r\n\r\nx\r\n")
	}
	return reply, err
}

// becomes waits until mail is answered as wanted: servers take up a change in their
// own time.
func (r *setupRig) becomes(want string, fits func(Reply) bool) {
	r.t.Helper()
	var reply Reply
	var err error
	if !testkit.Await(func() bool {
		reply, err = r.rcpt()
		return err == nil && fits(reply)
	}) {
		r.t.Fatalf("the answer is %v (%v), not %s; the log of tlswarden:\n%s", reply, err, want, r.log)
	}
}

func (r *setupRig) judged() {
	r.t.Helper()
	r.becomes("tlswarden's", func(reply Reply) bool {
		return reply.Code/100 == 4 && strings.Contains(reply.Text, "no encryption; this mail needs TLS")
	})
}

func (r *setupRig) accepted() {
	r.t.Helper()
	r.becomes("positive", Reply.Positive)
}

// backups are the files that setup kept.
func backups(t *testing.T, file string) []string {
	t.Helper()
	names, err := filepath.Glob(file + ".before-tlswarden-*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func mustRead(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// change edits a file.
func change(t *testing.T, file, from, to string) {
	t.Helper()
	text := mustRead(t, file)
	if !strings.Contains(text, from) {
		t.Fatalf("%s lacks %q", file, from)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(text, from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// bare starts a Postfix that asks nobody.
func bare(t *testing.T) *Postfix {
	t.Helper()
	needRoot(t)
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	p, err := StartPostfix(testkit.Context(t), Hooks{}, certs)
	if errors.Is(err, ErrNotInstalled) {
		skipOrFail(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		log := p.Log()
		if err := p.Stop(); err != nil {
			t.Errorf("%v\n%s", err, tail(log, 20))
		}
	})
	return p
}

// bareFiles are those of a Postfix that asks nobody and does not run: its programs,
// as they start, do not get in touch with files that are about to be changed.
func bareFiles(t *testing.T) *Postfix {
	t.Helper()
	p := bare(t)
	if err := p.master.stop(); err != nil && !endedBySignal(err) {
		t.Fatal(err)
	}
	p.master = nil
	return p
}

// reload has master(8) read its files anew.
func (p *Postfix) reload(t *testing.T) {
	t.Helper()
	if err := p.master.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// settle makes the configuration old: Postfix reads a file that just changed again
// and again until it is two seconds old.
func (p *Postfix) settle(t *testing.T) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.Chtimes(p.path("etc", name), old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// postconf is what Postfix takes from main.cf.
func (p *Postfix) postconf(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("postconf", "-c", p.path("etc"), "-n").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}
