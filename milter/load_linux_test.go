package milter

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestNoFilesLeft shows that a connection that cannot be accepted for want of
// descriptors is served when there are some again.
func TestNoFilesLeft(t *testing.T) {
	var lines logBuffer
	ln := listenUnix(t)
	s := start(t, Config{Gate: &scriptGate{}, Log: lines.logger()}, ln)
	first := dialTo(t, ln) // whatever that opens is open
	first.negotiate(offer())
	first.conn.Close()
	waitUntil(t, "the first connection is gone", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 0
	})

	next, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	free := next.Fd()
	next.Close()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := syscall.Rlimit{Cur: uint64(free) + 1, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) }
	defer restore()
	w := dialTo(t, ln) // takes the last one
	defer w.conn.Close()
	lines.waitFor(t, "milter: cannot accept connections")
	restore()
	w.negotiate(offer())
	if !strings.Contains(lines.String(), "too many open files") || !strings.Contains(lines.String(), "listener="+ln.Addr().String()) {
		t.Errorf("the log is %q", lines.String())
	}
}
