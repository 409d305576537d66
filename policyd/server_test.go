package policyd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnreadable sends what is no request: the connection is closed without a
// reply, and the reason logged.
func TestUnreadable(t *testing.T) {
	good := ask{"RCPT", "1a.1", "a@b.example", ""}.String()
	long := strings.Repeat("a", maxRequest)
	cases := []struct {
		name, text string
		want       string
	}{
		{"CR LF", strings.ReplaceAll(good, "\n", "\r\n"), "the line ends in CR LF"},
		{"CR LF in one line", strings.Replace(good, "\ninstance", "\r\ninstance", 1), "line 2: the line ends in CR LF"},
		{"another protocol", "GET / HTTP/1.1\r\n", "the line ends in CR LF"},
		{"an empty request", "\n", errNotAPolicyRequest.Error()},
		{"another attribute first", "sender=a\n\n", errNotAPolicyRequest.Error()},
		{"no equals sign", first + "sender\n\n", "line 2: not of the form name=value"},
		{"NUL", first + "sender=\x00\n\n", errNUL.Error()},
		{"two values", first + "sender=a\nsender=b\n\n", "line 3: the attribute has two values"},
		{"too long a line", first + "a=" + long[:maxLine] + "\n\n", "line 2: longer than 16384 bytes"},
		{"too many attributes", first + strings.Repeat("a=b\n", maxAttributes) + "\n", errManyAttributes.Error()},
		{"too long a request", first + "a=" + long, errLongRequest.Error()},
		{"too long by its end", first + strings.Repeat("a="+long[:1021]+"\n", 64)[:maxRequest-len(first)-1] + "\n\n", errLongRequest.Error()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, g, log := testServer(t, nil)
			cl := dial(t, s)
			if got := cl.ask(ask{"RCPT", "1a.1", "a@b.example", ""}); got != dunno {
				t.Fatal(got)
			}
			go io.WriteString(cl.net, c.text)
			cl.closed()
			settle(t, s, 0)
			if log.count(c.want) != 1 || log.count("level=WARN msg=\"policy connection closed without a reply\" peer=pipe error=") != 1 {
				t.Errorf("want once %q, the log is\n%s", c.want, log)
			}
			if got := strings.Join(g.take(), "; "); got != `begin 1; decide 1 a@b.example pid=26` {
				t.Errorf("the gate saw %s", got)
			}
		})
	}
}

// TestCarriageReturnAlone sends a request with CR LF in the smallest pieces.
func TestCarriageReturnAlone(t *testing.T) {
	s, _, log := testServer(t, nil)
	c := dial(t, s)
	for _, b := range strings.TrimSuffix(first, "\n") + "\r\n" {
		c.send(string(b))
	}
	c.closed()
	settle(t, s, 0)
	if log.count(errCarriageReturn.Error()) != 1 {
		t.Error(log)
	}
}

// TestBufferIsGivenBack checks what a connection keeps after a large request.
func TestBufferIsGivenBack(t *testing.T) {
	large, small := first+strings.Repeat("a="+strings.Repeat("b", 998)+"\n", 20)+"\n", first+"\n"
	f := framer{conn: &memoryConn{in: []byte(large + small + small), piece: len(large)}}
	var r request
	for i, want := range []int{len(large), len(small), len(small)} {
		text, err := f.next(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		n, err := r.read(text)
		if err != nil || n != want {
			t.Fatalf("request %d has %d bytes, %v", i, n, err)
		}
		f.took(n)
	}
	if _, err := f.next(time.Now()); err != io.EOF || len(f.buf) != smallBuffer {
		t.Errorf("the buffer has %d bytes", len(f.buf))
	}
}

// TestLongest sends a request that is as long as one may be.
func TestLongest(t *testing.T) {
	s, _, log := testServer(t, nil)
	c := dial(t, s)
	text := strings.TrimSuffix(ask{"RCPT", "1a.1", "a@defer.example", ""}.String(), "\n")
	for len(text) < maxRequest-1 {
		n := min(10000, maxRequest-1-len(text))
		if rest := maxRequest - 1 - len(text) - n; rest > 0 && rest < 3 {
			n -= 3
		}
		text += "x=" + strings.Repeat("a", n-3) + "\n"
	}
	go io.WriteString(c.net, text+"\n"+ask{"RCPT", "1a.1", "a@odd.example", ""}.String())
	for _, want := range []string{"451 4.7.0 not today, id1", "550 5.7.1 not today, id1"} {
		if got := c.reply(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if log.String() != "" {
		t.Error(log)
	}
}

// TestLimitedLog checks that bad input does not fill the log.
func TestLimitedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		for range 100 {
			c := dial(t, s)
			c.send("\n")
			c.closed()
		}
		time.Sleep(time.Second)
		c := dial(t, s)
		c.send("\n")
		c.closed()
		synctest.Wait()
		if log.count("\n") != 2 || log.count("suppressed=99") != 1 {
			t.Error(log)
		}
	})
}

// TestSlowClient sends a request byte by byte: it has the time from the first
// byte on, whenever the others come.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		c := dial(t, s)
		time.Sleep(19 * time.Minute)
		text := ask{"RCPT", "1a.1", "a@b.example", ""}.String()
		begin := time.Now()
		for i := range len(text) {
			if _, err := io.WriteString(c.net, text[i:i+1]); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(begin); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("closed after %v", took)
		}
		c.closed()
		synctest.Wait()
		if log.count(errSlow.Error()) != 1 {
			t.Error(log)
		}
	})
}

// TestSlowButInTime is the same within the time, several times over.
func TestSlowButInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		c := dial(t, s)
		text := ask{"RCPT", "1a.1", "a@b.example", ""}.String()
		for range 3 {
			for part := range strings.Lines(text) {
				c.send(part)
				time.Sleep(time.Second)
			}
			if got := c.reply(); got != dunno {
				t.Error(got)
			}
			time.Sleep(19 * time.Minute)
		}
		if log.String() != "" {
			t.Error(log)
		}
	})
}

// TestSlowSecondRequest sends one request and the beginning of another at once.
func TestSlowSecondRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		c := dial(t, s)
		go io.WriteString(c.net, ask{"RCPT", "1a.1", "a@b.example", ""}.String()+"request=")
		if got := c.reply(); got != dunno {
			t.Error(got)
		}
		begin := time.Now()
		c.closed()
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("closed after %v", took)
		}
		synctest.Wait()
		if log.count(errSlow.Error()) != 1 {
			t.Error(log)
		}
	})
}

// TestSilentClient checks that Postfix, which closes after 1000 s at the latest,
// closes first, and that others are not kept for ever. Neither is logged.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		c := dial(t, s)
		begin := time.Now()
		c.closed()
		if took := time.Since(begin); took != 20*time.Minute {
			t.Errorf("closed after %v", took)
		}
		gone := dial(t, s)
		gone.net.Close()
		synctest.Wait()
		if log.String() != "" || len(s.conns) != 0 {
			t.Error(log)
		}
	})
}

// TestHalfRequest ends the connection within a request.
func TestHalfRequest(t *testing.T) {
	s, g, log := testServer(t, nil)
	c := dial(t, s)
	text := ask{"RCPT", "1a.1", "a@b.example", ""}.String()
	c.send(text[:len(text)-1])
	c.net.Close()
	settle(t, s, 0)
	if log.count(errCutOff.Error()) != 1 || g.opened != 0 {
		t.Error(log)
	}
}

// TestDeafClient does not read its reply.
func TestDeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, log := testServer(t, nil)
		c := dial(t, s)
		c.send(ask{"RCPT", "1a.1", "a@b.example", ""}.String())
		time.Sleep(11 * time.Second)
		c.closed()
		synctest.Wait()
		if log.count("policy connection closed without a reply") != 1 || len(s.conns) != 0 {
			t.Error(log)
		}
	})
}

// TestAskedEarlyOnly checks the warning for a service in the wrong place.
func TestAskedEarlyOnly(t *testing.T) {
	const text = "policy service is only asked before RCPT: put check_policy_service into smtpd_recipient_restrictions (or set smtpd_delay_reject = yes)"
	cases := []struct {
		states []string
		warned int
	}{
		{[]string{"CONNECT"}, 1},
		{[]string{"CONNECT", "EHLO", "HELO", "MAIL"}, 1},
		{[]string{"CONNECT", "RCPT"}, 0},
		{[]string{"MAIL", "DATA"}, 0},
		{[]string{"MAIL", "END-OF-MESSAGE"}, 0},
		{[]string{"VRFY", "ETRN", "NEW"}, 0},
	}
	for _, c := range cases {
		s, _, log := testServer(t, nil)
		cl := dial(t, s)
		for i := range 3 * manyEarly {
			cl.ask(ask{c.states[i%len(c.states)], "", "a@b.example", ""})
			if i < manyEarly-1 && log.String() != "" {
				t.Fatalf("%v: %d requests: %s", c.states, i+1, log)
			}
		}
		if log.count(text) != c.warned || log.count("\n") != c.warned {
			t.Errorf("%v: want %d warnings, the log is\n%s", c.states, c.warned, log)
		}
	}
}

// TestNoTLSAttributes checks the warning for a Postfix that does not tell.
func TestNoTLSAttributes(t *testing.T) {
	s, _, log := testServer(t, nil)
	c := dial(t, s)
	text := first + "protocol_state=%s\ninstance=1a.1\nrecipient=a@b.example\n\n"
	c.send(strings.Replace(text, "%s", "CONNECT", 1))
	if c.reply() != dunno || log.String() != "" {
		t.Error(log)
	}
	for range 3 {
		c.send(strings.Replace(text, "%s", "RCPT", 1))
		// Nothing is known: a requirement defers at most.
		if got := c.reply(); !strings.HasPrefix(got, "451 4.7.0 ") {
			t.Error(got)
		}
	}
	if log.count("level=WARN msg=\"policy requests come without encryption_protocol: ") != 1 || log.count("\n") != 1 {
		t.Error(log)
	}
}

// listen serves on a loopback port until the test ends, and returns the port's
// address and what Serve returns.
func listen(t testing.TB, s *Server) (string, chan error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, Postfix{}) }()
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String(), served
}

func TestConnectionLimit(t *testing.T) {
	s, _, log := testServer(t, func(c *Config) { c.MaxConns = 2 })
	clients := []*client{dial(t, s), dial(t, s)}
	for range 3 {
		dial(t, s).closed()
	}
	for _, c := range clients {
		if got := c.ask(ask{"RCPT", "1a.1", "a@b.example", ""}); got != dunno {
			t.Error(got)
		}
	}
	if log.count("too many policy connections, closed one\" listener=pipes limit=2") != 1 || log.count("\n") != 1 {
		t.Error(log)
	}
	clients[0].net.Close()
	settle(t, s, 1)
	if got := dial(t, s).ask(ask{"RCPT", "1a.1", "a@b.example", ""}); got != dunno {
		t.Error(got)
	}
}

// TestShutdown stops a server while one connection waits for its reply, one is
// idle, and one has sent half a request.
func TestShutdown(t *testing.T) {
	s, g, log := testServer(t, nil)
	address, served := listen(t, s)
	g.block, g.begun = make(chan struct{}), make(chan struct{}, 1)
	idle, half, working := connect(t, address), connect(t, address), connect(t, address)
	half.send("request=")
	working.send(ask{"RCPT", "1a.1", "a@tag.example", ""}.String())
	<-g.begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	idle.closed()
	half.closed()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(g.block)
	if got := working.reply(); !strings.HasPrefix(got, "PREPEND ") {
		t.Error(got)
	}
	working.closed()
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if got := strings.Join(g.take(), "; "); got != `begin 1; decide 1 a@tag.example pid=26; end 1 ""; close 1` {
		t.Errorf("the gate saw %s", got)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Errorf("Shutdown again: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln, Postfix{}); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) || log.String() != "" {
		t.Errorf("the listener is open after Shutdown: %v\n%s", err, log)
	}
}

// TestShutdownEndsAll checks that instances of a proxy for several processes are
// ended, too.
func TestShutdownEndsAll(t *testing.T) {
	s, g, _ := testServer(t, nil)
	c := dial(t, s)
	for i := range 5 {
		c.ask(ask{"RCPT", itoa(i) + ".1", "a@reject.example", ""})
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.Join(g.take(), "\n"), "close"); n != 5 {
		t.Errorf("%d closed, want 5", n)
	}
}

// TestShutdownInHaste ends a server whose gate does not answer.
func TestShutdownInHaste(t *testing.T) {
	s, g, _ := testServer(t, nil)
	g.block, g.begun = make(chan struct{}), make(chan struct{}, 1)
	c := dial(t, s)
	c.send(ask{"RCPT", "1a.1", "a@b.example", ""}.String())
	<-g.begun
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	c.closed()
	close(g.block)
	settle(t, s, 0)
}

func connect(t testing.TB, address string) *client {
	here, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close() })
	c := newClient(t, here)
	if got := c.ask(ask{"CONNECT", "", "", ""}); got != dunno {
		t.Fatal(got)
	}
	return c
}

// TestManyConnections has many connections ask at once, for the race detector.
func TestManyConnections(t *testing.T) {
	s, g, log := testServer(t, nil)
	s.instances = newInstances(4) // so that some are evicted in use
	address, served := listen(t, s)
	const connections, messages = 16, 30
	var wg sync.WaitGroup
	for i := range connections {
		c := connect(t, address)
		wg.Go(func() {
			for m := range messages {
				instance := itoa(i/2) + "." + itoa(m) // two connections share each
				c.send(ask{"RCPT", instance, "a@b.example", ""}.String())
				c.send(ask{"RCPT", instance, "a@odd.example", ""}.String())
				if got := c.reply(); got != dunno {
					t.Error(got)
				}
				if got := c.reply(); !strings.HasPrefix(got, "550 5.7.1 not today") {
					t.Error(got)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	events := strings.Join(g.take(), "\n") + "\n"
	if strings.Contains(events, "TWICE") || strings.Contains(events, "AFTER") || log.String() != "" {
		t.Errorf("%s\n%s", events, log)
	}
	if b, c := strings.Count(events, "begin"), strings.Count(events, "close"); b != c || b != g.opened {
		t.Errorf("%d opened, %d begun, %d closed", g.opened, b, c)
	}
}
