package gate

import (
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tlswarden/rules"
)

// seenFor is how long an encrypted session, or a client certificate, speaks for
// a listener.
const seenFor = 24 * time.Hour

// maxListeners bounds how many server addresses and ports are remembered. The
// MTA names them, so that they are few; the bound is for clients that are none.
const maxListeners = 1024

// listeners remembers what was seen on which server address and port.
type listeners struct {
	seen   *lru.Cache[netip.AddrPort, *listener]
	latest atomic.Pointer[listener] // which was asked for last: usually all ask for the same
}

// listener is what was seen on one server address and port, in Unix seconds.
type listener struct {
	where    netip.AddrPort
	tls      atomic.Int64
	cert     atomic.Int64
	saidTLS  atomic.Int64 // when the log last said that no TLS was seen
	saidCert atomic.Int64
}

func newListeners() *listeners {
	cache, _ := lru.New[netip.AddrPort, *listener](maxListeners) // fails only for a size below 1
	return &listeners{seen: cache}
}

// at returns the listener that a session came to, nil if the MTA does not tell
// both address and port: what was seen on the submission port must not speak for
// port 25.
func (l *listeners) at(s *rules.Session) *listener {
	address, known := s.ServerAddress.Get()
	if !known || !s.ServerPort.Known() {
		return nil
	}
	key := netip.AddrPortFrom(address, s.ServerPort.Or(0))
	if one := l.latest.Load(); one != nil && one.where == key {
		return one
	}
	one, ok := l.seen.Get(key)
	if !ok {
		one = &listener{where: key}
		if before, ok, _ := l.seen.PeekOrAdd(key, one); ok {
			one = before
		}
	}
	l.latest.Store(one)
	return one
}

// look notes what this session shows, and tells it what others showed. Of a
// listener that is not known nothing was seen.
func (l *listener) look(s *rules.Session, now time.Time) {
	if l == nil {
		s.ListenerTLSSeen, s.ListenerCertSeen = rules.Fact[bool]{}, rules.Fact[bool]{}
		return
	}
	// A milter's macro for the version alone may be of Postfix's
	// milter_macro_defaults; in a real session a suite is named, too.
	if s.TLSUsed().Or(false) && s.Cipher().Or("") != "" {
		touch(&l.tls, now)
		if s.CertPresented().Or(false) || s.CertVerified().Or(false) {
			touch(&l.cert, now)
		}
	}
	s.ListenerTLSSeen = rules.Known(recent(&l.tls, now))
	s.ListenerCertSeen = rules.Known(recent(&l.cert, now))
}

// touch notes a time, but not for every message.
func touch(at *atomic.Int64, now time.Time) {
	if t := now.Unix(); t-at.Load() > 60 {
		at.Store(t)
	}
}

func recent(at *atomic.Int64, now time.Time) bool {
	t := at.Load()
	return t != 0 && now.Sub(time.Unix(t, 0)) < seenFor
}

// sayEvery is how often the log repeats that a listener shows no TLS.
const sayEvery = time.Hour

// caught logs that the safety catch turned a reject into a defer.
func (g *Gate) caught(l *listener, s *rules.Session, why rules.Softening, now time.Time) {
	if l == nil {
		l = &g.nowhere
	}
	server := netip.AddrPortFrom(s.ServerAddress.Or(netip.Addr{}), s.ServerPort.Or(0))
	if why&rules.SoftNoTLSSeen != 0 && due(&l.saidTLS, now) {
		g.log.Error("no encrypted session was seen here within 24 hours, so mail in plaintext is deferred instead of rejected; does STARTTLS work on this server?", "server", server.String())
	}
	if why&rules.SoftNoCertSeen != 0 && due(&l.saidCert, now) {
		g.log.Error("no client certificate was seen here within 24 hours, so mail without one is deferred instead of rejected; does this server ask for certificates (smtpd_tls_ask_ccert)?", "server", server.String())
	}
}

func due(at *atomic.Int64, now time.Time) bool {
	last := at.Load()
	return now.Sub(time.Unix(last, 0)) >= sayEvery && at.CompareAndSwap(last, now.Unix())
}
