package milter

import (
	"sync"
	"testing"
	"time"

	"tlswarden/rules"
)

// boundGate decides as policyGate does, and writes down by when the decisions at the
// end of a message are to be made.
type boundGate struct {
	policyGate
	*bounds
}

type bounds struct {
	mu    sync.Mutex
	until time.Time // the latest bound
	ends  []time.Time
}

func (g boundGate) Open() Transaction { return g }

func (g boundGate) Until(end time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = end
}

func (g boundGate) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	if later == 0 {
		g.mu.Lock()
		g.ends = append(g.ends, g.until)
		g.mu.Unlock()
	}
	return g.policyGate.Decide(s, later, ref)
}

// TestOneBoundForAllThatWait shows that all recipients who waited for the end of the
// message are settled within one bound, which is within the patience of Sendmail: 10
// seconds.
func TestOneBoundForAllThatWait(t *testing.T) {
	const patience = 10 * time.Second
	g := boundGate{policyGate{policyFrom(t, encryptedItself)}, &bounds{}}
	w := dialServer(t, Config{Gate: g})
	began := time.Now()
	w.play(base(sendmail).with(func(s *smtpSession) {
		s.recipients = []string{"b@example.com", "c@example.com", "d@example.com"}
	}))
	took := time.Since(began)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ends) != 3 {
		t.Fatalf("%d decisions at the end, want 3", len(g.ends))
	}
	for i, end := range g.ends {
		if left := end.Sub(began); end != g.ends[0] || left < time.Second || left > took+patience-time.Second {
			t.Errorf("recipient %d is to be settled within %v of the begin", i, left)
		}
	}
}
