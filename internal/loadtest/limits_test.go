package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/daemon"
	"tlswarden/internal/testkit"
)

// How many connections of each protocol there are at once, and what memory they
// may take.
const (
	idleConns = 1000
	busyConns = 200
	maxMemory = 96 << 20
)

// needFiles skips a test for which this process may not open enough files.
func needFiles(t *testing.T, want uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) < want && os.Getenv("CI") == "" {
		t.Skipf("needs %d file descriptors, and there are %d", want, limit.Cur)
	}
}

const quietLog = "[log]\nlevel = \"warning\"\n"

func listening(milterAt, policyAt string) string {
	return fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n[policy]\nlisten = [\"inet:%s\"]\n", milterAt, policyAt)
}

// TestLimits shows that many connections at once are served within the memory
// that they may take, and leave no descriptor behind.
func TestLimits(t *testing.T) {
	needFiles(t, 2*(idleConns+busyConns)+100)
	milterAt, policyAt := freePort(t), freePort(t)
	p := start(t, t.TempDir(), options{config: listening(milterAt, policyAt), log: &logBuffer{keep: 64 << 10}})
	before := p.descriptors()
	leave, asked := load(t, milterAt, policyAt, func() {
		if n := p.descriptors(); n < 2*(idleConns+busyConns) {
			t.Errorf("only %d descriptors are open under load", n)
		}
	})
	peak := p.memory("VmHWM")
	leave()
	t.Logf("%d answers, at most %.1f MiB, %.1f at the end", asked, float64(peak)/(1<<20), float64(p.memory("VmRSS"))/(1<<20))
	if peak > maxMemory {
		t.Errorf("the daemon took %d bytes, more than %d", peak, maxMemory)
	}
	if !testkit.Await(func() bool { return p.descriptors() <= before }) {
		t.Errorf("%d descriptors are open, and %d were at the start", p.descriptors(), before)
	}
	p.stop()
}

// enough is how many answers a load lasts.
const enough = 40_000

// load opens the idle connections and has the busy ones ask, in the midst of which it
// calls during. The idle ones stay until leave is called.
func load(t *testing.T, milterAt, policyAt string, during func()) (leave func(), asked int64) {
	t.Helper()
	idle := make([]net.Conn, 0, 2*idleConns)
	leave = func() {
		for _, c := range idle {
			c.Close()
		}
	}
	for i := range idleConns {
		a, err := askAt("tcp", policyAt, i+1)
		if err == nil && i%2 == 0 { // the others never say a word
			err = a.ask()
		}
		if err != nil {
			leave()
			t.Fatal(err)
		}
		idle = append(idle, a.conn)
		m, err := dialMilter("tcp", milterAt)
		if err == nil && i%2 == 0 {
			err = errors.Join(m.connect(), m.mail(true))
		}
		if err != nil {
			leave()
			t.Fatal(err)
		}
		idle = append(idle, m.conn)
	}
	var answers, busy atomic.Int64
	var over atomic.Bool
	var clients sync.WaitGroup
	for i := range busyConns {
		clients.Go(func() {
			a, err := askAt("tcp", policyAt, 1<<20+i)
			for n := 0; err == nil && !over.Load(); n++ {
				if err = a.ask(); n == 0 {
					busy.Add(1)
				}
				answers.Add(1)
			}
			if err != nil {
				t.Errorf("policy client %d: %v", i, err)
				return
			}
			a.close()
		})
		clients.Go(func() {
			m, err := dialMilter("tcp", milterAt)
			if err == nil {
				err = m.connect()
			}
			for n := 0; err == nil && !over.Load(); n++ {
				if err = m.message(2); n == 0 {
					busy.Add(1)
				}
				answers.Add(5)
			}
			if err != nil {
				t.Errorf("milter client %d: %v", i, err)
				return
			}
			m.close()
		})
	}
	if testkit.Await(func() bool { return busy.Load() == 2*busyConns || t.Failed() }) {
		during()
	}
	testkit.Await(func() bool { return answers.Load() > enough || t.Failed() })
	over.Store(true)
	clients.Wait()
	return leave, answers.Load()
}

// TestGoroutines shows that connections leave no goroutine behind. It runs the
// daemon in this process, in which they can be counted.
func TestGoroutines(t *testing.T) {
	needFiles(t, 4*(idleConns+busyConns)+100)
	dir, milterAt, policyAt := t.TempDir(), freePort(t), freePort(t)
	write(t, dir, "tlswarden.toml", "rules = [\"rules.toml\"]\n"+listening(milterAt, policyAt)+quietLog)
	write(t, dir, "rules.toml", theRules)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	start := runtime.NumGoroutine()
	go func() {
		done <- daemon.Run(ctx, filepath.Join(dir, "tlswarden.toml"), "test", daemon.Signals{}, &logBuffer{keep: 64 << 10})
	}()
	if !testkit.Await(func() bool { return answering(policyAt, milterAt) == nil }) {
		t.Fatal(answering(policyAt, milterAt))
	}
	settled := runtime.NumGoroutine()
	for range 50 { // those of the first connections end
		time.Sleep(2 * time.Millisecond)
		settled = min(settled, runtime.NumGoroutine())
	}
	const first = 4 // those that may not have ended yet
	leave, _ := load(t, milterAt, policyAt, func() {
		if n := runtime.NumGoroutine(); n < settled-first+2*(idleConns+busyConns) {
			t.Errorf("only %d goroutines under load", n)
		}
	})
	leave()
	if !testkit.Await(func() bool { return runtime.NumGoroutine() <= settled }) {
		t.Errorf("%d goroutines are left, and %d were before:\n%s", runtime.NumGoroutine(), settled, stacks())
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !testkit.Await(func() bool { return runtime.NumGoroutine() <= start }) {
		t.Errorf("%d goroutines are left at the end, and %d were at the start:\n%s", runtime.NumGoroutine(), start, stacks())
	}
}

// answering says whether both front ends answer.
func answering(policyAt, milterAt string) error {
	a, err := askAt("tcp", policyAt, 1<<30)
	if err != nil {
		return err
	}
	defer a.close()
	m, err := dialMilter("tcp", milterAt)
	if err != nil {
		return err
	}
	defer m.close()
	return a.ask()
}

func stacks() string {
	buf := make([]byte, 64<<10)
	return string(buf[:runtime.Stack(buf, true)])
}

// TestMaxConnections shows that each listener has its own limit, and that what
// is beyond is closed and logged.
func TestMaxConnections(t *testing.T) {
	one, other, milterAt := freePort(t), freePort(t), freePort(t)
	p := start(t, t.TempDir(), options{config: fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\nmax_connections = 2\n[policy]\nlisten = [\"inet:%s\", \"inet:%s\"]\nmax_connections = 3\n", milterAt, one, other)})
	for n, at := range []string{one, other} {
		for i := range 4 {
			a, err := askAt("tcp", at, 10*n+i+1)
			if err != nil {
				t.Fatal(err)
			}
			defer a.close()
			if err := a.ask(); (err == nil) != (i < 3) {
				t.Errorf("policy connection %d on %s: %v", i+1, at, err)
			}
		}
	}
	for i := range 3 {
		m, err := dialMilter("tcp", milterAt)
		if (err == nil) != (i < 2) {
			t.Errorf("milter connection %d: %v", i+1, err)
		}
		if err == nil {
			defer m.close()
		}
	}
	p.wait("too many policy connections")
	p.wait("too many connections")
	p.stop()
}

// TestDescriptors shows that the daemon outlives a flood of connections for which
// it has no file descriptors: those that it has are answered, a reload changes
// nothing, the log says why and is not flooded, and afterwards all is well.
func TestDescriptors(t *testing.T) {
	dir, milterAt, policyAt := t.TempDir(), freePort(t), freePort(t)
	p := start(t, dir, options{config: listening(milterAt, policyAt), shell: "ulimit -n 40;"})
	p.wait("fewer file descriptors than connections may come")
	a, err := askAt("tcp", policyAt, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	m, err := dialMilter("tcp", milterAt)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if err := errors.Join(a.ask(), m.connect(), m.message(1)); err != nil {
		t.Fatal(err)
	}

	begin := time.Now()
	var flood []net.Conn
	for i := range 200 {
		c, err := net.Dial("tcp", []string{milterAt, policyAt}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		flood = append(flood, c)
	}
	p.wait("cannot accept")
	if n := p.log.count("too many open files"); n == 0 {
		t.Errorf("the log does not say why:\n%s", p.log)
	}
	for range 100 {
		if err := errors.Join(a.ask(), m.message(1)); err != nil {
			t.Fatalf("during the flood: %v\n%s", err, p.log)
		}
	}
	write(t, dir, "rules.toml", strings.ReplaceAll(theRules, "tag", "defer"))
	p.signal(syscall.SIGHUP)
	p.wait("reload failed")
	for range 3 {
		if err := errors.Join(a.ask(), m.message(1)); err != nil {
			t.Fatalf("after a reload during the flood: %v\n%s", err, p.log)
		}
	}
	if p.log.count("msg=reloaded") > 0 {
		t.Error("there were descriptors for a reload")
	}
	for _, c := range flood {
		c.Close()
	}
	b, err := askAt("tcp", policyAt, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	o, err := dialMilter("tcp", milterAt)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if err := errors.Join(b.ask(), o.connect(), o.message(1)); err != nil {
		t.Errorf("after the flood: %v\n%s", err, p.log)
	}
	seconds := int(time.Since(begin)/time.Second) + 1
	if n := p.log.count("cannot accept"); n > 2*(seconds+1) {
		t.Errorf("%d lines in %d seconds say that nothing can be accepted:\n%s", n, seconds, p.log)
	}
	p.signal(syscall.SIGHUP)
	p.wait("msg=reloaded")
	p.stop()
}
