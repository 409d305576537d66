package main

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// tarpit is a host that takes connections and is silent.
type tarpit struct {
	address              string
	taken, closed, peers atomic.Int32
	most                 atomic.Int32 // connections at once
}

func newTarpit(t *testing.T) *tarpit {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &tarpit{address: listener.Addr().String()}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p.taken.Add(1)
			if now := p.peers.Add(1); now > p.most.Load() { // only here
				p.most.Store(now)
			}
			go func() {
				_, _ = io.Copy(io.Discard, c) // until the other side closes
				_ = c.Close()
				p.peers.Add(-1)
				p.closed.Add(1)
			}()
		}
	}()
	return p
}

func (p *tarpit) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, p.address)
}

// TestTarpit shows that of policies that were given up nothing stays, neither
// connections nor goroutines.
func TestTarpit(t *testing.T) {
	p := newTarpit(t)
	f := newFetcher(p.dial, nil)
	before := runtime.NumGoroutine()
	const fetches = 30
	for range fetches {
		ctx, cancel := context.WithCancel(t.Context())
		taken := p.taken.Load()
		go func() {
			testkit.Await(func() bool { return p.taken.Load() > taken })
			cancel()
		}()
		if _, err := f.fetch(ctx, "all.example"); err == nil {
			t.Fatal("a policy came of nothing")
		}
	}
	gone := func() bool { return p.closed.Load() == p.taken.Load() && runtime.NumGoroutine() <= before }
	if !testkit.Await(gone) {
		t.Errorf("of %d connections %d were closed; %d goroutines, and %d before", p.taken.Load(), p.closed.Load(), runtime.NumGoroutine(), before)
	}
}

// TestManyFetches shows that only so many policies are fetched at once, that others
// wait for no longer than their time, and that later ones find a place.
func TestManyFetches(t *testing.T) {
	p := newTarpit(t)
	f := newFetcher(p.dial, nil)
	held, end := context.WithCancel(t.Context())
	defer end()
	var wg sync.WaitGroup
	for range maxFetches {
		wg.Go(func() { _, _ = f.fetch(held, "all.example") })
	}
	for len(f.slots) < maxFetches {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.fetch(ctx, "one.example"); err == nil || !strings.Contains(err.Error(), "others are being fetched") {
		t.Error(err)
	}
	end()
	wg.Wait()
	if most := p.most.Load(); most > maxFetches || len(f.slots) != 0 {
		t.Errorf("%d connections at once, and %d places are taken still", most, len(f.slots))
	}
}
