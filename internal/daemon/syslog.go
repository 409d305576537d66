package daemon

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"strings"
	"sync"
	"time"

	"tlswarden/internal/gate"
)

// syslogLog sends lines to syslog, and to standard error what syslog does not take:
// it may be down at the start, and restart at any time. Who opens it waits for
// nothing. Each batch of lines tries anew, until syslog is back, which is then told
// how many lines it lacks.
type syslogLog struct {
	dial       dialSyslog
	stderr     io.Writer
	newHandler func(io.Writer) slog.Handler

	mu     sync.Mutex
	w      *syslog.Writer // which connects again by itself; nil until it did once
	down   bool           // the latest line could not be sent, and standard error was told
	missed int            // lines that went to standard error since then
}

// open connects, so that standard error is told at the start if that fails.
func (s *syslogLog) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.connect(); err != nil {
		s.away(err)
	}
}

func (s *syslogLog) connect() (err error) {
	if s.w == nil {
		s.w, err = s.dial(syslog.LOG_MAIL|syslog.LOG_INFO, "tlswarden")
	}
	return err
}

// Close closes the connection. It waits for a write that syslogd does not take.
func (s *syslogLog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return nil
	}
	return s.w.Close()
}

// send sends a line, and before it, if syslog was away, how many it lacks.
func (s *syslogLog) send(line []byte, as priority) error {
	if err := s.connect(); err != nil {
		return err
	}
	if s.down {
		back := s.render("syslog is back: what it did not take went to standard error", slog.Int("lines", s.missed))
		if err := s.w.Warning(text(back)); err != nil {
			return err
		}
		_, _ = s.stderr.Write(stamped(back)) // what was lost there is counted already
		s.down, s.missed = false, 0
	}
	return as(s.w, text(line))
}

// away tells standard error, once, that syslog does not take lines.
func (s *syslogLog) away(err error) {
	if s.down {
		return
	}
	s.down = true
	_, _ = s.stderr.Write(stamped(s.render("syslog takes no lines: they go to standard error until it does", slog.Any("error", err))))
}

func (s *syslogLog) render(msg string, attr slog.Attr) []byte {
	var b bytes.Buffer
	slog.New(s.newHandler(&b)).Error(msg, attr) // an error, so that no level hides it
	return b.Bytes()
}

// priority sends a line with one of syslog's priorities.
type priority func(w *syslog.Writer, line string) error

// syslogLines sends each line of a batch as a message of its own.
type syslogLines struct {
	*syslogLog
	as priority
}

// Write sends lines until one is not taken; that one, and those after it, go to
// standard error. Lines that are not taken there either are lost.
func (s syslogLines) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	lost := 0
	for line := range bytes.Lines(p) {
		if err == nil {
			if err = s.send(line, s.as); err == nil {
				continue
			}
			s.away(err)
		}
		s.missed++
		if _, failed := s.stderr.Write(stamped(line)); failed != nil {
			lost++
		}
	}
	if lost > 0 {
		return len(p), gate.LostLines(lost)
	}
	return len(p), nil
}

// byLevel sends a line of slog with the priority that its level asks for.
func byLevel(w *syslog.Writer, line string) error {
	switch { // the level is the first attribute, as the time is left out
	case strings.HasPrefix(line, "level=ERROR "), strings.HasPrefix(line, `{"level":"ERROR"`):
		return w.Err(line)
	case strings.HasPrefix(line, "level=WARN "), strings.HasPrefix(line, `{"level":"WARN"`):
		return w.Warning(line)
	}
	return w.Info(line)
}

func text(line []byte) string { return string(bytes.TrimSuffix(line, []byte{'\n'})) }

// stamped is a line with the time, which is left to syslog otherwise.
func stamped(line []byte) []byte {
	now := time.Now().Format("2006-01-02T15:04:05.000Z07:00")
	switch {
	case bytes.HasPrefix(line, []byte(`{"time":`)):
		return line
	case bytes.HasPrefix(line, []byte("{")):
		return fmt.Appendf(nil, `{"time":%q,%s`, now, line[1:])
	}
	return fmt.Appendf(nil, "time=%s %s", now, line)
}
