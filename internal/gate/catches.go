package gate

import (
	"net/netip"
	"time"

	"tlswarden/rules"
)

// Catch is a listener for which the safety catch has turned a reject into a defer, and
// that has shown nothing to release it since.
type Catch struct {
	Host    rules.Host
	Server  netip.AddrPort // zero: the mail server does not tell who came where
	Clients Kind           // of a known server
	Cert    bool           // for want of a client certificate, not of an encrypted session
	Since   time.Time      // when the log last told of it, at most an hour before the latest
}

// Catches are the safety catches at work: of those that were needed within the last
// two hours, each that would be needed now.
func (g *Gate) Catches() []Catch {
	now := g.now().Unix()
	var out []Catch
	add := func(c Catch, said, seen *moment, cert bool) {
		if at := said.get(now); at != 0 && now-at < 2*int64(sayEvery/time.Second) && !seen.recent(now) {
			c.Cert, c.Since = cert, time.Unix(at, 0)
			out = append(out, c)
		}
	}
	addBoth := func(c Catch, w *witness) {
		add(c, &w.saidTLS, &w.tls, false)
		add(c, &w.saidCert, &w.cert, true)
	}
	addBoth(Catch{}, &g.nowhere)
	for _, where := range g.listeners.seen.Keys() {
		if one, ok := g.listeners.seen.Peek(where); ok {
			for kind := range kinds {
				addBoth(Catch{Host: where.host, Server: where.server, Clients: kind}, &one[kind])
			}
		}
	}
	return out
}
