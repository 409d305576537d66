package policyd

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"tlswarden/rules"
)

// brittle is a connection that panics as soon as it is read.
type brittle struct{ net.Conn }

func (brittle) Read([]byte) (int, error) { panic("read panics") }

// brittleListener has one such connection.
type brittleListener struct {
	net.Listener
	first bool
}

func (l *brittleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && !l.first {
		l.first = true
		return brittle{c}, nil
	}
	return c, err
}

// TestPanicWhileReading shows that a panic outside the gate ends its connection
// alone, and is told.
func TestPanicWhileReading(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := New(Config{Gate: echoGate{rules.Accept}, OnFailure: rules.Defer, Log: slog.New(slog.NewTextHandler(&log, nil))})
	done := make(chan error, 1)
	go func() { done <- s.Serve(&brittleListener{Listener: ln}, Postfix{}) }()
	for i, want := range []bool{false, true} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("request=smtpd_access_policy\nprotocol_state=CONNECT\n\n"))
		n, _ := c.Read(make([]byte, 100))
		if (n > 0) != want {
			t.Errorf("connection %d is answered: %v", i, n > 0)
		}
		c.Close()
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "closed after a panic") != 1 || !strings.Contains(got, `panic="read panics" stack=`) {
		t.Errorf("the log is %q", got)
	}
}
