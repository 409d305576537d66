package milter

import (
	"net/netip"
	"sync"
	"time"
)

// ports tells sessions that begin anew, after XCLIENT: Postfix then ends its
// connection with the milter and opens another, for what is still the same TCP
// connection of a client. It tells no HELO again if XCLIENT gave one.
type ports struct {
	mu    sync.Mutex
	of    map[port]holder
	prune int // entries at which old ones are looked for
}

// port is a port of a client at a port of the server.
type port struct {
	server netip.AddrPort
	client uint16
}

// holder is the session at a port.
type holder struct {
	session *session
	left    time.Time // zero: it is there
}

// lingers is how long after the end of a session another counts as the same one
// that begins anew. Nobody else gets the port so soon.
const lingers = time.Second

// fewPorts is the number of entries up to which old ones stay.
const fewPorts = 1024

// take notes a session and reports whether it is one that begins anew.
func (p *ports) take(at port, s *session, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of, p.prune = map[port]holder{}, fewPorts
	}
	before, ok := p.of[at]
	p.of[at] = holder{session: s}
	if len(p.of) > p.prune {
		for at, h := range p.of {
			if h.over(now) {
				delete(p.of, at)
			}
		}
		p.prune = max(fewPorts, 2*len(p.of))
	}
	return ok && before.session != s && !before.over(now)
}

// leave notes that a session is over, and with it the connection with the milter.
func (p *ports) leave(at port, s *session, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[at].session == s {
		p.of[at] = holder{left: now}
	}
}

// free forgets a session after which another one comes on the same connection.
func (p *ports) free(at port, s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[at].session == s {
		delete(p.of, at)
	}
}

func (h holder) over(now time.Time) bool { return !h.left.IsZero() && now.Sub(h.left) >= lingers }
