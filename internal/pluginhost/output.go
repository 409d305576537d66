package pluginhost

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// What is taken of a plugin's output.
const (
	maxLine     = 1000             // octets of a line in the log
	linesWindow = 10 * time.Second // of which
	maxLines    = 50               // lines are logged
	bytesASec   = 256 << 10        // octets that are read; the rest waits in the plugin
)

// output takes what one plugin writes, from all of its streams.
type output struct {
	log *slog.Logger // with the plugin's name

	mu      sync.Mutex
	since   time.Time // the window of lines began
	lines   int       // that were let through in it
	left    int       // that were left out
	last    string    // the last line, for errors of a start
	second  time.Time // the window of octets began
	octets  int
	stopped <-chan struct{} // ends all waiting
}

// line logs one line, or counts it as left out.
func (o *output) line(stream string, line []byte) {
	text := strings.ToValidUTF8(strings.TrimRight(string(line), "\r \t"), "?")
	if text == "" {
		return
	}
	o.mu.Lock()
	now := time.Now()
	o.last = text
	left := 0
	if now.Sub(o.since) >= linesWindow {
		left, o.left = o.left, 0
		o.since, o.lines = now, 0
	}
	o.lines++
	through := o.lines <= maxLines
	if !through {
		o.left++
	}
	o.mu.Unlock()
	if left > 0 {
		o.log.Warn("lines of a plugin were left out", "lines", left)
	}
	if through {
		o.log.Info("plugin writes", "stream", stream, "line", text)
	}
}

// lastLine is the last line that was written, however many were left out.
func (o *output) lastLine() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// begin forgets what a former process wrote; done ends the waiting of the new one.
func (o *output) begin(done <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.stopped = "", done
}

// spend waits if more is written than is taken.
func (o *output) spend(n int) {
	o.mu.Lock()
	now := time.Now()
	if now.Sub(o.second) >= time.Second {
		o.second, o.octets = now, 0
	}
	o.octets += n
	wait := time.Duration(0)
	if o.octets > bytesASec {
		wait = time.Until(o.second.Add(time.Second))
	}
	stopped := o.stopped
	o.mu.Unlock()
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stopped:
		}
	}
}

// lineWriter parts a stream into lines. Of a long one the beginning is kept.
type lineWriter struct {
	out    *output
	stream string
	line   []byte
	cut    bool
}

// Write takes a part of the stream; it never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	w.out.spend(n)
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte{'\n'})
		if room := maxLine - len(w.line); len(part) > room {
			part, w.cut = part[:room], true
		}
		w.line = append(w.line, part...)
		if ended {
			w.flush()
		}
		p = rest
	}
	return n, nil
}

// flush logs what there is of a line.
func (w *lineWriter) flush() {
	if w.cut {
		w.line = append(w.line, "..."...)
	}
	w.out.line(w.stream, w.line)
	w.line, w.cut = w.line[:0], false
}

// limited lets one warning of a kind through in 10 seconds.
func limited(ok bool, suppressed int, log *slog.Logger, message string, args ...any) {
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	log.Log(context.Background(), slog.LevelWarn, message, args...)
}
