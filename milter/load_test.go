package milter

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// TestMaxConns shows that connections beyond the limit are closed, that each
// listener has its own, and that there is room again when others end.
func TestMaxConns(t *testing.T) {
	var lines logBuffer
	one, two := newPipes(), newPipes()
	one.name, two.name = "one", "two"
	s := start(t, Config{Gate: &scriptGate{}, MaxConns: 1, Log: lines.logger()}, one)
	served := make(chan error, 1)
	go func() { served <- s.Serve(two, mailaddr.Server{}) }()
	t.Cleanup(func() { two.Close() })
	var open []*wire
	for _, ln := range []*pipes{one, two} {
		w := newWire(t, ln.dial())
		w.negotiate(offer())
		open = append(open, w)
		newWire(t, ln.dial()).closed()
		newWire(t, ln.dial()).closed() // within a second, and so not logged
	}
	want := ""
	for _, name := range []string{"one", "two"} {
		want += "level=WARN msg=\"milter: too many connections, closed one\" listener=" + name + " limit=1\n"
	}
	if lines.String() != want {
		t.Errorf("the log is %q", lines.String())
	}
	open[0].conn.Close()
	waitUntil(t, "the connection is forgotten", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 1
	})
	next := newWire(t, one.dial())
	next.negotiate(offer())
	next.conn.Close()
	open[1].conn.Close()
}

// waitUntil waits until something is so.
func waitUntil(t testing.TB, what string, so func() bool) {
	t.Helper()
	testkit.Until(t, so, "%s", what)
}

// listenUnix is a listener as in use.
func listenUnix(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "milter"))
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func dialTo(t testing.TB, ln net.Listener) *wire {
	t.Helper()
	c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, c)
}

// TestSlowBesideBusy shows that MTAs that send a byte now and then hold nobody up.
func TestSlowBesideBusy(t *testing.T) {
	ln := listenUnix(t)
	start(t, Config{Gate: policyGate{policyOf(rules.Tag)}}, ln)
	done := make(chan struct{})
	var slow sync.WaitGroup
	for range 50 {
		w := dialTo(t, ln)
		slow.Go(func() {
			defer w.conn.Close()
			for _, b := range frame(cmdHelo, strings.Repeat("x", 60<<10)) {
				if _, err := w.conn.Write([]byte{b}); err != nil {
					t.Errorf("a slow connection was closed: %v", err)
					return
				}
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	var busy sync.WaitGroup
	for range 10 {
		w := dialTo(t, ln)
		busy.Go(func() {
			defer w.conn.Close()
			w.play(encrypted(postfix))
			for range 50 {
				if o := (&player{wire: w, s: encrypted(postfix)}).message(); o.end != "c" {
					t.Errorf("a busy connection: %+v", o)
				}
			}
		})
	}
	busy.Wait()
	close(done)
	slow.Wait()
}

// TestManyConnections shows how much memory 1,000 idle and 200 busy connections
// take, both ends of each in this process, and that nothing is left of them when
// they are gone.
func TestManyConnections(t *testing.T) {
	const idle, busy, limit = 1000, 200, 96 << 20
	ln := listenUnix(t)
	s := start(t, Config{Gate: policyGate{policyFrom(t, "tag.on = \"all\"\n"+encryptedItself)}}, ln)
	first := dialTo(t, ln) // so that all is there that the first one needs
	first.negotiate(offer())
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	var wires []*wire
	for range idle + busy {
		w := dialTo(t, ln)
		w.negotiate(offer())
		wires = append(wires, w)
	}
	var done sync.WaitGroup
	for _, w := range wires[idle:] {
		done.Go(func() {
			plaintext := base(postfix)
			plaintext.body = slices.Repeat([]string{strings.Repeat("a line of text\r\n", 4000)}, 4)
			for range 5 {
				p := &player{wire: w, s: plaintext}
				p.connect()
				if o := p.message(); o.end != noTLS {
					t.Errorf("the outcome is %+v", o)
				}
			}
		})
	}
	done.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	took := m.HeapAlloc + m.StackInuse
	t.Logf("%d MiB", took>>20)
	if took > limit {
		t.Errorf("that is more than %d MiB", limit>>20)
	}
	for _, w := range wires {
		w.conn.Close()
	}
	waitUntil(t, "connections, goroutines and files are gone", func() bool {
		s.mu.Lock()
		left := len(s.conns)
		s.mu.Unlock()
		return left == 1 && runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
	})
	first.conn.Close()
}

// openFiles counts the descriptors of this process; 0 where it cannot be told.
func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}
