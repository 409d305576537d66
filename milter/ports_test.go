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
	first, second, third := &session{}, &session{}, &session{}
	step := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: begins anew %v", what, got)
		}
	}
	step("the first", p.take(at(1), first, now), false)
	step("another port", p.take(at(2), second, now), false)
	step("while the first is there", p.take(at(1), third, now), true)
	p.leave(at(1), first, now) // late
	step("while the other is there", p.take(at(1), first, now), true)
	p.leave(at(1), first, now)
	step("just after", p.take(at(1), second, now.Add(lingers-1)), true)
	p.leave(at(1), second, now)
	step("later", p.take(at(1), third, now.Add(lingers)), false)
	p.free(at(1), third)
	step("on the same connection", p.take(at(1), third, now), false)
	for i := range 10 * fewPorts {
		now = now.Add(lingers)
		p.take(at(uint16(i)), first, now)
		p.leave(at(uint16(i)), first, now)
	}
	if len(p.of) > fewPorts+1 {
		t.Errorf("%d are kept", len(p.of))
	}
}
