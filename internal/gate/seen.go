package gate

import (
	"net/netip"
	"time"

	"tlswarden/rules"
)

// Seen is what a gate remembers of the listeners. It is for whoever keeps it over a
// restart.
type Seen struct {
	Since     time.Time  // from when on the gate has watched
	Sightings []Sighting // those that count, the listener heard of last at the end
}

// Sighting is what clients of one kind have shown of one listener.
type Sighting struct {
	Host    rules.Host
	Server  netip.AddrPort
	Clients Kind
	TLS     time.Time // the latest encrypted session
	Cert    time.Time // the latest client certificate; zero: there was none
}

// Seen tells what the gate remembers now, in whole seconds.
func (g *Gate) Seen() Seen {
	now := g.now().Unix()
	seen := Seen{Since: time.Unix(g.watching.get(now), 0)}
	for _, where := range g.listeners.seen.Keys() {
		one, ok := g.listeners.seen.Peek(where)
		if !ok {
			continue
		}
		for kind := range kinds {
			w := &one[kind]
			if !w.tls.recent(now) {
				continue
			}
			s := Sighting{Host: where.host, Server: where.server, Clients: kind, TLS: time.Unix(w.tls.get(now), 0)}
			if w.cert.recent(now) {
				s.Cert = time.Unix(w.cert.get(now), 0)
			}
			seen.Sightings = append(seen.Sightings, s)
		}
	}
	return seen
}

// Recall takes back what an earlier gate remembered. What has come to count no more
// since then is left out, and times in the future become the present.
func (g *Gate) Recall(seen Seen) {
	now := g.now().Unix()
	if since := seen.Since.Unix(); !seen.Since.IsZero() && since < g.watching.get(now) {
		g.watching.at.Store(since)
	}
	for _, s := range seen.Sightings {
		if now-s.TLS.Unix() >= int64(seenFor/time.Second) {
			continue
		}
		w := &g.listeners.at(place{s.Host, s.Server})[s.Clients]
		w.tls.recall(s.TLS)
		w.cert.recall(s.Cert)
	}
}

// recall notes a time, unless a later one is known.
func (m *moment) recall(t time.Time) {
	if at := t.Unix(); !t.IsZero() && at > m.at.Load() {
		m.at.Store(at)
	}
}
