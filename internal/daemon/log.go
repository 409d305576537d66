package daemon

import (
	"bytes"
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

func openLogs(c LogConfig, stderr io.Writer, dial dialSyslog) *logs {
	l := &logs{format: c.Format}
	out := stderr
	options := &slog.HandlerOptions{Level: c.Level}
	var own io.Writer = stderr
	if c.Syslog {
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
	if c.Syslog {
		s := &syslogLog{dial: dial, stderr: stderr, newHandler: newHandler}
		l.closer = s
		out = syslogLines{s, (*syslog.Writer).Info}
		own = syslogLines{s, byLevel}
		go s.open() // now, so that standard error tells at the start that it is not there
	}
	lost := func(lines uint64) []byte {
		var b bytes.Buffer
		slog.New(newHandler(&b)).Warn("lines of the log are lost: it was too slow, or could not be written", "lines", lines)
		return b.Bytes()
	}
	l.own = gate.NewBatch(own, lost)
	l.log = slog.New(newHandler(l.own))
	l.decisions = gate.NewBatch(out, lost)
	return l
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
