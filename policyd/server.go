package policyd

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/ratelimit"
	"tlswarden/rules"
)

// Config is what a Server needs. Zero values of numbers and times stand for the
// defaults.
type Config struct {
	Gate      Gate
	OnFailure rules.Action // what becomes of mail without a verdict: rules.Accept, or else defer
	Log       *slog.Logger // default slog.Default()

	MaxConns int // connections at once, of each listener, default 2000

	// IdleTimeout is the longest wait for a request, default 20 minutes. It
	// should be longer than smtpd_policy_service_max_ttl (1000 s), so that
	// Postfix closes first.
	IdleTimeout time.Duration
	// RequestTimeout bounds the time from a request's first byte to its last,
	// default 30 s.
	RequestTimeout time.Duration
	// WriteTimeout bounds the sending of a reply, default 10 s.
	WriteTimeout time.Duration
}

// minInstances is the least number of instances that are remembered.
const minInstances = 4096

// Server answers policy requests on any number of listeners.
type Server struct {
	config    Config
	begun     time.Time // see now
	log       *slog.Logger
	seed      maphash.Seed
	instances *instances

	badInput, failures *ratelimit.Limiter

	early  atomic.Int32 // requests before RCPT
	late   atomic.Bool  // some request came later
	noTLS  atomic.Bool  // warned of
	atData atomic.Bool  // some request came at DATA
	lost   atomic.Bool  // headers; warned of

	mu        sync.Mutex
	closing   bool
	done      chan struct{} // closed when closing
	listeners map[*listener]struct{}
	conns     map[*conn]struct{}
	handlers  sync.WaitGroup
}

// New returns a Server.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.MaxConns = cmp.Or(c.MaxConns, 2000)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 20*time.Minute)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 30*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	s := &Server{
		config: c,
		begun:  time.Now(),
		// Twice the connections: each has one instance that goes on.
		instances: newInstances(max(minInstances, 2*c.MaxConns)),
		log:       c.Log,
		seed:      maphash.MakeSeed(),
		badInput:  ratelimit.New(time.Second),
		failures:  ratelimit.New(time.Second),
		done:      make(chan struct{}),
		listeners: make(map[*listener]struct{}),
		conns:     make(map[*conn]struct{}),
	}
	return s
}

// Postfix is what is known of the Postfix that asks at a listener.
type Postfix struct {
	Reads mailaddr.Server // how it reads addresses

	// ProxyFilter: some service that asks has smtpd_proxy_filter, with which Postfix
	// ignores HOLD. It is seen at DATA, and otherwise has to be told.
	ProxyFilter bool
}

// Serve answers the connections that a listener accepts, until Shutdown, and
// then returns nil. It returns an error only if somebody else closes the
// listener.
func (s *Server) Serve(ln net.Listener, asks Postfix) error {
	l := newListener(ln)
	l.asks = asks
	if !s.listen(l) {
		return nil
	}
	defer s.forget(l)
	const least, most = 50 * time.Millisecond, time.Second
	pause := least
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = least
			s.take(nc, l)
			continue
		case s.isClosing():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		}
		// Too many open files, or the like: it passes.
		s.limited(l.failing, slog.LevelError, "cannot accept policy connections", "listener", ln.Addr().String(), "error", err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, most)
		case <-s.done:
		}
	}
}

// Shutdown stops accepting, closes connections that wait for a request, and
// waits until the others have their reply. When ctx is done first, it closes
// those, too, and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	finished := make(chan struct{})
	go func() {
		s.handlers.Wait()
		s.endAll()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.net.Close()
	}
	s.mu.Unlock()
	select {
	case <-finished:
	case <-time.After(lastMoment):
	}
	return ctx.Err()
}

// lastMoment is how long connections that were closed get to end what they do.
const lastMoment = 2 * time.Second

func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		close(s.done)
	}
	for ln := range s.listeners {
		ln.Close()
	}
	for c := range s.conns {
		if c.phase.Swap(leaving) == waiting {
			c.net.Close()
		}
	}
}

// now is the time. It asks one clock, where time.Now asks two.
func (s *Server) now() time.Time { return s.begun.Add(time.Since(s.begun)) }

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// listen notes a listener; after Shutdown it closes it instead.
func (s *Server) listen(ln *listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		ln.Close()
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) forget(ln *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// listener is one that the server accepts connections from.
type listener struct {
	net.Listener
	asks          Postfix // there
	open          int     // connections of it; under the server's lock
	busy, failing *ratelimit.Limiter
}

func newListener(ln net.Listener) *listener {
	return &listener{Listener: ln, busy: ratelimit.New(time.Second), failing: ratelimit.New(time.Second)}
}

// take begins to serve a connection, or closes it if its listener has too many.
func (s *Server) take(nc net.Conn, from *listener) {
	c := &conn{server: s, from: from, net: nc, host: hostOf(nc.RemoteAddr())}
	c.at.Address = rules.HostAddress(addressOf(nc.RemoteAddr()), addressOf(nc.LocalAddr()))
	c.framer = framer{conn: nc, idle: s.config.IdleTimeout, slow: s.config.RequestTimeout}
	s.mu.Lock()
	full := from.open >= s.config.MaxConns
	ok := !full && !s.closing
	if ok {
		s.conns[c] = struct{}{}
		from.open++
		s.handlers.Add(1)
	}
	s.mu.Unlock()
	if full {
		s.limited(from.busy, slog.LevelWarn, "too many policy connections, closed one", "listener", from.Addr().String(), "limit", s.config.MaxConns)
	}
	if !ok {
		nc.Close()
		return
	}
	go c.serve()
}

// gone ends what a connection held.
func (s *Server) gone(c *conn) {
	c.net.Close()
	s.mu.Lock()
	delete(s.conns, c)
	c.from.open--
	s.mu.Unlock()
	s.handlers.Done()
}
