package policyd

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"tlswarden/rules"
)

// conn is one connection of an smtpd process (or of a proxy for several).
type conn struct {
	server *Server
	net    net.Conn
	phase  atomic.Int32

	framer  framer
	request request
	session rules.Session
	scratch []byte // for the hash of a question
	out     []byte

	instance string // name of the latest that was asked about
	pid, ref string // of the smtpd process
}

// The phases of a connection: Shutdown closes a waiting one at once, and lets a
// busy one finish its reply.
const (
	waiting int32 = iota
	busy
	leaving
)

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.server.gone(c)
	for {
		frame, err := c.framer.next()
		if !c.phase.CompareAndSwap(waiting, busy) {
			return
		}
		if err == nil {
			err = c.request.parse(string(frame))
		}
		if err == nil {
			err = c.reply(c.answer(&c.request))
		}
		if err != nil {
			c.explain(err)
			return
		}
		if !c.phase.CompareAndSwap(busy, waiting) {
			return
		}
	}
}

func (c *conn) reply(action string) error {
	c.out = appendReply(c.out[:0], action)
	c.net.SetWriteDeadline(time.Now().Add(c.server.config.WriteTimeout)) // fails only where the write does
	_, err := c.net.Write(c.out)
	return err
}

// explain logs why a connection is closed, unless that is usual.
func (c *conn) explain(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, errIdle) {
		return
	}
	c.server.warn("policy connection closed without a reply", "peer", c.net.RemoteAddr().String(), "error", err)
}

// instanceOf finds the state of an instance, or begins it, and locks it. If
// another one of the same process went before, that is over. The connection's
// end says nothing of the instance: Postfix may go on over another one
// (postconf(5), smtpd_policy_service_request_limit).
func (c *conn) instanceOf(name string) *instance {
	if name == "" {
		in := &instance{}
		in.mu.Lock()
		return in
	}
	if name != c.instance {
		c.instance = c.server.supersede(name)
	}
	for {
		in := c.server.instanceOf(name)
		in.mu.Lock()
		if !in.ended {
			return in
		}
		in.mu.Unlock() // evicted between the two
	}
}
