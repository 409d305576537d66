package gate

import (
	"sync/atomic"
	"time"
)

// A lease lends a policy to the transactions of the policy service, and to the
// connections of the milter. Nothing tells when such a transaction is over: an smtpd
// process may ask about another recipient, or never again; and an SMTP client may keep
// a session open for hours. So after a reload the leases of the policies that were
// replaced end, and what is then still asked, or begun on such a connection, is
// decided by the policy in place. A mail transaction of the milter has an end, and
// keeps its policy until then.
type lease struct{ lent atomic.Pointer[snapshot] }

// The bounds of the policies that are kept for transactions that began under them.
const (
	maxReplaced  = 2                // policies, beside the one in place
	keepReplaced = 15 * time.Minute // three times the patience of an smtpd process with its client (smtpd_timeout)
)

// lend makes the lease of a policy.
func lend(s *snapshot) *lease {
	l := &lease{}
	l.lent.Store(s)
	return l
}

// end lets go of the policy.
func (l *lease) end() { l.lent.Store(nil) }

// replaced bounds the lease of a policy whose place another one has taken. The
// caller holds loading.
func (g *Gate) replaced(l *lease) {
	if len(g.leases) == maxReplaced {
		g.leases[0].end()
		g.leases = append(g.leases[:0], g.leases[1:]...)
	}
	g.leases = append(g.leases, l)
	time.AfterFunc(keepReplaced, l.end)
}
