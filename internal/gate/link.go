package gate

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tlswarden/rules"
)

// A link is where the two front ends meet over one mail transaction: the milter
// makes it at MAIL, and the policy service, which Postfix asks at RCPT before it
// asks the milter, finds it by the TCP connection.
//
// What the policy service is asked about is decided with the facts of both. It
// gives refusals itself, for the milter hears nothing of recipients that were
// refused. All else it leaves to the milter, which then takes its verdict for
// the recipient: so each is counted once, logged once, and tagged once.
type link struct {
	key      linkKey
	id       string
	snapshot *snapshot

	mu      sync.Mutex
	facts   rules.Session // of the milter, and what the policy service has beyond
	bound   bool          // the policy service knows the same session
	opposed bool          // or it contradicts
	context bool          // policy_context was taken
	mixed   bool          // from several services that ask, so that it is unknown
	ref     string        // how Postfix's log names the session

	answered  string          // the recipient that the policy service was last asked about
	verdict   *rules.Decision // for it; nil: the milter decides
	forwarded bool            // the milter has decided for one recipient
	decided   string          // the last of those
}

// linkKey is a TCP connection. A port that is used again has another link.
type linkKey struct{ client, server netip.AddrPort }

// maxLinks bounds the transactions that are kept for the policy service, more
// than there are connections under the usual limits. Beyond, each front end
// decides for itself.
const maxLinks = 8192

// links are the transactions that are under way at the milter. It is nil where
// only one front end listens.
type links struct {
	open *lru.Cache[linkKey, *link]
	said atomic.Int64 // when the log last said that the two disagree
}

func newLinks() *links {
	cache, _ := lru.New[linkKey, *link](maxLinks) // fails only for a size below 1
	return &links{open: cache}
}

// keyOf tells a session's connection, if the MTA tells all of it.
func keyOf(s *rules.Session) (linkKey, bool) {
	client, ok1 := s.Client.Get()
	clientPort, ok2 := s.ClientPort.Get()
	server, ok3 := s.ServerAddress.Get()
	serverPort, ok4 := s.ServerPort.Get()
	if !ok1 || !ok2 || !ok3 || !ok4 || !client.IsValid() {
		return linkKey{}, false
	}
	return linkKey{netip.AddrPortFrom(client, clientPort), netip.AddrPortFrom(server, serverPort)}, true
}

// begin makes the link of a transaction that begins at the milter, nil if the
// policy service could not find it.
func (l *links) begin(t *Transaction, s *rules.Session) *link {
	if l == nil || t.snapshot == nil {
		return nil
	}
	key, ok := keyOf(s)
	if !ok {
		return nil
	}
	one := &link{key: key, id: t.id, snapshot: t.snapshot, facts: *s}
	l.open.Add(key, one)
	return one
}

// end forgets a transaction, unless another one has its place.
func (l *links) end(one *link) {
	if one == nil {
		return
	}
	if now, ok := l.open.Peek(one.key); ok && now == one {
		l.open.Remove(one.key)
	}
}

// find returns the link of the transaction that the policy service is asked
// about, nil if there is none. It must be the same sender, and the same
// encryption: a connection whose ports are used again, or the time before
// STARTTLS, can lend nothing.
func (g *Gate) find(s *rules.Session, now time.Time) *link {
	if g.links == nil {
		return nil
	}
	key, ok := keyOf(s)
	if !ok {
		return nil
	}
	l, ok := g.links.open.Get(key)
	if !ok {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if sender, known := s.Sender().Get(); !known || l.facts.Sender() != rules.Known(sender) {
		return nil
	}
	switch l.facts.SameTLS(s) {
	case rules.Agreed:
		l.bound = true
		return l
	case rules.Opposed:
		l.opposed = true
		g.opposed(&l.facts, s, now)
	}
	return nil
}

// settled completes the session of the policy service, and says whether the
// milter has decided for it already: where the service is asked at DATA or
// later, which is about the last recipient, or about all if there are several.
func (l *link) settled(s *rules.Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Complete(&l.facts)
	to, known := s.Recipient().Get()
	return l.forwarded && (!known || to == l.decided)
}

// leave keeps for the milter what the policy service knows and has decided. Of
// several verdicts for one recipient, for it may be asked from several
// restriction lists, the strongest counts.
func (l *link) leave(s *rules.Session, ref string, d *rules.Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts.Complete(s)
	l.takeContext(s)
	if ref != l.ref {
		l.ref = ref
	}
	to := s.Recipient().Or("")
	again := to == l.answered && to != ""
	l.answered = to
	switch {
	case d.Pending, again && l.verdict == nil:
		l.verdict = nil
	case !again || d.Action > l.verdict.Action:
		l.verdict = d
	}
}

// takeContext keeps the context of the service that asks, unless there are
// several.
func (l *link) takeContext(s *rules.Session) {
	switch {
	case !l.context:
		l.context = true
	case l.mixed:
		l.facts.PolicyContext = rules.Fact[string]{}
	case l.facts.PolicyContext != s.PolicyContext:
		l.mixed = true
		l.facts.PolicyContext = rules.Fact[string]{}
	}
}

// take gives the milter what the policy service has left: facts, the verdict
// for the recipient if there is one, and how Postfix's log names the session.
func (l *link) take(s *rules.Session, ref string) (d rules.Decision, made bool, by string) {
	if l == nil {
		return d, false, ref
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opposed {
		s.ForgetTLS()
	}
	to := s.Recipient().Or("")
	l.forwarded, l.decided = true, to
	if !l.bound {
		return d, false, ref
	}
	s.Complete(&l.facts)
	s.PolicyContext = l.facts.PolicyContext
	if l.ref != "" {
		ref = joinRefs(l.ref, ref)
	}
	if l.verdict != nil && to != "" && to == l.answered {
		d, made = *l.verdict, true
	}
	l.verdict, l.answered = nil, ""
	return d, made, ref
}

// joinRefs adds to how the policy service names the session what the milter has
// beyond.
func joinRefs(policy, milter string) string {
	if milter == "" || strings.Contains(policy, milter) {
		return policy
	}
	return policy + " " + milter
}

// opposed logs that the two front ends see two encryptions in one session.
func (g *Gate) opposed(milter, policy *rules.Session, now time.Time) {
	if !due(&g.links.said, now) {
		return
	}
	cause := "what asks the milter drops or changes macros, or is another server than the one that asks the policy service"
	if milter.TLSUsed().Or(false) && !policy.TLSUsed().Or(true) {
		cause = "milter_macro_defaults of Postfix gives a value for {tls_version}"
	}
	g.log.Warn("milter and policy service disagree about the encryption of one session; the policy service is believed, and to the milter it is unknown",
		"client", milter.Client.Or(netip.Addr{}).String(), "server", netip.AddrPortFrom(milter.ServerAddress.Or(netip.Addr{}), milter.ServerPort.Or(0)).String(),
		"milter", milter.Seen(), "policy", policy.Seen(), "likely", cause)
}
