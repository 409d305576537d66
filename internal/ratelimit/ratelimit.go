// Package ratelimit keeps one kind of event from filling the log: of many, one
// an interval is let through, with the number of those left out since.
//
// # Limits
//
// After the clock has been set back, at most one interval passes before an event is
// let through.
//
// The count of a burst's tail is told with the next event that is let through;
// if none comes, it is never told.
//
// # Diagnostics
//
// Nothing is logged here, and nothing fails.
package ratelimit

import (
	"sync"
	"time"
)

// Limiter lets one event an interval through. It may be used by many goroutines
// at once. The zero Limiter lets everything through.
type Limiter struct {
	interval time.Duration

	mu         sync.Mutex
	next       time.Time // from when on an event is let through again
	suppressed int
}

// New returns a Limiter that lets one event an interval through.
func New(interval time.Duration) *Limiter { return &Limiter{interval: interval} }

// Allow says whether an event at this time is let through, and then how many
// were left out since the last one that was.
func (l *Limiter) Allow(now time.Time) (ok bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = earlier(l.next, now.Add(l.interval)) // the clock may have been set back
	if now.Before(l.next) {
		l.suppressed++
		return false, 0
	}
	suppressed, l.suppressed = l.suppressed, 0
	l.next = now.Add(l.interval)
	return true, suppressed
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
