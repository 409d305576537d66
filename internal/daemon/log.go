package daemon

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"

	"tlswarden/internal/gate"
)

// logs are the two ways in which the daemon logs: its own lines, and decisions.
// Both are written in the background, so that a log that takes nothing cannot
// stop the mail.
type logs struct {
	log       *slog.Logger
	own       *gate.Batch
	decisions *gate.Batch
	format    gate.Format
	closer    io.Closer
}

// dialSyslog connects to syslog, as syslog.New does.
type dialSyslog func(syslog.Priority, string) (*syslog.Writer, error)

func openLogs(c LogConfig, stderr io.Writer, dial dialSyslog) (*logs, error) {
	l := &logs{format: c.Format}
	out := stderr
	options := &slog.HandlerOptions{Level: c.Level}
	var own io.Writer = stderr
	if c.Syslog {
		w, err := dial(syslog.LOG_MAIL|syslog.LOG_INFO, "tlswarden")
		if err != nil {
			return nil, fmt.Errorf("cannot log to syslog: %w", err)
		}
		l.closer = w
		out = syslogLines{w.Info}
		own = syslogLevels{w}
		options.ReplaceAttr = dropTime
		if l.format == gate.Logfmt {
			l.format = gate.LogfmtBare
		}
	}
	newHandler := func(w io.Writer) slog.Handler {
		if c.Format == gate.JSON {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	lost := func(lines uint64) []byte {
		var b bytes.Buffer
		slog.New(newHandler(&b)).Warn("lines of the log are lost: it was too slow, or could not be written", "lines", lines)
		return b.Bytes()
	}
	l.own = gate.NewBatch(own, lost)
	l.log = slog.New(newHandler(l.own))
	l.decisions = gate.NewBatch(out, lost)
	return l, nil
}

// close writes what is pending: decisions first, then what the daemon itself has
// to say, to which the given lines are added in between.
func (l *logs) close(last func()) {
	if err := l.decisions.Close(); err != nil {
		l.log.Warn("decisions were lost", "error", err)
	}
	last()
	_ = l.own.Close() // there is nobody left to tell
	if l.closer != nil {
		go l.closer.Close() // which waits for a write that syslogd does not take
	}
}

// dropTime leaves the time to syslog.
func dropTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// syslogLines sends each line of a batch as a message of its own.
type syslogLines struct{ send func(string) error }

func (s syslogLines) Write(p []byte) (int, error) {
	return eachLine(p, func(line []byte) error { return s.send(string(bytes.TrimSuffix(line, []byte{'\n'}))) })
}

// eachLine sends lines one by one, and counts those that could not be sent.
func eachLine(p []byte, send func([]byte) error) (int, error) {
	lost := 0
	for line := range bytes.Lines(p) {
		if send(line) != nil {
			lost++
		}
	}
	if lost > 0 {
		return len(p), gate.LostLines(lost)
	}
	return len(p), nil
}

// syslogLevels sends the lines of slog with the priority that their level asks
// for.
type syslogLevels struct{ w *syslog.Writer }

func (s syslogLevels) Write(p []byte) (int, error) { return eachLine(p, s.line) }

func (s syslogLevels) line(p []byte) error {
	send := s.w.Info
	switch { // the level is the first attribute, as the time is left out
	case bytes.HasPrefix(p, []byte("level=ERROR ")), bytes.HasPrefix(p, []byte(`{"level":"ERROR"`)):
		send = s.w.Err
	case bytes.HasPrefix(p, []byte("level=WARN ")), bytes.HasPrefix(p, []byte(`{"level":"WARN"`)):
		send = s.w.Warning
	}
	return send(string(bytes.TrimSuffix(p, []byte{'\n'})))
}
