package daemon

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// door is a listener that stops to accept some time before its server closes it.
// A connection that came last has asked something already, or is about to, and
// would lose it if it were closed now: the door knows which have no answer yet.
// What comes after that waits in the kernel for the next daemon, if the socket is
// the service manager's.
type door struct {
	net.Listener
	shut   func() error // closes the listener, once
	closed chan struct{}
	close  func() // closes closed, once
	isShut atomic.Bool
	parked atomic.Bool // the server accepts nothing any more

	address string       // as the configuration has it
	open    atomic.Int64 // connections
	last    atomic.Int64 // the latest answer, in Unix seconds; 0: there was none

	mu    sync.Mutex
	fresh map[*guest]time.Time // connections without an answer, and when they came
}

// guest is a connection that came through a door.
type guest struct {
	net.Conn
	door     *door
	answered atomic.Bool
	gone     sync.Once
}

func newDoor(ln net.Listener, address string) *door {
	d := &door{Listener: ln, address: address, shut: sync.OnceValue(ln.Close), closed: make(chan struct{}), fresh: make(map[*guest]time.Time)}
	d.close = sync.OnceFunc(func() { close(d.closed) })
	return d
}

// Accept returns the next connection. Once the door is shut it only waits to be
// closed: the server is still to serve what it has.
func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil && d.isShut.Load() {
		d.parked.Store(true)
		<-d.closed
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: c, door: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fresh[g] = time.Now()
	d.open.Add(1)
	return g, nil
}

// Shut stops accepting.
func (d *door) Shut() error {
	d.isShut.Store(true)
	return d.shut()
}

// Close closes the listener.
func (d *door) Close() error {
	err := d.Shut()
	d.close()
	return err
}

// quiet says whether nothing more comes through the door, and no connection that
// came after a time is without an answer.
func (d *door) quiet(since time.Time) bool {
	if !d.parked.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, came := range d.fresh {
		if came.After(since) {
			return false
		}
	}
	return true
}

// leave forgets a connection that got its first answer, or ended without.
func (g *guest) leave() {
	if g.answered.Load() || g.answered.Swap(true) {
		return
	}
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	delete(g.door.fresh, g)
}

func (g *guest) Write(p []byte) (int, error) {
	n, err := g.Conn.Write(p)
	g.leave()
	g.door.last.Store(time.Now().Unix())
	return n, err
}

// Close closes the connection.
func (g *guest) Close() error {
	g.leave()
	g.gone.Do(func() { g.door.open.Add(-1) })
	return g.Conn.Close()
}

// SyscallConn gives access to the options of the socket.
func (g *guest) SyscallConn() (syscall.RawConn, error) {
	if c, ok := g.Conn.(syscall.Conn); ok {
		return c.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// freshFor is how long a new connection may take to ask its first question when
// the daemon stops.
const freshFor = 2 * time.Second

// shutDoors stops accepting and waits for the first answers to those that came
// last.
func (d *daemon) shutDoors(doors []*door) {
	for _, door := range doors {
		if err := door.Shut(); err != nil {
			d.logs.log.Warn("cannot close a listener", "address", door.Addr(), "error", err)
		}
	}
	for end := time.Now().Add(freshFor); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		quiet := true
		for _, door := range doors {
			quiet = quiet && door.quiet(time.Now().Add(-freshFor))
		}
		if quiet {
			return
		}
	}
}
