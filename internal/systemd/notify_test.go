package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// manager is the service manager's end.
type manager struct {
	t    *testing.T
	path string
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	m.listen()
	return m
}

func (m *manager) listen() {
	m.t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		m.t.Fatal(err)
	}
	m.conn = conn
	m.t.Cleanup(func() { conn.Close() })
}

func (m *manager) hears() string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		m.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buf[:n])
}

func TestNotifier(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	n, err := NewNotifier()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if v, ok := os.LookupEnv(name); ok {
			t.Errorf("%s=%s is still there", name, v)
		}
	}
	if n.Every() != 1500*time.Millisecond {
		t.Errorf("a sign of life every %v", n.Every())
	}
	for _, step := range []struct {
		send func() error
		want string
	}{
		{func() error { return n.Ready("3 rules\nMAINPID=1") }, `READY=1\nSTATUS=3 rules MAINPID=1`},
		{n.Reloading, `RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*`},
		{n.Alive, `WATCHDOG=1`},
		{func() error { return n.Stopping("bye") }, `STOPPING=1\nSTATUS=bye`},
	} {
		if err := step.send(); err != nil {
			t.Fatal(err)
		}
		if got := m.hears(); !regexp.MustCompile("^" + step.want + "$").MatchString(got) {
			t.Errorf("heard %q, want %s", got, step.want)
		}
	}

	// The manager makes its socket anew.
	m.conn.Close()
	if err := n.Alive(); err == nil || !strings.Contains(err.Error(), "cannot tell the service manager") {
		t.Errorf("nobody listens: %v", err)
	}
	if err := os.Remove(m.path); err != nil {
		t.Fatal(err)
	}
	m.listen()
	if err := n.Alive(); err != nil {
		t.Error(err)
	}
	if got := m.hears(); got != "WATCHDOG=1" {
		t.Errorf("heard %q", got)
	}
}

// TestWatchdogOfAnother shows that the watchdog of another process is not ours.
func TestWatchdogOfAnother(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", "1")
	n, err := NewNotifier()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if n.Every() != 0 {
		t.Errorf("a sign of life every %v", n.Every())
	}
}

func TestNobodyToNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := NewNotifier()
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	for _, err := range []error{n.Ready(""), n.Reloading(), n.Alive(), n.Stopping(""), n.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if n.Every() != 0 {
		t.Error(n.Every())
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if n, err := NewNotifier(); n != nil || err == nil {
		t.Errorf("%v %v", n, err)
	}
	t.Setenv("NOTIFY_SOCKET", newManager(t).path)
	t.Setenv("WATCHDOG_USEC", "soon")
	if n, err := NewNotifier(); n != nil || err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Errorf("%v %v", n, err)
	}
}
