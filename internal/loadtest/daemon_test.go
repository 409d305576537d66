package loadtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// program is the binary under test, built without the race detector, which would
// change its memory.
func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "tlswarden")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "tlswarden/cmd/tlswarden") // as make build does
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var buildDir string

func TestMain(m *testing.M) {
	code := 1
	defer func() { os.Exit(code) }()
	dir, err := os.MkdirTemp("", "tlswarden-loadtest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	code = m.Run()
}

// theRules tag plaintext and reject mail to nobody, so that each answer can be
// told from the question.
const theRules = `
[[rule]]
name   = "nobody"
when   = { recipient = "nobody@example.com" }
action = "reject"

[[rule]]
name      = "tls"
require   = "any-tls"
otherwise = "tag"
`

// process is a daemon.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logBuffer
	done chan struct{}
	err  error // of the exit, once done is closed
}

// options say how to start a daemon.
type options struct {
	config string // text of tlswarden.toml below rules
	shell  string // what a shell does before, such as ulimit
	env    []string
	files  []*os.File // descriptors from 3 on
	log    *logBuffer // nil: one that keeps all
}

// start runs the daemon until it is ready; the test's end ends it.
func start(t *testing.T, dir string, o options) *process {
	t.Helper()
	p := launch(t, dir, o)
	p.wait("msg=ready")
	return p
}

func launch(t *testing.T, dir string, o options) *process {
	t.Helper()
	write(t, dir, "tlswarden.toml", "rules = [\"rules.toml\"]\n"+o.config)
	if _, err := os.Stat(filepath.Join(dir, "rules.toml")); err != nil {
		write(t, dir, "rules.toml", theRules)
	}
	p := &process{t: t, log: o.log, done: make(chan struct{})}
	if p.log == nil {
		p.log = &logBuffer{keep: 1 << 30}
	}
	p.cmd = exec.Command("/bin/sh", "-c", o.shell+` exec "$0" "$@"`, program(t), "serve", "--config", filepath.Join(dir, "tlswarden.toml"))
	p.cmd.Env = append(os.Environ(), o.env...)
	p.cmd.ExtraFiles = o.files
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it usually has ended
		<-p.done
	})
	return p
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wait waits until the log has a text.
func (p *process) wait(text string) {
	p.t.Helper()
	p.waitMore(text, 0)
}

// waitMore waits until the log has a text more than n times.
func (p *process) waitMore(text string, n int) {
	p.t.Helper()
	testkit.Until(p.t, func() bool { return p.log.count(text) > n }, "the log says %q more than %d times:\n%s", text, n, p.log)
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends the daemon, which must end well.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.ended()
}

func (p *process) ended() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(testkit.Patience):
		p.t.Fatalf("the daemon does not end:\n%s", p.log)
	}
	if p.err != nil {
		p.t.Errorf("the daemon ended with %v:\n%s", p.err, p.log)
	}
}

// descriptors counts the open ones of the daemon.
func (p *process) descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// memory reads VmRSS or VmHWM in bytes.
func (p *process) memory(field string) int {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), field+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, err := strconv.Atoi(number)
	if err != nil {
		p.t.Fatalf("%s: %v", field, err)
	}
	return kib << 10
}

// logBuffer keeps the end of a log, and counts the texts that tests look for.
type logBuffer struct {
	keep int

	mu     sync.Mutex
	text   []byte
	bytes  int
	others int // lines that are no decisions
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	b.bytes += len(p)
	b.others += bytes.Count(p, []byte("\n")) - bytes.Count(p, []byte("msg=decision "))
	if len(b.text) > 2*b.keep {
		b.text = append([]byte(nil), b.text[len(b.text)-b.keep:]...)
	}
	return len(p), nil
}

// count says how often a text is in what was kept.
func (b *logBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.text, []byte(text))
}

// String is the log's end.
func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text[max(0, len(b.text)-8<<10):])
}

// freePort finds a TCP port on loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return address
}
