package milter

import (
	"net/netip"
	"testing"
	"time"
)

// TestPorts shows that a session which begins anew is told from the next one of
// another client, and that nothing is kept for ever.
func TestPorts(t *testing.T) {
	at := func(client uint16) port { return port{netip.MustParseAddrPort("192.0.2.25:25"), client} }
	var p ports
	now := time.Unix(1000, 0)
	follows := func(what string, client uint16, later time.Duration, want bool) {
		t.Helper()
		if got := p.follows(at(client), now.Add(later)); got != want {
			t.Errorf("%s: begins anew %v", what, got)
		}
	}
	follows("the first", 1, 0, false)
	p.take(at(1), now)
	follows("another port", 2, 0, false)
	follows("while the first is there", 1, time.Hour, true)
	p.take(at(1), now)
	p.leave(at(1), now)
	follows("while the other is there", 1, time.Hour, true)
	p.leave(at(1), now)
	follows("just after", 1, lingers-1, true)
	follows("later", 1, lingers, false)
	p.take(at(3), now)
	p.free(at(3))
	follows("on the same connection", 3, 0, false)
	for i := range 10 * fewPorts {
		now = now.Add(lingers)
		p.take(at(uint16(i)), now)
		p.leave(at(uint16(i)), now)
	}
	if len(p.of) > fewPorts+1 {
		t.Errorf("%d are kept", len(p.of))
	}
}
