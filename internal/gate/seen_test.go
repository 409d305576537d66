package gate

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"tlswarden/rules"
)

// again is a gate that recalls what another one remembers, some time later.
func (c *catch) again(after time.Duration) *catch {
	c.t.Helper()
	seen := c.Seen()
	c.done()
	next := newCatch(c.t, everyone)
	next.now = c.now.Add(after)
	next.watching.at.Store(next.now.Unix())
	next.Recall(seen)
	return next
}

// TestRecall shows that a gate goes on where another one ended, for each kind of
// client and each host, and that nothing counts for longer by that.
func TestRecall(t *testing.T) {
	c := newCatch(t, everyone)
	c.want("TLS", session("TLSv1.3"), rules.Accept)
	c.want("TLS from inside to another host", from("10.0.0.5", on("203.0.113.1", "mx", session("TLSv1.3"))), rules.Accept)
	c = c.again(23 * time.Hour)
	c.want("plaintext", session(""), rules.Reject)
	c.want("plaintext from inside", from("10.0.0.5", session("")), rules.Defer)
	c.want("plaintext from inside to another host", from("10.0.0.5", on("203.0.113.1", "mx", session(""))), rules.Reject)
	c.now = c.now.Add(time.Hour)
	c.want("a day later", session(""), rules.Defer)
	c = c.again(0)
	c.want("and again", session(""), rules.Defer)
	if out := c.done(); !strings.Contains(out, "has been seen here within 24 hours") {
		t.Errorf("the gate has forgotten for how long it has watched:\n%s", out)
	}
}

// TestRecallAfterAStepBack shows that times of a clock that was ahead are corrected.
func TestRecallAfterAStepBack(t *testing.T) {
	c := newCatch(t, everyone)
	c.want("TLS", session("TLSv1.3"), rules.Accept)
	c = c.again(-365 * 24 * time.Hour)
	if seen := c.Seen(); len(seen.Sightings) != 1 || !seen.Sightings[0].TLS.Equal(c.now) || !seen.Since.Equal(c.now) {
		t.Errorf("it is %v, and the gate has %+v", c.now, seen)
	}
	c.want("plaintext", session(""), rules.Reject)
	c.now = c.now.Add(24 * time.Hour)
	c.want("a day later", session(""), rules.Defer)
	c.done()
}

// TestSeen shows what a gate says that it remembers.
func TestSeen(t *testing.T) {
	c := newCatch(t, everyone)
	at := time.Unix(c.now.Unix(), 0)
	if got, want := c.Seen(), (Seen{Since: at}); !reflect.DeepEqual(got, want) {
		t.Errorf("at first %+v, want %+v", got, want)
	}
	c.want("plaintext alone is nothing to remember", session(""), rules.Defer)
	c.now = c.now.Add(time.Hour)
	certified := from("10.0.0.5", session(""))
	certified.SetTLS(rules.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", CertPresented: rules.Known(true)})
	c.want("a certificate", certified, rules.Accept)
	place, _ := placeOf(certified)
	later := at.Add(time.Hour)
	want := Seen{Since: at, Sightings: []Sighting{{Server: place.server, Clients: Private, TLS: later, Cert: later}}}
	if got := c.Seen(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.now = c.now.Add(25 * time.Hour)
	if got := c.Seen(); len(got.Sightings) != 0 {
		t.Errorf("a day later %+v", got)
	}
	c.done()
}
