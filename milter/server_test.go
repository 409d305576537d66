package milter

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// quick are timeouts for tests of timeouts.
func quick(c Config) Config {
	c.IdleTimeout, c.FrameTimeout, c.WriteTimeout = 300*time.Millisecond, 150*time.Millisecond, 150*time.Millisecond
	return c
}

// libraryLog catches what the library logs; it must have nothing to say.
func libraryLog(t *testing.T) *bytes.Buffer {
	var mu sync.Mutex
	var buf bytes.Buffer
	old := log.Writer()
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	}))
	t.Cleanup(func() {
		log.SetOutput(old)
		if buf.Len() > 0 {
			t.Errorf("the library logged %q", buf.String())
		}
	})
	return &buf
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// offer is what both MTAs offer.
func offer() terms { return terms{version: 6, actions: 0x1ff, protocol: 0x1fffff} }

// TestSlowClients shows that connections end whose MTA is silent or slow.
func TestSlowClients(t *testing.T) {
	tests := []struct {
		name string
		play func(t *testing.T, w *wire)
		log  string
	}{
		{"silent", func(*testing.T, *wire) {}, ""},
		{"silent within a length", func(_ *testing.T, w *wire) { w.write([]byte{0, 0}) }, "frame not complete in time"},
		{"silent within a frame", func(_ *testing.T, w *wire) { w.write([]byte{0, 0, 0, 5, 'H', 'x'}) }, "frame not complete in time"},
		{"silent within a long frame", func(_ *testing.T, w *wire) { w.write(frame(cmdHelo, strings.Repeat("x", 100_000))[:50_000]) }, "frame not complete in time"},
		{"a byte at a time", func(_ *testing.T, w *wire) {
			for _, b := range frame(cmdHelo, strings.Repeat("x", 100)) {
				if _, err := w.conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, "frame not complete in time"},
		{"silent within a transaction", func(_ *testing.T, w *wire) {
			w.send(cmdMail, cstrings("<a@example.net>"))
			w.await()
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			libraryLog(t)
			synctest.Test(t, func(t *testing.T) {
				var lines logBuffer
				w := dialServer(t, quick(Config{Gate: &scriptGate{}, Log: lines.logger()}))
				w.negotiate(offer())
				begun := time.Now()
				test.play(t, w)
				w.closed()
				if d := time.Since(begun); d > 300*time.Millisecond {
					t.Errorf("it took %v", d)
				}
				if test.log == "" && lines.String() != "" || !strings.Contains(lines.String(), test.log) {
					t.Errorf("the log is %q", lines.String())
				}
			})
		})
	}
}

// TestUnreadReplies shows that an MTA which takes no replies is left.
func TestUnreadReplies(t *testing.T) {
	libraryLog(t)
	var lines logBuffer
	w := dialServer(t, quick(Config{Gate: &scriptGate{}, Log: lines.logger()}))
	w.send(cmdHelo, cstrings("x")) // a pipe holds nothing back
	lines.waitFor(t, "reply not taken in time")
}

// TestLongFrames shows that frames up to the limit are taken, in whatever
// pieces they come.
func TestLongFrames(t *testing.T) {
	for _, n := range []int{1, bufferSize - headSize, bufferSize - headSize + 1, 2*bufferSize - headSize + 1, maxFrame - 1} {
		gate := &scriptGate{}
		w := dialServer(t, Config{Gate: gate})
		helo := strings.Repeat("h", n-1)
		b := append(frame(cmdHelo, helo+"\x00"), frame(cmdMail, cstrings("<>"))...)
		b = append(b, frame(cmdRcpt, cstrings("<b@example.com>"))...)
		go func() {
			for len(b) > 0 {
				piece := min(len(b), 1000)
				if _, err := w.conn.Write(b[:piece]); err != nil {
					t.Error(err)
				}
				b = b[piece:]
			}
		}()
		for range 3 {
			w.await()
		}
		if got := gate.facts["helo"]; got != `"`+helo+`"` {
			t.Errorf("of a name of %d bytes %d arrived", len(helo), len(got)-2)
		}
	}
}

// TestMemory shows that a length that is announced takes no memory until the
// bytes are there.
func TestMemory(t *testing.T) {
	ln := newPipes()
	start(t, Config{Gate: &scriptGate{}}, ln)
	const conns = 200
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range conns {
		c := ln.dial()
		defer c.Close()
		newWire(t, c).write(frame(cmdHelo, strings.Repeat("x", maxFrame-2))[:100])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / conns; each > 64<<10 {
		t.Errorf("a connection takes %d bytes", each)
	}
}

// failing is a listener that fails a few times.
type failing struct {
	*pipes
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, errors.New("too many open files")
	}
	return f.pipes.Accept()
}

// TestAcceptFailures shows that failures to accept are waited out.
func TestAcceptFailures(t *testing.T) {
	var lines logBuffer
	ln := newPipes()
	start(t, Config{Gate: &scriptGate{}, Log: lines.logger()}, &failing{ln, 2})
	w := newWire(t, ln.dial())
	w.negotiate(offer())
	w.conn.Close()
	if n := strings.Count(lines.String(), "too many open files"); n != 1 {
		t.Errorf("the log is %q", lines.String())
	}
}

// TestClosedListener shows that Serve fails if somebody else closes its
// listener.
func TestClosedListener(t *testing.T) {
	ln := newPipes()
	ln.Close()
	if err := New(Config{Gate: &scriptGate{}}).Serve(ln, mailaddr.Server{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the error is %v", err)
	}
}

// panicky is a gate whose parts panic.
type panicky struct{ part string }

func (p panicky) fail(part string) {
	if p.part == part {
		panic(part + " panics")
	}
}
func (p panicky) Open() Transaction       { p.fail("open"); return p }
func (p panicky) Policy() *rules.Policy   { p.fail("policy"); return nil }
func (p panicky) Begin(*rules.Session)    { p.fail("begin") }
func (p panicky) Until(time.Time)         { p.fail("until") }
func (p panicky) Finish(*rules.Session)   { p.fail("finish") }
func (p panicky) Withdraw(*rules.Session) { p.fail("withdraw") }
func (p panicky) End(string)              { p.fail("end") }
func (p panicky) Close()                  { p.fail("close") }
func (p panicky) Unjudged(*rules.Session, string) {
	p.fail("unjudged")
}
func (p panicky) Decide(*rules.Session, rules.FieldSet, string) (rules.Decision, error) {
	p.fail("decide")
	return rules.Decision{}, nil
}

// nowhere is a gate that opens nothing.
type nowhere struct{}

func (nowhere) Open() Transaction { return nil }

// TestPanics shows that a gate that panics ends no connection.
func TestPanics(t *testing.T) {
	for _, part := range []string{"open", "policy", "begin", "decide", "end", "close"} {
		t.Run(part, func(t *testing.T) {
			libraryLog(t)
			var lines logBuffer
			w := dialServer(t, Config{Gate: panicky{part}, OnFailure: rules.Defer, Log: lines.logger()})
			got := w.play(encrypted(postfix))
			want := "c"
			if part == "open" || part == "decide" {
				want = "451 4.3.0 TLS policy could not be evaluated, try again later"
			}
			if got.replies[0] != want {
				t.Errorf("the reply is %q, want %q", got.replies[0], want)
			}
			w.conn.Close()
			lines.waitFor(t, `msg="milter: the gate panicked" call=`+part+` panic="`+part+` panics"`)
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		w := dialServer(t, Config{Gate: nowhere{}, OnFailure: rules.Accept})
		if got := w.play(base(postfix)); got.replies[0] != "c" {
			t.Errorf("the reply is %q", got.replies[0])
		}
	})
}

// TestShutdown shows that a session that goes on may send its message, and that
// connections are closed when they are quiet between transactions, be it after one
// that was in progress.
func TestShutdown(t *testing.T) {
	libraryLog(t)
	ln := newPipes()
	s := New(Config{Gate: &scriptGate{}})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	idle, busy, aborted, early := newWire(t, ln.dial()), newWire(t, ln.dial()), newWire(t, ln.dial()), newWire(t, ln.dial())
	early.negotiate(offer())
	for _, w := range []*wire{idle, busy, aborted} {
		w.negotiate(offer())
		w.send(cmdMail, cstrings("<a@example.net>"))
		w.await()
	}
	idle.send(cmdEnd, "")
	idle.await()

	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	for _, w := range []*wire{early, idle} {
		for _, command := range []byte{cmdHelo, cmdMail, cmdRcpt, cmdEnd} {
			w.send(command, "<a@example.net>\x00")
			if a := w.await(); a.reply != "c" {
				t.Errorf("the reply to %c is %q", command, a.reply)
			}
		}
	}
	aborted.send(cmdAbort, "")
	early.closed()
	idle.closed()
	aborted.closed()
	select {
	case err := <-down:
		t.Fatalf("shutdown ended within a transaction: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	for _, command := range []byte{cmdRcpt, cmdEnd} {
		busy.send(command, "<b@example.com>\x00")
		if a := busy.await(); a.reply != "c" {
			t.Errorf("the reply is %q", a.reply)
		}
	}
	busy.closed()
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := s.Serve(newPipes(), mailaddr.Server{}); err != nil {
		t.Errorf("serve after shutdown: %v", err)
	}
}

// TestShutdownInTime shows that Shutdown does not wait for longer than it is
// given.
func TestShutdownInTime(t *testing.T) {
	libraryLog(t)
	ln := newPipes()
	s := New(Config{Gate: &scriptGate{}})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	w := newWire(t, ln.dial())
	w.send(cmdMail, cstrings("<a@example.net>"))
	w.await()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	w.closed()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	s.sessions.Wait()
}

// TestShutdownOfManySessions shuts down in the midst of traffic that never pauses,
// over real sockets. Nobody may hang, and no session may be left.
func TestShutdownOfManySessions(t *testing.T) {
	libraryLog(t)
	path := filepath.Join(t.TempDir(), "milter")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	gate := policyGate{policyOf(rules.Tag)}
	s := New(Config{Gate: gate})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for {
				c, err := net.Dial("unix", path)
				if err != nil {
					return
				}
				playUntilClosed(c)
			}
		})
	}
	waitUntil(t, "all clients are served", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 20
	})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	clients.Wait()
	if len(s.conns) != 0 || len(s.listeners) != 0 {
		t.Errorf("%d connections and %d listeners are left", len(s.conns), len(s.listeners))
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
}

// playUntilClosed sends messages without looking at what comes back.
func playUntilClosed(c net.Conn) {
	defer c.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	var b []byte
	for _, f := range [][]byte{
		frame(cmdNegotiate, "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"), frame(cmdHelo, "x\x00"),
		frame(cmdMail, "<a@example.net>\x00"), frame(cmdRcpt, "<b@example.com>\x00"), frame(cmdHeader, "X-TLS-Policy\x00pass\x00"), frame(cmdEnd, ""),
	} {
		b = append(b, f...)
	}
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// TestManyWait shows that the recipients that wait are bounded.
func TestManyWait(t *testing.T) {
	var m delivery
	n := 0
	for m.wait(mailaddr.Address{Written: strings.Repeat("x", 240)}, "rule", 1) {
		if n++; n > 2000 {
			t.Fatal("there is no bound")
		}
	}
	if n < 1000 {
		t.Errorf("only %d recipients can wait", n)
	}
	m = delivery{}
	for n = 0; m.wait(mailaddr.Known(""), "rule", 1); n++ {
		if n > 100_000 {
			t.Fatal("there is no bound for empty addresses")
		}
	}
}

// TestNothingSaid shows that who connects and says nothing is left soon, with a
// line in the log.
func TestNothingSaid(t *testing.T) {
	for name, begin := range map[string][]byte{"nothing": nil, "a byte": {0}} {
		t.Run(name, func(t *testing.T) {
			var lines logBuffer
			c := quick(Config{Gate: &scriptGate{}, Log: lines.logger()})
			c.IdleTimeout = time.Hour
			w := dialServer(t, c)
			if len(begin) > 0 {
				w.write(begin)
			}
			w.closed()
			lines.waitFor(t, "milter: connection closed")
		})
	}
}

// blocking is a gate that decides when it is told to.
type blocking struct {
	panicky
	asked, told chan struct{}
}

func (b blocking) Open() Transaction { return b }

func (b blocking) Decide(*rules.Session, rules.FieldSet, string) (rules.Decision, error) {
	close(b.asked)
	<-b.told
	return rules.Decision{}, nil
}

// TestShutdownWithinDecision shows that an event in progress gets its reply.
func TestShutdownWithinDecision(t *testing.T) {
	libraryLog(t)
	gate := blocking{asked: make(chan struct{}), told: make(chan struct{})}
	ln := newPipes()
	s := New(Config{Gate: gate})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	w := newWire(t, ln.dial())
	w.send(cmdRcpt, cstrings("<b@example.com>"))
	<-gate.asked
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	close(gate.told)
	if a := w.await(); a.reply != "c" {
		t.Errorf("the reply is %q", a.reply)
	}
	w.send(cmdAbort, "")
	w.closed()
	if err := <-down; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// TestHeloEndsTransaction shows that EHLO within a mail transaction ends it (RFC
// 5321 section 4.1.4), so that shutting down does not wait for its message.
func TestHeloEndsTransaction(t *testing.T) {
	ln := newPipes()
	s := New(Config{Gate: &scriptGate{}})
	go s.Serve(ln, mailaddr.Server{})
	w := newWire(t, ln.dial())
	w.negotiate(offer())
	for _, step := range []struct {
		command byte
		content string
	}{{cmdMail, cstrings("<a@example.net>")}, {cmdHelo, cstrings("mail.example.net")}} {
		w.send(step.command, step.content)
		w.await()
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("the shutdown waits for a message that never comes: %v", err)
	}
}
