package milter

import (
	"net/netip"
	"sync"
	"time"
)

// ports tells sessions that begin anew, after XCLIENT: Postfix then ends its
// connection with the milter and opens another, for what is still the same TCP
// connection of a client. It tells no HELO again if XCLIENT gave one.
//
// Only a client that may send XCLIENT counts here, see mayProxy: another one cannot
// pass for it by taking its port at another address.
type ports struct {
	mu    sync.Mutex
	of    map[port]proxies
	prune int // entries at which old ones are looked for
}

// port is a port of a client at a port of the server. XCLIENT changes the address
// of the client, so that it is no part of it.
type port struct {
	server netip.AddrPort
	client uint16
}

// proxies are the sessions at a port whose clients may send XCLIENT.
type proxies struct {
	here int
	left time.Time // when the latest one ended
}

// lingers is how long after the end of a session another counts as the same one
// that begins anew. The client itself gets the port no sooner.
const lingers = time.Second

// fewPorts is the number of entries up to which old ones stay.
const fewPorts = 1024

// mayProxy reports whether the client of a session may be one that may send
// XCLIENT: Postfix does not count the connections of such a client, so that
// {client_connections} is 0 (smtpd(8), MILTER_README).
func mayProxy(m macros) bool { return m.clientConnections == "" || m.clientConnections == "0" }

// follows reports whether a session at the port may go on after XCLIENT.
func (p *ports) follows(at port, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, ok := p.of[at]
	return ok && !before.over(now)
}

// take notes a session whose client may send XCLIENT.
func (p *ports) take(at port, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of, p.prune = map[port]proxies{}, fewPorts
	}
	held := p.of[at]
	held.here++
	p.of[at] = held
	if len(p.of) > p.prune {
		for at, held := range p.of {
			if held.over(now) {
				delete(p.of, at)
			}
		}
		p.prune = max(fewPorts, 2*len(p.of))
	}
}

// leave notes that a session which take noted is over, and with it the connection
// with the milter.
func (p *ports) leave(at port, now time.Time) { p.drop(at, now) }

// free forgets a session after which another one comes on the same connection.
func (p *ports) free(at port) { p.drop(at, time.Time{}) }

func (p *ports) drop(at port, left time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.of[at]
	held.here--
	if left.After(held.left) {
		held.left = left
	}
	if held == (proxies{}) {
		delete(p.of, at)
		return
	}
	p.of[at] = held
}

func (p proxies) over(now time.Time) bool { return p.here == 0 && now.Sub(p.left) >= lingers }
