package mtatest

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// serve answers each connection to a port of its own with handle, until the test ends.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go handle(conn)
		}
	}()
	return listener.Addr().String()
}

// echo answers each line with its own name and the line.
func echo(name string) func(net.Conn) {
	return func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			if lines.Text() == "bye" {
				break
			}
			fmt.Fprintf(conn, "%s %s\n", name, lines.Text())
		}
		_ = conn.Close()
	}
}

// ask sends a line and returns the answer, "" if the connection is closed.
func ask(t *testing.T, conn net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return ""
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil && err != io.EOF {
		return ""
	}
	return strings.TrimSpace(answer)
}

func TestForwarder(t *testing.T) {
	forwarder, err := StartForwarder()
	if err != nil {
		t.Fatal(err)
	}
	defer forwarder.Stop()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", forwarder.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	if got := ask(t, dial(), "1"); got != "" {
		t.Errorf("without a daemon: %q", got)
	}
	forwarder.SetBackend(serve(t, echo("first")))
	kept := dial()
	if got := ask(t, kept, "2"); got != "first 2" {
		t.Errorf("from the first daemon: %q", got)
	}
	forwarder.SetBackend(serve(t, echo("second")))
	if got := ask(t, kept, "3"); got != "second 3" {
		t.Errorf("from the second daemon, on the connection kept: %q", got)
	}
	if got := ask(t, dial(), "4"); got != "second 4" {
		t.Errorf("from the second daemon: %q", got)
	}
	if got := ask(t, kept, "bye"); got != "" {
		t.Errorf("the daemon closed, but: %q", got)
	}
}

func TestAuthReply(t *testing.T) {
	plain := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	tests := map[string]struct{ line, want string }{
		"version":   {"VERSION\t1\t0", ""},
		"right":     {"AUTH\t7\tPLAIN\tservice=smtp\tresp=" + plain("\x00alice\x00secret"), "OK\t7\tuser=alice\n"},
		"wrong":     {"AUTH\t8\tPLAIN\tservice=smtp\tresp=" + plain("\x00alice\x00Secret"), "FAIL\t8\treason=wrong user or password\n"},
		"injection": {"AUTH\t8\tPLAIN\tresp=" + plain("\x00a\nOK\t9\x00secret"), "FAIL\t8\treason=wrong user or password\n"},
		"mechanism": {"AUTH\t9\tLOGIN\tresp=" + plain("\x00alice\x00secret"), "FAIL\t9\treason=wrong user or password\n"},
		"no base64": {"AUTH\t9\tPLAIN\tresp=***", "FAIL\t9\treason=wrong user or password\n"},
		"no reply":  {"AUTH\t9\tPLAIN", "FAIL\t9\treason=wrong user or password\n"},
		"short":     {"AUTH\t9", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := authReply(test.line); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// say is a server that says text and closes.
func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

func TestClientReply(t *testing.T) {
	tests := map[string]struct {
		text  string
		want  Reply
		error string
	}{
		"one line":   {"220 mx ready\r\n", Reply{220, "", "mx ready"}, ""},
		"status":     {"530 5.7.0 no\r\n", Reply{530, "5.7.0", "no"}, ""},
		"lines":      {"554-5.7.0 a\r\n554 5.7.0 b\r\n", Reply{554, "5.7.0", "a\nb"}, ""},
		"code alone": {"250\r\n", Reply{250, "", ""}, ""},
		"no status":  {"250 2.0.0x\r\n", Reply{250, "", "2.0.0x"}, ""},
		"closed":     {"", Reply{}, ""},
		"half":       {"250-a\r\n", Reply{}, `read reply after "": EOF`},
		"no reply":   {"hello\r\n", Reply{}, `not a reply: "hello"`},
		"endless":    {strings.Repeat("250-a\r\n", 200), Reply{}, "reply of more than 100 lines"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := Dial(context.Background(), serve(t, say(test.text)), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			got, err := client.Greeting()
			if got != test.want || (err == nil) != (test.error == "") || err != nil && err.Error() != test.error {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
