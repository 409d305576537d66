package gate

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// A link is where the two front ends meet over one mail transaction: the milter
// makes it at MAIL, and the policy service, which Postfix asks at RCPT before it
// asks the milter, finds it by the TCP connection.
//
// What the policy service is asked about is decided with the facts of both. It
// gives refusals itself, for the milter hears nothing of recipients that were
// refused. All else it leaves to the milter, which then decides for the recipient
// by the facts of both: so each is counted once, logged once, and tagged once.
type link struct {
	key      linkKey
	id       string
	snapshot *snapshot

	mu       sync.Mutex
	facts    rules.Session      // of the milter, and what the policy service has beyond
	bound    bool               // the policy service knows the same session
	opposed  bool               // but another encryption, which is then believed
	ref      string             // how Postfix's log names the session
	contexts []string           // each policy_context that asked, if any did
	passed   []mailaddr.Address // recipients for whom the milter decided, and let them pass
	decided  bool               // the milter decided for some recipient
}

// The most that a link keeps of one transaction.
const (
	maxContexts = 8   // restriction lists that ask; a configuration has one or two
	maxPassed   = 100 // recipients that the policy service may be asked about at DATA
)

// linkKey is a TCP connection to a mail server of a host. The host must be the same,
// too: of two servers that go by one address, each on a host of its own, a client
// can reach both from one port of its own, and what it shows the one must not count
// for the other. A port that is used again has another link.
type linkKey struct {
	host           netip.Addr // its name is known to the milter alone
	client, server netip.AddrPort
}

// maxLinks bounds the transactions that are kept for the policy service, more
// than there are connections under the usual limits. Beyond, each front end
// decides for itself.
const maxLinks = 8192

// links are the transactions that are under way at the milter. It is nil where
// only one front end listens.
type links struct {
	open *lru.Cache[linkKey, *link]
	said moment // when the log last said that the two disagree
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
	return linkKey{s.Host().Address, netip.AddrPortFrom(client, clientPort), netip.AddrPortFrom(server, serverPort)}, true
}

// begin makes the link of a transaction that begins at the milter, nil if the
// policy service could not find it.
func (l *links) begin(t *Transaction, s *rules.Session) *link {
	if l == nil || t.kept == nil {
		return nil
	}
	key, ok := keyOf(s)
	if !ok {
		return nil
	}
	one := &link{key: key, id: t.id, snapshot: t.kept, facts: *s}
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
// about, nil if there is none. It must be the same sender, and both must know the
// encryption. If they contradict each other, the policy service is believed, whose
// values no configuration can change, and the milter's lend nothing. Whoever the
// sender is, the milter names the host of the connection.
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
	s.SetHost(l.facts.Host())
	if !l.facts.SameSender(s) {
		return nil
	}
	switch l.facts.SameTLS(s) {
	case rules.Unsettled:
		return nil
	case rules.Opposed:
		g.opposed(&l.facts, s, now)
		l.opposed = true
		l.facts.TakeTLS(s)
	}
	l.bound = true
	return l
}

// askedLate completes the session of the policy service. If the milter has
// decided already, the service is asked at DATA or later: late is true, and to
// are the recipients that its answer is for.
func (l *link) askedLate(s *rules.Session) (to []mailaddr.Address, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.TakeSender(&l.facts)
	s.Complete(&l.facts)
	if !l.decided {
		return nil, false
	}
	recipient, named := s.RecipientAddress()
	if !named {
		return slices.Clone(l.passed), true
	}
	i := slices.IndexFunc(l.passed, recipient.Same)
	if i < 0 {
		return nil, false
	}
	return l.passed[i : i+1 : i+1], true
}

// leave keeps for the milter what the policy service knows.
func (l *link) leave(s *rules.Session, ref string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts.Complete(s)
	l.ref = ref
	context, known := s.PolicyContext.Get()
	if known && len(l.contexts) < maxContexts && !slices.Contains(l.contexts, context) {
		l.contexts = append(l.contexts, strings.Clone(context))
	}
}

// take gives the milter what the policy service has left: facts, how Postfix's
// log names the session, and the contexts in which it was asked if there are
// several.
func (l *link) take(s *rules.Session, ref string) (by string, contexts []string) {
	if l == nil {
		return ref, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decided = true
	if !l.bound {
		return ref, nil
	}
	if l.opposed {
		s.TakeTLS(&l.facts)
	}
	s.Complete(&l.facts)
	if len(l.contexts) > 1 {
		contexts = slices.Clone(l.contexts)
	}
	return joinRefs(l.ref, ref), contexts
}

// pass notes a recipient whom the milter lets pass, and reports whether it was none
// of those noted.
func (l *link) pass(s *rules.Session) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	to, _ := s.RecipientAddress()
	if len(l.passed) >= maxPassed || slices.Contains(l.passed, to) {
		return false
	}
	l.passed = append(l.passed, to)
	return true
}

// unpass takes pass back.
func (l *link) unpass(s *rules.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to, _ := s.RecipientAddress()
	if i := slices.Index(l.passed, to); i >= 0 {
		l.passed = slices.Delete(slices.Clone(l.passed), i, i+1)
	}
}

// joinRefs adds to how the policy service names the session what the milter has
// beyond.
func joinRefs(policy, milter string) string {
	if milter == "" || strings.Contains(policy, milter) {
		return policy
	}
	return strings.TrimSpace(policy + " " + milter)
}

// opposed logs that the two front ends see two encryptions in one session.
func (g *Gate) opposed(milter, policy *rules.Session, now time.Time) {
	if !g.links.said.due(now.Unix()) {
		return
	}
	cause := "what asks the milter drops or changes macros, or is another server than the one that asks the policy service"
	if milter.TLSUsed().Or(false) && !policy.TLSUsed().Or(true) {
		cause = "milter_macro_defaults of Postfix gives a value for {tls_version}"
	}
	g.log.Warn("milter and policy service disagree about the encryption of one session; the policy service is believed",
		"client", milter.Client.Or(netip.Addr{}).String(), "server", netip.AddrPortFrom(milter.ServerAddress.Or(netip.Addr{}), milter.ServerPort.Or(0)).String(),
		"milter", milter.Seen(), "policy", policy.Seen(), "likely", cause)
}
