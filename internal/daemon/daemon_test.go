package daemon

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// output is the daemon's standard error, read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// running is a daemon under test.
type running struct {
	t      *testing.T
	dir    string
	reload chan os.Signal
	counts chan os.Signal
	cancel context.CancelFunc
	out    *output
	done   chan error
}

const ruleTag = "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"tag\"\n"

// start runs a daemon with a policy service on a socket in its directory.
func start(t *testing.T, config, rules string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, dir: t.TempDir(), reload: make(chan os.Signal), counts: make(chan os.Signal), cancel: cancel, out: &output{}, done: make(chan error, 1)}
	r.write("tlswarden.toml", config)
	r.write("rules.toml", rules)
	go func() {
		r.done <- Run(ctx, filepath.Join(r.dir, "tlswarden.toml"), "test", Signals{Reload: r.reload, Counts: r.counts}, r.out)
	}()
	r.wait("msg=ready")
	return r
}

const config = "rules = [\"rules.toml\"]\n[policy]\nlisten = [{ address = \"unix:policy\", mode = \"0600\" }]\n"

func (r *running) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// wait waits until the log has a text.
func (r *running) wait(text string) {
	r.t.Helper()
	testkit.Until(r.t, func() bool { return strings.Contains(r.out.String(), text) }, "the log says %q:\n%s", text, r.out)
}

// ask asks the policy service about a plaintext session.
func (r *running) ask(instance int) string {
	r.t.Helper()
	c, err := net.Dial("unix", filepath.Join(r.dir, "policy"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=%x.1.1.0\nclient_address=192.0.2.1\nsender=a@example.org\nrecipient=b@example.com\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n\n", instance)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (r *running) stop() string {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Error(err)
		}
	case <-time.After(testkit.Patience):
		r.t.Fatal("the daemon does not stop")
	}
	return r.out.String()
}

func TestReload(t *testing.T) {
	r := start(t, config, ruleTag)
	if got := r.ask(1); got != "action=PREPEND X-TLS-Policy: fail; none" {
		t.Errorf("at start: %q", got)
	}

	r.write("rules.toml", "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"defer\"\n")
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	if got := r.ask(2); !strings.HasPrefix(got, "action=450 4.7.0 no encryption") {
		t.Errorf("after a reload: %q", got)
	}

	r.write("rules.toml", "[[rule]]\nname = \"r\"\nrequire = \"any-tsl\"\notherwise = \"rejct\"\n")
	r.reload <- syscall.SIGHUP
	r.wait("the rules are not in order; the policy that runs stays")
	for _, want := range []string{`there is no profile \"any-tsl\"`, `rules.toml:3`, `otherwise must be one of`, `rules.toml:4`} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, r.out)
		}
	}
	if got := r.ask(3); !strings.HasPrefix(got, "action=450") {
		t.Errorf("after a bad reload: %q", got)
	}

	r.write("rules.toml", ruleTag+"[[test]]\nname = \"t\"\nsession = { tls = false }\nexpect = { action = \"reject\" }\n")
	r.reload <- syscall.SIGHUP
	r.wait("tests of the rules fail or cannot be read; the policy that runs stays")
	if got := r.ask(4); !strings.HasPrefix(got, "action=450") {
		t.Errorf("after a reload with failing tests: %q", got)
	}

	r.write("tlswarden.toml", "enforce = \"observe\"\n"+config)
	r.write("rules.toml", ruleTag)
	r.reload <- syscall.SIGHUP
	r.wait("enforce=observe")
	if got := r.ask(5); got != "action=DUNNO" {
		t.Errorf("under observe: %q", got)
	}

	r.write("tlswarden.toml", "enforce = \"hard\"\n"+config)
	r.reload <- syscall.SIGHUP
	r.wait("the configuration is not in order; the policy that runs stays")

	r.write("tlswarden.toml", strings.Replace(config, "0600", "0660", 1))
	r.reload <- syscall.SIGHUP
	r.wait("a change of listen, max_connections, log, on_failure, control or a plugin needs a restart")

	r.counts <- syscall.SIGUSR1
	r.wait("msg=counts rule=r met=0 not_met=5")
	out := r.stop()
	if strings.Count(out, "msg=counts rule=r ") != 2 {
		t.Error("the counts are not logged at the end")
	}
	if !strings.Contains(out, "would=tag would_rule=r") || !strings.HasSuffix(out, "msg=stopped\n") {
		t.Errorf("the log is\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "policy")); err == nil {
		t.Error("the socket is left behind")
	}
}

// TestStartWithBadRules shows that mail is answered even if the rules cannot be
// read, and that a reload mends it.
func TestStartWithBadRules(t *testing.T) {
	for onFailure, want := range map[string]string{"defer": "action=DEFER_IF_PERMIT 4.3.0 ", "accept": "action=DUNNO"} {
		r := start(t, "on_failure = \""+onFailure+"\"\n"+config, "[[rule]]\n")
		if got := r.ask(1); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", onFailure, got)
		}
		r.write("rules.toml", ruleTag)
		r.reload <- syscall.SIGHUP
		r.wait("msg=reloaded")
		if got := r.ask(2); !strings.HasPrefix(got, "action=PREPEND") {
			t.Errorf("after a reload: %q", got)
		}
		if out := r.stop(); !strings.Contains(out, "no rules are in place: mail is answered by on_failure") {
			t.Errorf("the log does not say it:\n%s", out)
		}
	}
}

// TestStartWithFailingTests shows that a failing test never stops a start.
func TestStartWithFailingTests(t *testing.T) {
	r := start(t, config, ruleTag+"[[test]]\nname = \"t\"\nsession = { tls = false }\nexpect = { action = \"reject\" }\n")
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("%q", got)
	}
	r.stop()
}

// TestSocketFiles shows that a socket file of a dead process is replaced, and
// that of a living one, or another file, is not.
func TestSocketFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l := Listen{Network: "unix", Address: path, Mode: 0o640, Group: fmt.Sprint(os.Getgid())}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	ln, err := l.open()
	if err != nil {
		t.Fatalf("a dead socket is in the way: %v", err)
	}
	defer ln.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if _, err := l.open(); err == nil || !strings.Contains(err.Error(), "another process listens on") {
		t.Errorf("a living socket: %v", err)
	}
	file := Listen{Network: "unix", Address: filepath.Join(dir, "f"), Mode: 0o600}
	if err := os.WriteFile(file.Address, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.open(); err == nil || !strings.Contains(err.Error(), "exists and is no socket") {
		t.Errorf("a file: %v", err)
	}
	nogroup := Listen{Network: "unix", Address: filepath.Join(dir, "g"), Mode: 0o600, Group: "no-such-group"}
	if _, err := nogroup.open(); err == nil || !strings.Contains(err.Error(), "no-such-group") {
		t.Errorf("a group that does not exist: %v", err)
	}
}

// TestDefaults shows what holds without a configuration file: both front ends,
// and rules that refuse nothing.
func TestDefaults(t *testing.T) {
	c, found := LoadConfig("")
	if len(found) > 0 || len(c.Milter) != 1 || len(c.Policy) != 1 || c.Milter[0].String() != DefaultMilter || c.Policy[0].String() != DefaultPolicy {
		t.Errorf("%+v %v", c, found)
	}
	loaded := c.LoadRules(time.Now())
	if loaded.Policy == nil || loaded.Failed > 0 || len(loaded.Found) > 0 {
		t.Fatal(loaded.Found)
	}
	for _, r := range loaded.Policy.Rules() {
		if r.Does() > rules.Tag && !r.Observe {
			t.Errorf("rule %q does %s", r.Name, r.Does())
		}
	}
}

func TestNoRuleFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tlswarden.toml")
	if err := os.WriteFile(file, []byte("rules = [\"rules.d/*.toml\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := LoadConfig(file)
	if l := c.LoadRules(time.Now()); l.Policy != nil || len(l.Found) != 1 || !strings.Contains(l.Found[0].String(), "no such file or directory") {
		t.Errorf("%v", l.Found)
	}
}

// TestHourly shows that the counts are logged as time goes on.
func TestHourly(t *testing.T) {
	out := &output{}
	l := openLogs(LogConfig{Level: slog.LevelError}, out, syslog.New)
	d := &daemon{logs: l, countsEvery: 10 * time.Millisecond}
	d.gate = gate.New(gate.Config{Log: l.log, Decisions: l.decisions, Format: l.format})
	d.config, _ = LoadConfig("")
	d.start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.wait(ctx, Signals{}) }()
	testkit.Until(t, func() bool { return strings.Count(out.String(), "msg=counts rule=local ") >= 2 }, "the counts are logged again:\n%s", out)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	l.close(func() {})
}

// TestStuckLog shows that a log that takes nothing neither stops the mail nor
// keeps the daemon from ending.
func TestStuckLog(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"tlswarden.toml": config, "rules.toml": "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- Run(ctx, filepath.Join(dir, "tlswarden.toml"), "test", Signals{}, write) }()
	r := &running{t: t, dir: dir}
	testkit.Until(t, func() bool { // the file is there a moment before somebody listens
		c, err := net.Dial("unix", filepath.Join(dir, "policy"))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "the daemon listens")
	for i := range 2000 { // a pipe holds 64 KiB, a line has some 300 bytes
		if got := r.ask(i + 1); !strings.HasPrefix(got, "action=450") {
			t.Fatalf("request %d: %q", i, got)
		}
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testkit.Patience):
		t.Error("the daemon does not stop")
	}
}

// TestReloadUnderLoad reloads good and bad rules again and again while clients
// ask: every request gets an answer, by the rules before or after.
func TestReloadUnderLoad(t *testing.T) {
	r := start(t, config, ruleTag)
	done := make(chan struct{})
	var clients sync.WaitGroup
	var asked atomic.Int64
	for client := range 8 {
		clients.Go(func() {
			c, err := net.Dial("unix", filepath.Join(r.dir, "policy"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for i := 1; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				fmt.Fprintf(c, "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=%x.%x.1.0\nclient_address=192.0.2.1\nsender=a@example.org\nrecipient=b@example.com\nencryption_protocol=\n\n", client+1, i)
				line, err := in.ReadString('\n')
				if _, also := in.ReadString('\n'); err != nil || also != nil {
					t.Errorf("client %d, request %d: %v %v", client, i, err, also)
					return
				}
				if !strings.HasPrefix(line, "action=PREPEND ") && !strings.HasPrefix(line, "action=450 4.7.0 no encryption") {
					t.Errorf("client %d, request %d: %q", client, i, line)
					return
				}
				asked.Add(1)
			}
		})
	}
	for i := range 30 {
		r.write("rules.toml", []string{ruleTag, strings.Replace(ruleTag, "tag", "defer", 1), "[[rule]]\n"}[i%3])
		before, answered := strings.Count(r.out.String(), "reload"), asked.Load()
		r.reload <- syscall.SIGHUP
		testkit.Until(t, func() bool {
			return strings.Count(r.out.String(), "reload") > before && asked.Load() > answered+30 || t.Failed()
		}, "the rules are read, and requests answered:\n%s", r.out)
	}
	close(done)
	clients.Wait()
	out := r.stop()
	if good, bad := strings.Count(out, "msg=reloaded"), strings.Count(out, "reload failed"); good != 20 || bad != 10 {
		t.Errorf("%d reloads, %d failed ones", good, bad)
	}
}

// TestRemind shows that the log speaks of rules that expire, once a day.
func TestRemind(t *testing.T) {
	out := &output{}
	l := openLogs(LogConfig{}, out, syslog.New)
	d := &daemon{logs: l}
	d.gate = gate.New(gate.Config{Log: l.log, Decisions: l.decisions, Format: l.format})
	d.remind(time.Now()) // without a policy there is nothing to say
	now := time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)
	expires := func(name string, days int) *rules.Rule {
		return &rules.Rule{Name: name, Action: rules.Tag, Owner: "joe", File: "f.toml", Line: 7, Expires: rules.Known(now.AddDate(0, 0, days))}
	}
	d.gate.SetPolicy(rules.New(rules.Config{Rules: []*rules.Rule{expires("over", -1), expires("soon", 13), expires("later", 15), {Name: "never", Action: rules.Tag}}}))
	d.remind(now)
	d.remind(now.Add(time.Hour))
	d.remind(now.Add(24 * time.Hour))
	l.close(func() {})
	log := out.String()
	for name, want := range map[string]int{"over": 2, "soon": 2, "later": 1, "never": 0} { // "later" the day after
		if n := strings.Count(log, "msg=\"a rule expires\" rule="+name+" at=f.toml:7 "); n != want {
			t.Errorf("%s: %d lines, want %d:\n%s", name, n, want, log)
		}
	}
}
