package policyd

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// echoGate puts what clients say into everything that a reply can carry.
type echoGate struct{ action rules.Action }

func (g echoGate) Open() Transaction     { return g }
func (g echoGate) Policy() *rules.Policy { return nil }
func (g echoGate) Begin()                {}
func (g echoGate) End(string)            {}
func (g echoGate) Close()                {}
func (g echoGate) Decide(s *rules.Session, _ rules.FieldSet, ref string) (rules.Decision, error) {
	said := ref
	for _, id := range []rules.FieldID{rules.FieldHelo, rules.FieldSender, rules.FieldSASLUser, rules.FieldCertSubject} {
		if v, ok := rules.FieldByID(id).Read(s); ok {
			said += v.Text
		}
	}
	d := rules.Decision{ID: said, Stamp: "fail; " + said, Results: said, Reply: rules.Reply{Text: said}}
	d.Action, d.Rule = g.action, &rules.Rule{Name: said}
	return d, nil
}

// TestInjection has clients say what would end the line of a reply, or begin
// another one, wherever they can say something.
func TestInjection(t *testing.T) {
	poisons := []string{
		"a\r action=OK", "\x1b]0;x\x07", "%s%n%d", "\xff\xfe\x80", "action=OK", "+0D+0A+0Aaction+3DOK+0A+0A", "+0AX-Spam:+20no",
		" ", strings.Repeat("a", 8000), strings.Repeat("\xc3\xa4", 4000), "", "200", "x\vy\fz\u2028\u0085",
	}
	said := 0
	for action := rules.Accept; action <= rules.Reject; action++ {
		s := New(Config{Gate: echoGate{action}, OnFailure: rules.Defer})
		c := dial(t, s)
		for i, poison := range poisons {
			for _, name := range []string{"helo_name", "sender", "sasl_username", "ccert_subject", "queue_id"} {
				for range 4 { // HOLD, two headers, and DUNNO
					c.send(first + "protocol_state=RCPT\nencryption_protocol=TLSv1.3\ninstance=1a." + name + itoa(i) + "\n" + name + "=" + poison + "\n\n")
					got := "action=" + c.reply() + "\n\n"
					if !replyForm.MatchString(got) || len(got) > maxReply+2 {
						t.Errorf("%v, %s=%q: reply %q", action, name, poison, got)
					}
					if strings.Contains(got, "???") || strings.Contains(got, "%n") {
						said++
					}
				}
			}
		}
	}
	if said == 0 {
		t.Error("no reply has what a client said")
	}
}

// TestIdleAndSlowBesideBusy has clients that say nothing and some that never come
// to an end of their request, beside one that asks all the time.
func TestIdleAndSlowBesideBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		var idle, slow [20]*client
		for i := range idle {
			idle[i], slow[i] = dial(t, s), dial(t, s)
			slow[i].send(first)
		}
		busy := dial(t, s)
		for i := range 60 {
			if got := busy.ask(ask{"RCPT", "1a." + itoa(i), "a@b.example", ""}); got != dunno {
				t.Error(got)
			}
			time.Sleep(time.Second)
			for j, c := range slow {
				if i < 25 {
					c.send("x=" + itoa(j) + "\n")
				}
			}
		}
		synctest.Wait()
		if n := len(s.conns); n != len(idle)+1 || log.count(errSlow.Error()) != 1 {
			t.Errorf("%d connections are left\n%s", n, log)
		}
		for _, c := range idle {
			if got := c.ask(ask{"RCPT", "1b.1", "a@b.example", ""}); got != dunno {
				t.Error(got)
			}
		}
	})
}

// badListener fails to accept for a while.
type badListener struct {
	net.Listener
	mu    sync.Mutex
	fails int
	err   error
}

func (l *badListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails > 0 {
		l.fails--
		return nil, l.err
	}
	return nil, net.ErrClosed
}

func (l *badListener) Close() error   { return nil }
func (l *badListener) Addr() net.Addr { return &net.UnixAddr{Name: "bad", Net: "unix"} }

// TestAcceptErrors checks that a server without file descriptors waits for some.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		begin := time.Now()
		ln := &badListener{fails: 8, err: &net.OpError{Op: "accept", Err: syscall.EMFILE}}
		if err := s.Serve(ln, Postfix{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		// 50, 100, 200, 400, 800 ms, and 1 s from then on.
		if took := time.Since(begin); took != 4550*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := log.count("cannot accept policy connections\" listener=bad error="); n < 2 || n > 5 || log.count("suppressed=") == 0 {
			t.Error(log)
		}
	})
}

// TestShutdownWhileAcceptFails checks that the pause does not delay the end.
func TestShutdownWhileAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := testServer(t, nil)
		served := make(chan error, 1)
		go func() { served <- s.Serve(&badListener{fails: 1 << 30, err: syscall.EMFILE}, Postfix{}) }()
		time.Sleep(time.Minute + 300*time.Millisecond)
		begin := time.Now()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil || time.Since(begin) != 0 {
			t.Errorf("Serve: %v after %v", err, time.Since(begin))
		}
	})
}

// queueListener fails to accept for a while, and then has connections.
type queueListener struct {
	badListener
	conns chan net.Conn
}

func (l *queueListener) Accept() (net.Conn, error) {
	if _, err := l.badListener.Accept(); !errors.Is(err, net.ErrClosed) {
		return nil, err
	}
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// TestAcceptAgain checks that a server goes on after it had no file descriptors,
// and that a short want of them is one line in the log.
func TestAcceptAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		ln := &queueListener{badListener{fails: 4, err: syscall.EMFILE}, make(chan net.Conn)}
		served := make(chan error, 1)
		go func() { served <- s.Serve(ln, Postfix{}) }()
		here, there := net.Pipe()
		ln.conns <- there
		if got := newClient(t, here).ask(ask{"RCPT", "1a.1", "a@b.example", ""}); got != dunno {
			t.Error(got)
		}
		here.Close()
		close(ln.conns)
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if log.count("\n") != 1 || log.count("level=ERROR msg=\"cannot accept policy connections\" listener=bad error=\"too many open files\"") != 1 {
			t.Error(log)
		}
	})
}

// TestLimitOfEachListener fills one listener; the other goes on.
func TestLimitOfEachListener(t *testing.T) {
	s, _, log := testServer(t, func(c *Config) { c.MaxConns = 2 })
	full, served := listen(t, s)
	other, _ := listen(t, s)
	connect(t, full)
	connect(t, full)
	c, err := net.Dial("tcp", full)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	newClient(t, c).closed()
	connect(t, other)
	connect(t, other)
	if log.count("listener="+full+" limit=2") != 1 || log.count("\n") != 1 {
		t.Error(log)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// descriptors counts the open ones of this process.
func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// fallsTo waits until a count is down again.
func fallsTo(t *testing.T, what string, before int, count func() int) {
	t.Helper()
	if !testkit.Await(func() bool { return count() <= before }) {
		t.Errorf("%d %s, %d before", count(), what, before)
	}
}

// TestNothingIsLeft has 1000 idle and 200 busy connections at once. When they are
// gone, so are their goroutines and descriptors.
func TestNothingIsLeft(t *testing.T) {
	const idle, busy, messages = 1000, 200, 10
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	s, _, log := testServer(t, nil)
	s.config.Gate = benchGate{s.config.Gate.(*testGate)}
	address, served := listen(t, s)
	connect(t, address).net.Close() // the poller's own descriptors are open from now on
	settle(t, s, 0)
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	var clients []*client
	for range idle + busy {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, newClient(t, c))
	}
	var wg sync.WaitGroup
	for i, c := range clients[idle:] {
		wg.Go(func() {
			for m := range messages {
				c.send(ask{"RCPT", itoa(i) + "." + itoa(m), "a@odd.example", ""}.String())
				if got := c.reply(); got != "550 5.7.1 not today, id" {
					t.Error(got)
				}
			}
		})
	}
	wg.Wait()
	if n := runtime.NumGoroutine(); n < goroutines+idle+busy {
		t.Errorf("%d goroutines with %d connections", n, idle+busy)
	}
	for _, c := range clients {
		c.net.Close()
	}
	fallsTo(t, "goroutines", goroutines, runtime.NumGoroutine)
	fallsTo(t, "descriptors", open, func() int { return descriptors(t) })
	settle(t, s, 0)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil || log.String() != "" {
		t.Errorf("%v\n%s", err, log)
	}
}
