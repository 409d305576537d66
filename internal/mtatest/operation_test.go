package mtatest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/testkit"
)

// operator types the commands of docs/operation.md. Paths of a real system, and words
// in capitals, stand for what is there in the test.
type operator struct {
	t       *testing.T
	parts   map[string]string // the commands of each part
	replace []string          // words of the document, each followed by what it stands for
	bin     string            // a directory with what is not run here, but noted
	env     []string
}

func newOperator(t *testing.T, replace ...string) *operator {
	t.Helper()
	data, err := os.ReadFile("../../docs/operation.md")
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, parts: map[string]string{}, replace: replace, bin: t.TempDir()}
	part, in := "", false
	for line := range strings.Lines(string(data)) {
		switch title, isTitle := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); {
		case !in && isTitle && line[0] == '#':
			part = strings.TrimSpace(title)
		case strings.HasPrefix(line, "```"):
			in = line == "```sh\n"
		case in:
			o.parts[part] += line
		}
	}
	o.env = append(os.Environ(), "PATH="+o.bin+":"+os.Getenv("PATH"))
	o.stub("journalctl", "cat "+o.file("journal"))
	return o
}

func (o *operator) file(name string) string { return filepath.Join(o.bin, name) }

// stub puts a program of that name in the place of the system's.
func (o *operator) stub(name, script string) {
	o.t.Helper()
	if err := os.WriteFile(o.file(name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		o.t.Fatal(err)
	}
}

// note puts a program in the system's place that only notes that it was called.
func (o *operator) note(name string) { o.stub(name, `echo "`+name+` $*" >>`+o.file("noted")) }

// noted are the calls since the last time.
func (o *operator) noted() string {
	data, err := os.ReadFile(o.file("noted"))
	if err == nil {
		err = os.Remove(o.file("noted"))
	}
	if err != nil {
		o.t.Error(err)
	}
	return string(data)
}

// types runs the commands of a part, and returns what they print.
func (o *operator) types(part, journal string, replace ...string) string {
	o.t.Helper()
	commands := o.parts[part]
	if commands == "" {
		o.t.Fatalf("docs/operation.md has no commands in %q", part)
	}
	if err := os.WriteFile(o.file("journal"), []byte(journal), 0o600); err != nil {
		o.t.Fatal(err)
	}
	commands = strings.NewReplacer(append(slices.Clone(replace), o.replace...)...).Replace(commands)
	cmd := exec.Command("sh", "-eux")
	cmd.Stdin, cmd.Env = strings.NewReader(commands), o.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s: %v\n%s\nthe journal:\n%s", part, err, out, journal)
	}
	return string(out)
}

func (o *operator) wants(out string, parts ...string) {
	o.t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			o.t.Errorf("%q is not in\n%s", part, out)
		}
	}
}

// policySearch is the part that leads from the log's id to the queue's.
const policySearch = "Find mail in Postfix that the policy service had held"

// TestOperationIsTried shows that all commands of docs/operation.md are typed by a
// test of this file.
func TestOperationIsTried(t *testing.T) {
	tried := []string{"Emergency stop", "Let all mail through, and go on recording", "Held mail", policySearch}
	for _, server := range []string{"Postfix", "Sendmail"} {
		tried = append(tried, "Take tlswarden out of "+server, "Find held mail in "+server, "Release held mail in "+server, "Delete held mail in "+server)
	}
	parts := slices.Sorted(maps.Keys(newOperator(t).parts))
	slices.Sort(tried)
	if !slices.Equal(parts, tried) {
		t.Errorf("docs/operation.md has commands in %q; %q are tried", parts, tried)
	}
}

// hooked is a Postfix that asks a daemon, whose rules defer all mail in plaintext.
func hooked(t *testing.T) (*Postfix, *setupRig, *operator) {
	t.Helper()
	p := bare(t)
	address, err := p.Address("smtp", FrontNone)
	if err != nil {
		t.Fatal(err)
	}
	inet, err := freeAddresses("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), address, "enforce    = \"full\"     # all\n[milter]\nlisten = [\"inet:"+inet[0]+"\"]\n", "--postfix-config", p.path("etc"))
	r.start()
	r.setup(0, "postfix --apply")
	p.settle(t)
	p.reload(t)
	r.judged()
	o := newOperator(t, "/etc/tlswarden/tlswarden.toml", r.config, "tlswarden setup postfix", r.program+" setup postfix --config "+r.config+" --postfix-config "+p.path("etc"))
	o.note("postfix")
	o.note("systemctl")
	return p, r, o
}

// TestOperationObserve stops all enforcement by a reload, and shows that rules which
// are not in order keep it from that.
func TestOperationObserve(t *testing.T) {
	t.Parallel()
	const part = "Let all mail through, and go on recording"
	p, r, o := hooked(t)
	testkit.Until(t, func() bool { return strings.Contains(r.log.String(), "action=defer") }, "the decision is logged:\n%s", r.log)
	o.wants(o.types("Emergency stop", r.log.String()), "action=defer rule=all ")
	reload := func(says string) {
		t.Helper()
		if calls := o.noted(); calls != "systemctl reload tlswarden\n" {
			t.Errorf("the calls are %q", calls)
		}
		before := strings.Count(r.log.String(), says)
		if err := r.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		testkit.Until(t, func() bool { return strings.Count(r.log.String(), says) > before }, "the log says %q:\n%s", says, r.log)
	}
	rulesFile := filepath.Join(filepath.Dir(r.config), "rules.toml")
	change(t, rulesFile, "any-tls", "any-lts")
	o.types(part, "msg=reloaded\n")
	reload(`msg="reload failed: the rules are not in order; the policy that runs stays"`)
	r.judged()
	change(t, rulesFile, "any-lts", "any-tls")
	o.wants(o.types(part, r.log.String()), "reload failed: the rules")
	reload("msg=reloaded rules=")
	r.accepted()
	p.delivers(t)
	testkit.Until(t, func() bool {
		return regexp.MustCompile(`action=accept .*would=defer would_rule=all`).MatchString(r.log.String())
	}, "what would be done is logged:\n%s", r.log)
}

// TestOperationPostfixOut takes tlswarden out of Postfix while the daemon is down and
// its configuration cannot be read.
func TestOperationPostfixOut(t *testing.T) {
	t.Parallel()
	p, r, o := hooked(t)
	r.stop()
	r.becomes("a delay", func(reply Reply) bool { return reply.Code/100 == 4 })
	change(t, r.config, "rules =", "ruels ==")
	o.types("Take tlswarden out of Postfix", "")
	if calls := o.noted(); !strings.HasSuffix(calls, " check\npostfix reload\n") { // setup has Postfix check main.cf
		t.Errorf("the calls are %q", calls)
	}
	p.settle(t)
	p.reload(t)
	r.accepted()
	p.delivers(t)
}

// delivers waits until all that was accepted has been delivered.
func (p *Postfix) delivers(t *testing.T) {
	t.Helper()
	if got, err := p.Delivered(testkit.Context(t)); err != nil || len(got) == 0 {
		t.Errorf("delivered are %v (%v)", got, err)
	}
}

// TestOperationSendmailOut does the same with Sendmail.
func TestOperationSendmailOut(t *testing.T) {
	t.Parallel()
	s := bareSendmail(t)
	r, _ := sendmailRig(t, s)
	var err error
	if r.address, err = s.Address("smtp", FrontMilter); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.setup(0, "sendmail --apply")
	s.remake(t)
	r.judged()
	r.stop()
	r.becomes("a delay", func(reply Reply) bool { return reply.Code/100 == 4 })
	o := newOperator(t, "tlswarden setup sendmail", r.program+" setup sendmail --config "+r.config+" --mc "+s.path("sendmail.mc"))
	o.env = append(o.env, "PATH="+o.bin+":"+s.inPath(t)+":"+os.Getenv("PATH"))
	o.note("make")
	o.note("systemctl")
	o.types("Take tlswarden out of Sendmail", "")
	if calls := o.noted(); calls != "make -C /etc/mail\nsystemctl restart sendmail\n" {
		t.Errorf("the calls are %q", calls)
	}
	s.remake(t)
	r.accepted()
}

var (
	logID    = regexp.MustCompile(`action=quarantine .*queue_id=(\w+)|msg=decision id=(\w+) action=quarantine .*pid=(\d+)`)
	foundID  = regexp.MustCompile(`smtpd\[\d+\]: (\w+): client=`)
	holdRule = "judge_local = true\n[[rule]]\nname = \"held\"\nrequire = \"any-tls\"\notherwise = \"quarantine\"\n"
)

// TestOperationHeld finds, reads, releases and deletes mail that is held, with Postfix
// by either front end and with Sendmail.
func TestOperationHeld(t *testing.T) {
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	program := buildDaemon(t)
	for _, server := range servers() {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			lab := openLab(t, server, certs)
			for _, front := range lab.Runs(&Case{Fronts: []string{FrontMilter, FrontPolicy}}) {
				t.Run(front, func(t *testing.T) { heldIn(t, lab, front, program) })
			}
		})
	}
}

func heldIn(t *testing.T, lab *Lab, front, program string) {
	daemon, err := lab.StartDaemon(testkit.Context(t), DaemonConfig{Program: program, Dir: t.TempDir(), Files: map[string]string{"rules.toml": holdRule}, Front: front})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lab.StopDaemon(daemon); err != nil {
			t.Error(err)
		}
	}()
	o, name := operatorOf(t, lab.MTA)
	for n, end := range []string{"Release", "Delete"} {
		err := errors.Join(lab.MTA.Clear(t.Context()), lab.Talk(testkit.Context(t), "smtp", front,
			"connect\nEHLO client.example.org\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.com>\nDATA\nQUIT\n", func(string) {}))
		if err != nil {
			t.Fatal(err)
		}
		testkit.Until(t, func() bool { return strings.Count(daemon.Log(), "action=quarantine") > n }, "the decision is logged:\n%s", daemon.Log())
		queueID := findHeld(t, o, name, daemon.Log())
		if held, err := lab.MTA.Held(); err != nil || len(held) != 1 || held[0] != queueID {
			t.Fatalf("held are %q (%v), and the document leads to %q", held, err, queueID)
		}
		o.types(end+" held mail in "+name, daemon.Log(), "QUEUE_ID", queueID)
		held, err := lab.MTA.Held()
		if err != nil || len(held) > 0 {
			t.Errorf("%s: held are still %q (%v)", end, held, err)
		}
		released := end == "Release"
		got := 0
		fits := func() bool {
			delivered, err := lab.MTA.Delivered(testkit.Context(t))
			got = len(delivered["b@example.com"])
			return err == nil && (got == 1) == released
		}
		if !testkit.Await(fits) {
			t.Errorf("%s: %d messages have been delivered; the log of the server:\n%s", end, got, lab.MTA.Log())
		}
	}
}

// findHeld types what finds and shows a mail, and returns the queue id that it leads to.
func findHeld(t *testing.T, o *operator, name, journal string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.types("Held mail", journal)), "\n")
	m := logID.FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		t.Fatalf("no decision in %q", lines)
	}
	queueID := m[1]
	if queueID == "" { // the policy service: Postfix's log leads from one to the other
		found := foundID.FindAllStringSubmatch(o.types(policySearch, journal, "PID", m[3], "LOG_ID", m[2]), -1)
		if len(found) != 1 {
			t.Fatalf("the search finds %q", found)
		}
		queueID = found[0][1]
	}
	out := o.types("Find held mail in "+name, journal, "QUEUE_ID", queueID)
	o.wants(out, queueID, "a@example.org", "b@example.com", "Subject: test")
	return queueID
}

// operatorOf has the commands of a mail server reach the one of the test.
func operatorOf(t *testing.T, server MTA) (*operator, string) {
	t.Helper()
	switch s := server.(type) {
	case *Postfix:
		o := newOperator(t, "/var/log/mail.log", s.path("maillog"))
		o.env = append(o.env, "MAIL_CONFIG="+s.path("etc"))
		return o, "Postfix"
	case *Sendmail:
		o := newOperator(t, "/var/spool/mqueue/", s.path("queue")+"/")
		o.stub("sendmail", fmt.Sprintf("exec %s/sendmail -C %s \"$@\"", s.inPath(t), s.path("sendmail.cf")))
		o.stub("mailq", `exec "$(dirname "$0")/sendmail" -bp "$@"`) // as sendmail(8) is when it is called so
		return o, "Sendmail"
	}
	t.Fatalf("%T is no mail server", server)
	return nil, ""
}
