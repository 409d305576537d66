package pluginhost

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
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
	"tlswarden/rules"
)

// program is the stub plugin, built by the first test that needs it.
var program struct {
	once sync.Once
	dir  string
	err  error
}

func build() {
	if program.dir, program.err = os.MkdirTemp("", "stub-"); program.err != nil {
		return
	}
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(program.dir, "stub"), "./testdata/stub")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		program.err = fmt.Errorf("%w: %s", err, out)
	}
}

// TestMain also is the daemon that a test kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("PLUGINHOST_TEST_DAEMON"); path != "" {
		os.Exit(daemon(path))
	}
	code := m.Run()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

func stub(t testing.TB) string {
	t.Helper()
	program.once.Do(build)
	if program.err != nil {
		t.Fatal(program.err)
	}
	return filepath.Join(program.dir, "stub")
}

// brisk are times for tests: short where something must be waited for, long where
// it must not be.
func brisk() pace {
	return pace{start: testkit.Patience, probe: time.Second, stop: time.Second, least: time.Millisecond, most: 20 * time.Millisecond, healthy: time.Hour, failure: time.Hour}
}

// rig is a host with its log and the fields of one plugin's facts.
type rig struct {
	*Host
	log    *journal
	policy *rules.Policy
	fields map[string]*rules.Field
	wanted []*rules.Field
}

// config is a stub that behaves in some way at the start.
func config(t testing.TB, args ...string) Config {
	return Config{Name: "stub", Path: stub(t), Args: args, MTLS: true, Timeout: testkit.Patience}
}

func newRig(t testing.TB, c Config, at pace, now func() time.Time) *rig {
	t.Helper()
	r := &rig{log: &journal{}, policy: rules.New(rules.Config{}), fields: map[string]*rules.Field{}}
	h, err := start(t.Context(), []Config{c}, Options{Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: now}, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	r.Host = h
	var all rules.SuppliedFields
	for key, kind := range map[string]rules.Kind{
		"echo": rules.KindText, "known": rules.KindBool, "calls": rules.KindNumber, "address": rules.KindAddress,
		"domain": rules.KindDomain, "mailbox": rules.KindMailbox, "time": rules.KindTime,
	} {
		f, err := all.Field(c.Name, key, kind, "")
		if err != nil {
			t.Fatal(err)
		}
		r.fields[key] = f
		r.wanted = append(r.wanted, f)
	}
	return r
}

// started is a rig whose plugin runs.
func started(t testing.TB, c Config) *rig {
	t.Helper()
	r := newRig(t, c, brisk(), nil)
	if _, err := r.Describe(c.Name); err != nil {
		t.Fatal(err)
	}
	return r
}

func sessionOf(domain string) *rules.Session {
	s := &rules.Session{}
	s.SetSender("a@" + domain)
	return s
}

// about asks about a session and renders the facts that were supplied.
func (r *rig) about(ctx context.Context, s *rules.Session) map[string]string {
	r.Ask(ctx, r.policy, s, r.wanted)
	got := map[string]string{}
	for key, f := range r.fields {
		if v, ok := f.Read(s); ok {
			got[key] = f.Format(v)
		}
	}
	return got
}

func (r *rig) ask(t testing.TB, domain string) map[string]string {
	return r.about(t.Context(), sessionOf(domain))
}

func (r *rig) health() Health { return r.Health()[0] }

// eventually waits until something holds, for as long as the machine may take.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testkit.Until(t, holds, "%s", what)
}

// pid is the process of the plugin that is asked now, 0 if there is none.
func (r *rig) pid() int {
	in := r.order[0].current.Load()
	if in == nil || in.retired.Load() {
		return 0
	}
	n, _ := strconv.Atoi(in.process.ID())
	return n
}

// alive says whether a process runs. One that has ended, but that nobody has waited
// for, does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(data, []byte(") "))
	return len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// journal is a log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) count(what string) int { return strings.Count(j.String(), what) }

// daemon is a process that only keeps a plugin.
func daemon(path string) int {
	h, err := Start(context.Background(), []Config{{Name: "stub", Path: path, MTLS: true}}, Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := h.Describe("stub"); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(h.order[0].current.Load().process.ID(), h.dir)
	select {}
}

func kill(t testing.TB, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Error(err)
	}
}

var client = netip.MustParseAddr("192.0.2.7")

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func logTo(j *journal) *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
