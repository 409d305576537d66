package daemon

import (
	"bytes"
	"log/slog"
	"log/syslog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/testkit"
)

// TestSyslog shows that each line is a message of its own, with facility mail,
// its own priority, and without a time.
func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	ln, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dial := func(p syslog.Priority, tag string) (*syslog.Writer, error) {
		return syslog.Dial("unixgram", path, p, tag)
	}
	l := openLogs(LogConfig{Syslog: true}, nil, dial)
	if l.format != gate.LogfmtBare {
		t.Errorf("decisions have the format %d", l.format)
	}
	l.decisions.Add([]byte("msg=decision id=1\n"))
	l.decisions.Add([]byte("msg=decision id=2\n"))
	l.close(func() {
		l.log.Info("ready")
		l.log.Warn("odd")
		l.log.Error("bad", "level", "INFO")
	})
	// The priority is facility 2 (mail) times 8 plus the severity, RFC 3164 section 4.1.1.
	for _, want := range []struct{ priority, text string }{
		{"<22>", "msg=decision id=1\n"}, {"<22>", "msg=decision id=2\n"},
		{"<22>", "level=INFO msg=ready\n"}, {"<20>", "level=WARN msg=odd\n"}, {"<19>", "level=ERROR msg=bad level=INFO\n"},
	} {
		buf := make([]byte, 1024)
		if err := ln.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
			t.Fatal(err)
		}
		n, _, err := ln.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(buf[:n]); !strings.HasPrefix(got, want.priority) || !strings.HasSuffix(got, ": "+want.text) || !strings.Contains(got, " tlswarden[") {
			t.Errorf("message %q, want %s ... %q", got, want.priority, want.text)
		}
	}
}

// TestJSON shows that the daemon's own lines have the format of the decisions.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	l := openLogs(LogConfig{Format: gate.JSON, Level: slog.LevelWarn}, &out, syslog.New)
	l.log.Info("not shown")
	l.log.Warn("shown")
	l.close(func() {})
	if got := out.String(); !strings.HasPrefix(got, `{"time":"`) || !strings.HasSuffix(got, `"level":"WARN","msg":"shown"}`+"\n") || strings.Contains(got, "not shown") {
		t.Errorf("the log is %q", got)
	}
}
