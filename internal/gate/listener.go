package gate

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tlswarden/rules"
)

// seenFor is how long an encrypted session, or a client certificate, speaks for
// a listener.
const seenFor = 24 * time.Hour

// maxListeners bounds how many listeners are remembered. The MTA names them, so
// that they are few; the bound is for clients that are none.
const maxListeners = 1024

// maxName bounds the names of hosts (RFC 1035 section 2.3.4).
const maxName = 255

// listeners remembers what was seen on which listener.
type listeners struct {
	seen *lru.Cache[place, *listener]

	// named are the names of hosts by their places without a name, "" where several
	// have one: the policy service, which hears no names, means the only one.
	named *lru.Cache[place, string]
}

// place is where clients connect to: an address and a port of a host.
type place struct {
	host   rules.Host
	server netip.AddrPort
}

// listener is what was seen in one place, by the kind of the clients.
type listener [kinds]witness

// witness is what clients of one kind have shown of a listener.
type witness struct {
	tls      moment
	cert     moment
	saidTLS  moment // when the log last said that no TLS was seen
	saidCert moment
}

func newListeners() *listeners {
	cache, _ := lru.New[place, *listener](maxListeners) // fails only for a size below 1
	named, _ := lru.New[place, string](maxListeners)
	return &listeners{seen: cache, named: named}
}

// placeOf is where a session came to, if the MTA tells both address and port: what
// was seen on the submission port must not speak for port 25.
func placeOf(s *rules.Session) (place, bool) {
	address, known := s.ServerAddress.Get()
	if !known || !s.ServerPort.Known() {
		return place{}, false
	}
	host := s.Host()
	host.Name = host.Name[:min(len(host.Name), maxName)]
	return place{host, netip.AddrPortFrom(address, s.ServerPort.Or(0))}, true
}

// of returns what clients like that of a session have shown where it came to, nil
// if the one or the other is not known.
func (l *listeners) of(s *rules.Session) *witness {
	where, ok := placeOf(s)
	if !ok {
		return nil
	}
	kind, ok := kindOf(s)
	if !ok {
		return nil
	}
	if where.host.Name == "" {
		where.host.Name, _ = l.named.Get(where)
	}
	return &l.at(where)[kind]
}

// at returns the listener of a place.
func (l *listeners) at(where place) *listener {
	if one, ok := l.seen.Get(where); ok {
		return one
	}
	where.host.Name = strings.Clone(where.host.Name) // which is of the front end's buffer
	one := &listener{}
	if before, ok, _ := l.seen.PeekOrAdd(where, one); ok {
		return before
	}
	if where.host.Name != "" {
		l.name(where)
	}
	return one
}

// name notes the name of a place's host.
func (l *listeners) name(where place) {
	bare := where
	bare.host.Name = ""
	if other, ok, _ := l.named.PeekOrAdd(bare, where.host.Name); ok && other != where.host.Name {
		l.named.Add(bare, "")
	}
}

// look notes what this session shows, and tells it what others showed. Where
// nothing can be known, nothing was seen.
func (w *witness) look(s *rules.Session, now time.Time) {
	if w == nil {
		s.ListenerTLSSeen, s.ListenerCertSeen = rules.Fact[bool]{}, rules.Fact[bool]{}
		return
	}
	at := now.Unix()
	// A milter's macro for the version alone may be of Postfix's
	// milter_macro_defaults; in a real session a suite is named, too.
	if s.TLSUsed().Or(false) && s.Cipher().Or("") != "" {
		w.tls.touch(at)
		if s.CertPresented().Or(false) || s.CertVerified().Or(false) {
			w.cert.touch(at)
		}
	}
	s.ListenerTLSSeen = rules.Known(w.tls.recent(at))
	s.ListenerCertSeen = rules.Known(w.cert.recent(at))
}

// moment is a remembered time in Unix seconds, 0 for none.
type moment struct{ at atomic.Int64 }

// get returns the time. One that lies in the future is of a clock that was wrong
// and has been set back: it becomes the present, or it would count for as long as
// the clock was ahead.
func (m *moment) get(now int64) int64 {
	t := m.at.Load()
	if t > now {
		m.at.CompareAndSwap(t, now)
		return now
	}
	return t
}

// touch notes the present, but not for every message.
func (m *moment) touch(now int64) {
	if t := m.get(now); t == 0 || now-t > 60 {
		m.at.Store(now)
	}
}

// recent reports whether what was noted still counts.
func (m *moment) recent(now int64) bool {
	t := m.get(now)
	return t != 0 && now-t < int64(seenFor/time.Second)
}

// sayEvery is how often the log repeats that something is wrong.
const sayEvery = time.Hour

// due reports whether the log is to say something again, and notes that it does.
func (m *moment) due(now int64) bool {
	t := m.get(now)
	return (t == 0 || now-t >= int64(sayEvery/time.Second)) && m.at.CompareAndSwap(t, now)
}
