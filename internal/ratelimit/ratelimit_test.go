package ratelimit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAllow(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	steps := []struct {
		at         time.Duration
		ok         bool
		suppressed int
	}{
		{0, true, 0},
		{0, false, 0},
		{999 * time.Millisecond, false, 0},
		{1000 * time.Millisecond, true, 2},
		{1500 * time.Millisecond, false, 0},
		{9 * time.Second, true, 1},
		{20 * time.Second, true, 0},
	}
	l := New(time.Second)
	for _, s := range steps {
		ok, suppressed := l.Allow(start.Add(s.at))
		if ok != s.ok || suppressed != s.suppressed {
			t.Errorf("at %v: got %v, %d, want %v, %d", s.at, ok, suppressed, s.ok, s.suppressed)
		}
	}
}

func TestZeroLimiter(t *testing.T) {
	var l Limiter
	now := time.Now()
	for range 3 {
		if ok, n := l.Allow(now); !ok || n != 0 {
			t.Fatalf("got %v, %d", ok, n)
		}
	}
}

// TestAllowTogether checks that of events at one instant one alone passes, and
// that none of the others is lost from the count.
func TestAllowTogether(t *testing.T) {
	const events = 500
	l, now := New(time.Minute), time.Now()
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range events {
		wg.Go(func() {
			if ok, _ := l.Allow(now); ok {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d passed, want 1", passed.Load())
	}
	if _, n := l.Allow(now.Add(time.Minute)); n != events-1 {
		t.Errorf("%d counted as suppressed, want %d", n, events-1)
	}
}

// TestClockSetBack shows that a clock that was ahead keeps events back for one
// interval and no longer.
func TestClockSetBack(t *testing.T) {
	l, now := New(time.Minute), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, s := range []struct {
		at         time.Duration
		ok         bool
		suppressed int
	}{{365 * 24 * time.Hour, true, 0}, {0, false, 0}, {59 * time.Second, false, 0}, {time.Minute, true, 2}} {
		if ok, n := l.Allow(now.Add(s.at)); ok != s.ok || n != s.suppressed {
			t.Errorf("at %v: got %v, %d, want %v, %d", s.at, ok, n, s.ok, s.suppressed)
		}
	}
}
