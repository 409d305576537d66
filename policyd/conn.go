package policyd

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"tlswarden/rules"
)

// conn is one connection of an smtpd process (or of a proxy for several).
type conn struct {
	server *Server
	from   *listener
	net    net.Conn
	host   string // address of the smtpd processes, "" on a unix-domain socket
	at     rules.Host
	phase  atomic.Int32

	framer  framer
	request request
	session rules.Session
	scratch []byte // for the hash of a question
	out     []byte

	writeBy deadline
}

// hostOf is the IP address of a peer, "" on a unix-domain socket.
func hostOf(peer net.Addr) string {
	if a := addressOf(peer); a.IsValid() {
		return a.String()
	}
	return ""
}

// addressOf is the IP address of an end of a connection, none on a unix-domain
// socket.
func addressOf(end net.Addr) netip.Addr {
	if tcp, ok := end.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
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
	defer c.survive()
	now := c.server.now()
	for {
		text, err := c.framer.next(now)
		if !c.phase.CompareAndSwap(waiting, busy) {
			return
		}
		if err == nil {
			var n int
			n, err = c.request.read(text)
			c.framer.took(n)
		}
		if err == nil {
			action := c.answer(&c.request)
			now = c.server.now() // the wait for the next one is counted from here on, too
			err = c.reply(action, now)
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

// survive keeps a panic from ending the daemon; the connection is over. It is
// deferred.
func (c *conn) survive() {
	if v := recover(); v != nil {
		c.server.limited(c.server.failures, slog.LevelError, "policy connection closed after a panic", "peer", c.net.RemoteAddr().String(),
			"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}

func (c *conn) reply(action string, now time.Time) error {
	c.out = appendReply(c.out[:0], action)
	if at, due := c.writeBy.renew(now, c.server.config.WriteTimeout); due {
		c.net.SetWriteDeadline(at) // fails only where the write does
	}
	_, err := c.net.Write(c.out)
	return err
}

// left says whether the asker closed the connection instead of waiting. Postfix
// does so after the timeout of the service, and asks the same over another
// connection (postconf(5), smtpd_policy_service_try_limit).
func (c *conn) left() bool {
	sock, ok := c.net.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || errors.Is(err, syscall.ECONNRESET)
		return true
	})
	return gone || errors.Is(err, net.ErrClosed)
}

// explain logs why a connection is closed, unless that is usual.
func (c *conn) explain(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, errIdle) {
		return
	}
	c.server.warn("policy connection closed without a reply", "peer", c.net.RemoteAddr().String(), "error", err)
}

// instanceOf finds the state of an instance, or begins it, and locks it. What its
// process did before is over. The connection's end says nothing of the instance:
// Postfix may go on over another one (postconf(5),
// smtpd_policy_service_request_limit).
func (c *conn) instanceOf(name string) *instance {
	if name == "" { // nothing tells when it ends
		in := &instance{forgotten: true}
		in.mu.Lock()
		return in
	}
	t := c.server.instances
	in, over := t.find(t.process(c.host, name))
	if over != nil {
		c.server.drop(over)
	}
	in.mu.Lock()
	if string(in.name) != name {
		c.server.end(in)
		in.begin(name)
	}
	return in
}
