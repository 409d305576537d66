package daemon

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// TestServiceManager shows what the service manager hears of a daemon's life.
func TestServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	hears := func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := manager.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
			t.Fatal(err)
		}
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	next := func(want ...string) { // signs of life may come in between
		t.Helper()
		for _, w := range want {
			got := hears()
			for got == "WATCHDOG=1" {
				got = hears()
			}
			if !strings.HasPrefix(got, w) {
				t.Errorf("heard %q, want %q", got, w)
			}
		}
	}

	r := start(t, config, ruleTag)
	next("READY=1\nSTATUS=2 rules, enforce = full")
	for range 3 {
		if got := hears(); got != "WATCHDOG=1" {
			t.Errorf("heard %q", got)
		}
	}
	r.reload <- syscall.SIGHUP
	next("RELOADING=1\nMONOTONIC_USEC=", "READY=1\nSTATUS=2 rules, enforce = full")
	r.write("rules.toml", "[[rule]]\n")
	r.reload <- syscall.SIGHUP
	next("RELOADING=1\nMONOTONIC_USEC=", "READY=1\nSTATUS=the latest reload failed, see the log: 2 rules")
	r.cancel()
	next("STOPPING=1\n")
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if strings.Contains(r.out.String(), "met=1") {
		t.Error("signs of life are counted as decisions")
	}
}

// TestNoSignOfLife shows that a policy that cannot decide is no sign of life, and
// does not end the daemon by itself.
func TestNoSignOfLife(t *testing.T) {
	d := &daemon{}
	if err := d.decide(time.Now()); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("without a gate: %v", err)
	}
}

// TestUnreachableManager shows that the daemon runs if the service manager that
// it is told of cannot be reached.
func TestUnreachableManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	r := start(t, config, ruleTag)
	r.wait("msg=systemd error=\"cannot reach the service manager")
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Error(got)
	}
	r.stop()
}

// TestDoor shows that a door lets fresh connections have their answer before its
// server is told that it is closed.
func TestDoor(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := newDoor(inner, "")
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := door.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return <-accepted
	}
	answered, gone, silent := dial(), dial(), dial()
	if _, err := answered.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	long := time.Now().Add(-time.Hour)
	if door.quiet(time.Now()) {
		t.Error("a door that is open is quiet")
	}
	if err := door.Shut(); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, func() bool { return door.quiet(time.Now()) }, "the door is quiet of all that came before now")
	if door.quiet(long) {
		t.Error("a connection without an answer is taken for served")
	}
	if _, err := silent.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if !door.quiet(long) {
		t.Error("a connection with an answer is waited for")
	}
	select {
	case err := <-ended:
		t.Errorf("the server is told too early: %v", err)
	default:
	}
	if err := door.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != net.ErrClosed {
		t.Error(err)
	}
}
