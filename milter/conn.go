package milter

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/emersion/go-milter"
)

// conn is the connection as the library sees it. It stands between the library
// and the MTA, because the library sets no deadlines, logs every error of a
// connection by itself, answers negotiations without looking at the offer,
// keeps macros of one stage for the next, and ends the connection at commands
// that it does not know. The library therefore gets whole frames of commands
// that it handles well, and io.EOF for all else.
//
// It belongs to the goroutine of the library's session, save for leave.
type conn struct {
	net.Conn
	server  *Server
	from    *listener
	frames  frames
	session *session

	rest  []byte // of the frame that the library is reading
	out   []byte // frames to the MTA that are not sent yet
	whole int    // bytes of out that are whole frames

	// turn is odd while the connection waits for a command outside of a mail
	// transaction, and grows whenever that begins or ends, so that shutting down
	// tells a quiet connection from one that waits again. left: closed from outside.
	turn  atomic.Uint64
	seen  uint64    // turn as shutting down last saw it; guarded by the server's mu
	since time.Time // when it saw that first
}

// left is even, as nothing waits any more.
const left = math.MaxUint64 - 1

// maxOut bounds the frames that are kept in order to be sent together.
const maxOut = 32 << 10

func newConn(nc net.Conn, s *Server, from *listener) *conn {
	c := &conn{Conn: nc, server: s, from: from, frames: newFrames(nc, s.config.IdleTimeout, s.config.FrameTimeout)}
	c.session = newSession(s, c)
	c.session.reads = from.reads
	return c
}

// serve hands the connection to the library, which goes on with it in a
// goroutine of its own.
func (c *conn) serve() {
	c.session.open()
	mta := milter.Server{
		NewMilter: func() milter.Milter { return c.session },
		Actions:   milter.OptSetSymList, // the rest is settled in Write
		SymList:   c.server.macros,
	}
	// It accepts this one connection, and returns with the second.
	_ = mta.Serve(&once{conn: c})
}

// once is a listener with one connection.
type once struct{ conn *conn }

// Accept returns the connection, then an error.
func (o *once) Accept() (net.Conn, error) {
	c := o.conn
	o.conn = nil
	if c == nil {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return nil }

// Read gives the library the next frame that is meant for it, piece by piece.
// All errors are io.EOF, the only one that the library does not log.
func (c *conn) Read(p []byte) (n int, err error) {
	defer c.survive("a frame")
	err = io.EOF // if it panics
	for len(c.rest) == 0 {
		frame, err := c.receive()
		if err != nil {
			c.server.log.refused(time.Now(), c.Conn, err)
			return 0, io.EOF
		}
		pass, err := c.session.intercept(frame[lengthSize:])
		if err != nil {
			c.server.log.refused(time.Now(), c.Conn, err)
			return 0, io.EOF
		}
		if pass {
			c.rest = frame
		} else if frame[lengthSize] == cmdMacro && c.frames.drained() {
			quickAck(c.Conn) // the command is on its way, or held back
		}
	}
	n = copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// receive waits for a frame.
func (c *conn) receive() ([]byte, error) {
	between := !c.session.inTransaction
	if between && (c.server.ending.Load() || !c.advance()) {
		return nil, io.EOF
	}
	frame, err := c.frames.next()
	if err != nil {
		return nil, err
	}
	if between && !c.advance() || c.turn.Load() == left {
		return nil, io.EOF
	}
	return frame, nil
}

// advance begins or ends to wait. It says whether the connection is still open.
func (c *conn) advance() bool {
	t := c.turn.Load()
	return t != left && c.turn.CompareAndSwap(t, t+1)
}

// leaveQuiet closes the connection if it has been waiting for a command outside of
// a transaction, and for the same one, for some time. The server's mu is held.
func (c *conn) leaveQuiet(now time.Time, d time.Duration) {
	t := c.turn.Load()
	switch {
	case t%2 == 0:
		return
	case t != c.seen:
		c.seen, c.since = t, now
	}
	if now.Sub(c.since) >= d && c.turn.CompareAndSwap(t, left) {
		c.Conn.Close()
	}
}

// leave closes the connection, whatever is in progress. Any goroutine may call
// it; the library then comes to Close.
func (c *conn) leave() {
	c.turn.Store(left)
	c.Conn.Close()
}

// Write takes frames of the library, in one piece or in several. Changes to a
// message are held back and go out together with the reply that ends the event.
// An error ends the connection with the next Read, for the library would log it.
func (c *conn) Write(p []byte) (n int, err error) {
	defer c.survive("a reply")
	n = len(p) // even if it panics
	c.out = append(c.out, p...)
	final := false
	for len(c.out)-c.whole >= headSize {
		frame := c.out[c.whole:]
		size := lengthSize + int(binary.BigEndian.Uint32(frame))
		if len(frame) < size {
			break
		}
		if frame[lengthSize] == cmdNegotiate {
			size = len(c.session.terms.clamp(frame[:size]))
			c.out = c.out[:c.whole+size]
		}
		final = !isChange(frame[lengthSize])
		c.whole += size
	}
	if final || c.whole >= maxOut {
		c.flush()
	}
	return n, nil
}

// answer sends the reply that ends an event, with the changes before it.
func (c *conn) answer(r reply) {
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(len(r)))
	c.out = append(c.out, r...)
	c.whole = len(c.out)
	c.flush()
}

// isChange says whether a reply changes the message and another one follows.
func isChange(code byte) bool {
	return code == actInsertHeader || code == actChangeHeader || code == actQuarantine
}

// flush sends the whole frames that are waiting.
func (c *conn) flush() {
	err := c.Conn.SetWriteDeadline(time.Now().Add(c.server.config.WriteTimeout))
	if err == nil {
		_, err = c.Conn.Write(c.out[:c.whole])
	}
	if err != nil {
		c.server.log.refused(time.Now(), c.Conn, late(err, "reply not taken in time"))
		c.leave()
	}
	c.out = c.out[:copy(c.out, c.out[c.whole:])]
	c.whole = 0
}

// survive ends the connection after a panic, which the library would report by
// the log of the standard library. It is deferred.
func (c *conn) survive(call string) {
	if v := recover(); v != nil {
		c.server.log.panicked("milter: connection closed after a panic", call, v, debug.Stack())
		c.leave()
	}
}

// Close ends the session. The library calls it once, when it is done.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.session.close()
	c.server.forget(c)
	return err
}
