package milter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-milter"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/ratelimit"
	"tlswarden/rules"
)

// Config is what a server is made of. Zero durations and numbers stand for the
// defaults.
type Config struct {
	Gate      Gate
	OnFailure rules.Action // Accept, or Defer for all else: the answer where no verdict can be made
	Log       *slog.Logger // nil: slog.Default()
	MaxConns  int          // connections of one listener at one time; 0: 2000

	// IdleTimeout is how long an MTA may be silent between commands; 0: 2h10m,
	// as an MTA lets its client be silent for up to two hours.
	IdleTimeout time.Duration
	// FrameTimeout is how long the rest of a frame may take; 0: 30 s.
	FrameTimeout time.Duration
	// WriteTimeout is how long an MTA may take to accept a reply; 0: 10 s.
	WriteTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 2000
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.IdleTimeout, 2*time.Hour + 10*time.Minute},
		{&c.FrameTimeout, 30 * time.Second},
		{&c.WriteTimeout, 10 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return c
}

// Server answers MTAs. It may serve several listeners at once.
type Server struct {
	config Config
	log    *logs
	ports  ports
	later  rules.FieldSet // what is not known before the end of a message
	macros map[milter.Stage][]string

	closing   atomic.Bool
	stop      chan struct{} // closed with closing
	ending    atomic.Bool   // no connection waits for another transaction
	mu        sync.Mutex
	listeners map[*listener]struct{}
	conns     map[*conn]struct{}
	sessions  sync.WaitGroup // of conns
}

// listener is one with its share of the connections.
type listener struct {
	net.Listener
	reads mailaddr.Server
	conns int                // guarded by the server's mu
	full  *ratelimit.Limiter // too many connections
}

// New returns a server.
func New(c Config) *Server {
	s := &Server{
		config:    c.withDefaults(),
		macros:    macroLists(),
		stop:      make(chan struct{}),
		listeners: make(map[*listener]struct{}),
		conns:     make(map[*conn]struct{}),
	}
	s.log = newLogs(s.config.Log)
	for _, f := range rules.Fields() {
		if f.Stage == rules.StageEnd && f.Supply.Milter() {
			s.later |= rules.SetOf(f.ID)
		}
	}
	return s
}

// Serve accepts connections until Shutdown, and then returns nil. It returns an
// error if somebody else closes the listener; other failures to accept are
// waited out. The MTAs that connect read addresses as reads describes.
func (s *Server) Serve(nl net.Listener, reads mailaddr.Server) error {
	ln := &listener{Listener: nl, reads: reads, full: ratelimit.New(time.Second)}
	if !s.listen(ln) {
		return ln.Close()
	}
	defer s.unlisten(ln)
	var pause time.Duration
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.welcome(nc, ln)
		case s.closing.Load():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("milter: accept: %w", err)
		default:
			pause = s.waitToAccept(ln, err, pause)
		}
	}
}

// The pauses after a failure to accept: the usual one is that there are no file
// descriptors left.
const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

func (s *Server) waitToAccept(ln *listener, err error, pause time.Duration) time.Duration {
	pause = min(max(2*pause, minPause), maxPause)
	s.log.limited(s.log.accept, time.Now(), slog.LevelError, "milter: cannot accept connections", "listener", ln.Addr(), "error", err)
	select {
	case <-time.After(pause):
	case <-s.stop:
	}
	return pause
}

// welcome starts a session, unless the listener has too many.
func (s *Server) welcome(nc net.Conn, from *listener) {
	c := newConn(nc, s, from)
	if !s.remember(c) {
		nc.Close()
		return
	}
	go c.serve()
}

func (s *Server) listen(ln *listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) unlisten(ln *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

func (s *Server) remember(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	if c.from.conns >= s.config.MaxConns {
		s.log.limited(c.from.full, time.Now(), slog.LevelWarn, "milter: too many connections, closed one",
			"listener", c.from.Addr(), "limit", s.config.MaxConns)
		return false
	}
	c.from.conns++
	s.conns[c] = struct{}{}
	s.sessions.Add(1)
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	c.from.conns--
	s.sessions.Done()
}

// Shutdown stops accepting and closes all connections. Wherever one is closed
// within an SMTP session, the MTA defers what follows in that session. So those
// within a mail transaction are closed when it is over, those between transactions
// when they have been quiet for a second, or after three, and at the end of ctx all
// that are left. The error is that of ctx if there were any.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing.Swap(true) {
		close(s.stop)
	}
	for ln := range s.listeners {
		ln.Close()
	}
	s.mu.Unlock()

	done := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(done)
	}()
	looks := time.NewTicker(quietFor / 20)
	defer looks.Stop()
	for end := time.Now().Add(lingerFor); ctx.Err() == nil; {
		now, quiet := time.Now(), quietFor
		if now.After(end) {
			s.ending.Store(true)
			quiet = 0
		}
		s.leaveQuiet(now, quiet)
		select {
		case <-done:
			return nil
		case <-looks.C:
		case <-ctx.Done():
		}
	}
	s.leaveAll()
	select {
	case <-done:
	case <-time.After(lastMoment):
	}
	return ctx.Err()
}

func (s *Server) leaveQuiet(now time.Time, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.leaveQuiet(now, d)
	}
}

func (s *Server) leaveAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.leave()
	}
}

// What a connection gets between transactions when the server shuts down: an SMTP
// client that is at work sends its next command within a second, and one that has
// very many messages is stopped after three.
const (
	quietFor  = time.Second
	lingerFor = 3 * time.Second
)

// lastMoment is how long connections that were closed get to end what they do.
const lastMoment = 2 * time.Second
