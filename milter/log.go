package milter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"tlswarden/internal/ratelimit"
)

// logs writes what a server has to say. Lines that an MTA or a client can cause
// come at most once a second of each kind.
type logs struct {
	out      *slog.Logger
	input    *ratelimit.Limiter // bad input
	gate     *ratelimit.Limiter // no verdict
	panics   *ratelimit.Limiter
	accept   *ratelimit.Limiter // connections that cannot be accepted
	warnings [warningCount]atomic.Bool
}

func newLogs(out *slog.Logger) *logs {
	return &logs{
		out:    out,
		input:  ratelimit.New(time.Second),
		gate:   ratelimit.New(time.Second),
		panics: ratelimit.New(time.Second),
		accept: ratelimit.New(time.Second),
	}
}

// limited writes a line unless one of its kind was written just now.
func (l *logs) limited(by *ratelimit.Limiter, now time.Time, level slog.Level, msg string, args ...any) {
	ok, suppressed := by.Allow(now)
	if !ok {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	l.out.Log(context.Background(), level, msg, args...)
}

// refused says why a connection was closed, if it was for a fault.
func (l *logs) refused(now time.Time, c net.Conn, err error) {
	var why fault
	if errors.As(err, &why) {
		l.limited(l.input, now, slog.LevelWarn, "milter: connection closed", "mta", c.RemoteAddr(), "error", why)
	}
}

// failed says why no verdict could be made.
func (l *logs) failed(now time.Time, err error) {
	l.limited(l.gate, now, slog.LevelError, "milter: no verdict, on_failure answers", "error", err)
}

// panicked reports a panic.
func (l *logs) panicked(msg, call string, v any, stack []byte) {
	l.limited(l.panics, time.Now(), slog.LevelError, msg,
		"call", call, "panic", fmt.Sprint(v), "stack", string(stack))
}

// warning is something about the MTA's configuration that one line is enough for.
type warning uint8

const (
	warnVersion warning = iota
	warnNoInsert
	warnNoChange
	warnNoQuarantine
	warnProxied
	warnNoData
	warningCount
)

// once warns the first time.
func (l *logs) once(w warning, msg string, args ...any) {
	if !l.warnings[w].Swap(true) {
		l.out.Warn(msg, args...)
	}
}
