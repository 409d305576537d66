package daemon

import (
	"errors"
	"fmt"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/testkit"
)

// syslogd is a syslog that comes and goes at a path.
type syslogd struct {
	path string
	got  output
	conn *net.UnixConn
	done chan struct{}
}

func (s *syslogd) dial(p syslog.Priority, tag string) (*syslog.Writer, error) {
	return syslog.Dial("unixgram", s.path, p, tag)
}

func (s *syslogd) start(t *testing.T) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	s.conn, s.done = conn, make(chan struct{})
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for n, err := conn.Read(buf); n > 0 && err == nil; n, err = conn.Read(buf) {
			_, _ = s.got.Write(buf[:n])
		}
	}()
}

// stop takes no more messages, and reads those that were taken already.
func (s *syslogd) stop(t *testing.T) {
	raw, err := s.conn.SyscallConn()
	if err := errors.Join(err, s.conn.CloseRead(), os.Remove(s.path), s.conn.SetReadDeadline(time.Now())); err != nil {
		t.Fatal(err)
	}
	<-s.done
	err = raw.Control(func(fd uintptr) {
		buf := make([]byte, 4096)
		for n, err := syscall.Read(int(fd), buf); n > 0 && err == nil; n, err = syscall.Read(int(fd), buf) {
			_, _ = s.got.Write(buf[:n])
		}
	})
	if err := errors.Join(err, s.conn.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestSyslogLater shows that a log opens without syslog, tells standard error, where
// lines go with their time, and goes to syslog when that is there.
func TestSyslogLater(t *testing.T) {
	for _, c := range []struct {
		format          gate.Format
		line            string
		away, aside     string // on standard error
		back, delivered string // in syslog
	}{
		{gate.Logfmt, "msg=decision id=%d\n",
			`^time=\S+ level=ERROR msg="syslog takes no lines: they go to standard error until it does" error=".+"\n`, `(?m)^time=\S+ msg=decision id=1$`,
			`<20>.*: level=ERROR msg="syslog is back: what it did not take went to standard error" lines=2\n`, `<22>.*: msg=decision id=3\n`},
		{gate.JSON, `{"time":"now","id":%d}` + "\n",
			`^\{"time":"[^"]+","level":"ERROR","msg":"syslog takes no lines: they go to standard error until it does","error":".+"\}\n`, `(?m)^\{"time":"now","id":1\}$`,
			`<20>.*: \{"level":"ERROR","msg":"syslog is back: what it did not take went to standard error","lines":2\}\n`, `<22>.*: \{"time":"now","id":3\}\n`},
	} {
		s := syslogd{path: filepath.Join(t.TempDir(), "log")}
		var stderr output
		has := func(o *output, pattern string) {
			t.Helper()
			re := regexp.MustCompile(pattern)
			testkit.Until(t, func() bool { return re.MatchString(o.String()) }, "no %s in the log", pattern)
		}
		l := openLogs(LogConfig{Syslog: true, Format: c.format}, &stderr, s.dial)
		has(&stderr, c.away) // without a line
		l.decisions.Add(fmt.Appendf(nil, c.line, 1))
		has(&stderr, c.aside)
		l.log.Warn("odd")
		has(&stderr, `odd`)
		s.start(t)
		l.decisions.Add(fmt.Appendf(nil, c.line, 3))
		has(&s.got, c.delivered)
		has(&s.got, c.back)
		l.close(func() {})
		s.stop(t)
		if said := stderr.String(); strings.Count(said, "takes no lines") != 1 || strings.Count(said, "is back") != 1 || strings.Count(said, "\n") != 4 {
			t.Errorf("standard error has %s", said)
		}
	}
}

// TestSyslogRestarts shows that each line is in syslog or on standard error, once,
// however often syslog goes, and that syslog is told how many it lacks.
func TestSyslogRestarts(t *testing.T) {
	s := syslogd{path: filepath.Join(t.TempDir(), "log")}
	var stderr output
	s.start(t)
	l := openLogs(LogConfig{Syslog: true}, &stderr, s.dial)
	sent := 0
	add := func() { l.decisions.Add(fmt.Appendf(nil, "id=%d.\n", sent)); sent++ }
	// under adds lines until the condition holds.
	under := func(holds func() bool) {
		testkit.Until(t, func() bool {
			for range 10 {
				add()
			}
			return holds()
		}, "under load it never comes, after %d lines", sent)
	}
	for i := range 3 {
		before := len(s.got.String())
		under(func() bool { return len(s.got.String()) > before })
		s.stop(t)
		under(func() bool { return strings.Count(stderr.String(), "takes no lines") > i })
		s.start(t)
		under(func() bool { return strings.Count(s.got.String(), "is back") > i })
	}
	l.close(func() {})
	s.stop(t)
	both := s.got.String() + stderr.String()
	for i := range sent {
		if n := strings.Count(both, fmt.Sprintf("id=%d.", i)); n != 1 {
			t.Fatalf("line %d of %d is in the logs %d times", i, sent, n)
		}
	}
	told := 0
	for _, m := range regexp.MustCompile(`lines=(\d+)`).FindAllStringSubmatch(s.got.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		told += n
	}
	if aside := strings.Count(stderr.String(), "id="); told != aside || aside == 0 {
		t.Errorf("syslog was told of %d lines that it lacks, and standard error has %d", told, aside)
	}
}

// nobody is a standard error that takes nothing.
type nobody struct{}

func (nobody) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

// TestSyslogNowhere shows that lines that nothing takes are counted as lost.
func TestSyslogNowhere(t *testing.T) {
	s := syslogd{path: filepath.Join(t.TempDir(), "log")}
	l := openLogs(LogConfig{Syslog: true}, nobody{}, s.dial)
	_, err := syslogLines{l.closer.(*syslogLog), (*syslog.Writer).Info}.Write([]byte("one\ntwo\n"))
	var lost gate.LostLines
	if !errors.As(err, &lost) || lost != 2 {
		t.Errorf("error %v, want two lines lost", err)
	}
	l.close(func() {})
}
