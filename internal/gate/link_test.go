package gate

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"tlswarden/rules"
)

// pair is a gate whose two front ends are at one connection.
type pair struct {
	*bench
	t              *testing.T
	milter, policy *Transaction
}

func newPair(t *testing.T, ruleText string) *pair {
	t.Helper()
	b := newBench(t, Logfmt, ruleText)
	b.links = newLinks()
	return &pair{bench: b, t: t, milter: b.Open(Milter), policy: b.Open(Policy)}
}

// seen is what a front end tells of the session, by the TLS version.
func seen(tls string) *rules.Session {
	s := session(tls)
	s.ClientPort = rules.Known(uint16(40000))
	return s
}

// mail begins a transaction at the milter, and warms the listener.
func (p *pair) mail(s *rules.Session) {
	p.t.Helper()
	at := *s
	at.ForgetRecipient()
	p.milter.BeginLive(&at)
}

// recipients has each of them decided at the milter.
func (p *pair) recipients(s *rules.Session, addresses ...string) {
	p.t.Helper()
	for _, to := range addresses {
		s.SetRecipient(to)
		p.decide(p.milter, s, 0, "queue_id=1")
	}
}

func (p *pair) decide(tx *Transaction, s *rules.Session, later rules.FieldSet, ref string) rules.Decision {
	p.t.Helper()
	d, err := tx.Decide(s, later, ref)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

// lines are the decision lines, once all is over.
func (p *pair) lines() []string {
	p.milter.Close()
	p.policy.Close()
	var lines []string
	for line := range strings.Lines(p.done()) {
		if strings.Contains(line, "msg=decision") {
			lines = append(lines, line)
		}
	}
	return lines
}

// wantLines compares the decision lines with the parts that each must have.
func (p *pair) wantLines(want ...string) {
	p.t.Helper()
	p.milter.End("") // records what stands
	lines := p.lines()
	if len(lines) != len(want) {
		p.t.Fatalf("%d decision lines, want %d:\n%s", len(lines), len(want), p.log)
	}
	for i, w := range want {
		for _, part := range strings.Fields(w) {
			if !strings.Contains(lines[i], " "+part) {
				p.t.Errorf("line %d lacks %s: %s", i, part, lines[i])
			}
		}
	}
}

func (p *pair) count(rule string, o rules.Outcome) uint64 {
	s := p.snapshot.Load()
	for i, r := range s.policy.Rules() {
		if r.Name == rule {
			return s.counts[i].of[o].Load()
		}
	}
	p.t.Fatalf("no rule %q", rule)
	return 0
}

const pinned = `
[profile.pinned]
cert_fingerprints = ["aa:bb:cc:dd:aa:bb:cc:dd:aa:bb:cc:dd:aa:bb:cc:dd"]

[[rule]]
name = "pinned"
when = { sender_domain = "example.org" }
require = "pinned"
otherwise = "reject"

[[rule]]
name = "mark"
action = "tag"
`

func withFingerprint(s *rules.Session, fingerprint string) *rules.Session {
	s.SetTLS(rules.TLS{
		Version: "TLSv1.2", Cipher: "AES128-SHA", Bits: rules.Known(128),
		CertPresented: rules.Known(true), CertFingerprint: rules.Known(fingerprint), CertKeyFingerprint: rules.Known(""),
	})
	s.PolicyContext = rules.Known("mx")
	return s
}

const goodPrint = "AA:BB:CC:DD:AA:BB:CC:DD:AA:BB:CC:DD:AA:BB:CC:DD"

// TestMergedAccept shows that the milter decides by what only the policy service
// knows, and that the message is logged, counted and tagged once.
func TestMergedAccept(t *testing.T) {
	p := newPair(t, pinned)
	m := seen("TLSv1.2")
	p.mail(m)
	if d := p.decide(p.policy, withFingerprint(seen("TLSv1.2"), goodPrint), 0, "pid=7"); d.Action != rules.Accept || d.Stamp != "" {
		t.Errorf("the policy service is told %v, %q", d.Action, d.Stamp)
	}
	d := p.decide(p.milter, m, p.atEnd, "")
	if d.Action != rules.Tag || d.Stamp == "" || d.Pending {
		t.Errorf("the milter is told %v, %q", d.Action, d.Stamp)
	}
	if got := m.PolicyContext.Or(""); got != "mx" {
		t.Errorf("the milter's session has the context %q", got)
	}
	p.milter.End("4AbC")
	p.wantLines("front=milter action=tag pid=7 queue_id=4AbC id=" + d.ID)
	if n := p.count("mark", rules.Applied); n != 1 {
		t.Errorf("counted %d times", n)
	}
	if n := p.count("pinned", rules.Met); n != 1 {
		t.Errorf("the met rule is counted %d times", n)
	}
}

// TestMergedReject shows that the policy service refuses by itself, with the id
// that the transaction has at the milter.
func TestMergedReject(t *testing.T) {
	p := newPair(t, pinned)
	m := seen("TLSv1.2")
	p.mail(m)
	p.listeners.of(m).cert.touch(p.now.Unix())
	d := p.decide(p.policy, withFingerprint(seen("TLSv1.2"), strings.Replace(goodPrint, "A", "1", 1)), 0, "pid=7")
	if d.Action != rules.Reject || d.ID != p.milter.id {
		t.Errorf("%v with the id %s, that of the milter is %s", d.Action, d.ID, p.milter.id)
	}
	p.wantLines("front=policy action=reject pid=7")
	if n := p.count("pinned", rules.NotMet); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

// TestNotMerged shows when two views are not of one session: then each front end
// decides with what it has.
func TestNotMerged(t *testing.T) {
	other := func(change func(s *rules.Session)) *rules.Session {
		s := withFingerprint(seen("TLSv1.2"), goodPrint)
		change(s)
		return s
	}
	for _, c := range []struct {
		name   string
		policy *rules.Session
		ended  bool
	}{
		{name: "another sender", policy: other(func(s *rules.Session) { s.SetSender("b@example.org") })},
		{name: "another port of the client", policy: other(func(s *rules.Session) { s.ClientPort = rules.Known(uint16(1)) })},
		{name: "another port of the server", policy: other(func(s *rules.Session) { s.ServerPort = rules.Known(uint16(587)) })},
		{name: "no port", policy: other(func(s *rules.Session) { s.ClientPort = rules.Fact[uint16]{} })},
		{name: "another client", policy: other(func(s *rules.Session) { s.SetClient(netip.MustParseAddr("192.0.2.9")) })},
		{name: "the message is over", policy: other(func(*rules.Session) {}), ended: true},
		{name: "TLS unknown", policy: other(func(s *rules.Session) { s.ForgetTLS() })},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, pinned)
			m := seen("TLSv1.2")
			p.mail(m)
			if c.ended {
				p.milter.End("")
			}
			p.decide(p.policy, c.policy, 0, "pid=7")
			if c.ended {
				p.mail(m)
			}
			p.decide(p.milter, m, 0, "queue_id=1")
			if m.PolicyContext.Known() || len(p.lines()) != 2 {
				t.Errorf("facts went from one to the other:\n%s", p.log)
			}
			if strings.Contains(p.log.String(), "disagree") {
				t.Errorf("warned:\n%s", p.log)
			}
		})
	}
}

const plainTagged = `
[[rule]]
name = "plain"
when = { tls = false }
action = "tag"

[[rule]]
name = "old"
when = { tls_version = "TLSv1.1" }
action = "quarantine"
`

// TestOpposed shows that the policy service is believed where the two see
// different encryptions, that the log says so once with the likely cause, and
// that it is still one mail.
func TestOpposed(t *testing.T) {
	old := seen("TLSv1.2")
	old.SetTLS(rules.TLS{Version: "TLSv1.1", Cipher: "AES128-SHA"})
	for _, c := range []struct {
		name           string
		milter, policy *rules.Session
		want           rules.Action
		line, cause    string
	}{
		{"plaintext", seen("TLSv1.3"), seen(""), rules.Tag, "tls=none", "milter_macro_defaults"},
		{"TLS", seen(""), seen("TLSv1.3"), rules.Accept, "tls=TLSv1.3", "drops or changes macros"},
		{"another version", seen("TLSv1.2"), old, rules.Quarantine, "tls=TLSv1.1", "drops or changes macros"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, plainTagged)
			p.mail(c.milter)
			for range 2 { // as of two recipients
				p.decide(p.policy, c.policy, 0, "pid=7")
			}
			if d := p.decide(p.milter, c.milter, 0, ""); d.Action != c.want {
				t.Errorf("%v, want %v", d.Action, c.want)
			}
			p.wantLines("front=milter pid=7 " + c.line)
			if out := p.log.String(); strings.Count(out, "disagree") != 1 || !strings.Contains(out, c.cause) {
				t.Errorf("the log says:\n%s", out)
			}
		})
	}
}

const contexts = `
[[rule]]
name = "a"
when = { policy_context = "a" }
action = "tag"
tag = "from a"

[[rule]]
name = "b"
when = { policy_context = "b" }
action = "accept"

[[rule]]
name = "rest"
action = "reject"
code = 550
when = { policy_context = "c" }
`

// TestContexts shows that of two services that ask about one recipient both
// count.
func TestContexts(t *testing.T) {
	for _, order := range []string{"ab", "ba"} {
		p := newPair(t, contexts)
		m := seen("TLSv1.2")
		p.mail(m)
		for _, context := range order {
			s := seen("TLSv1.2")
			s.PolicyContext = rules.Known(string(context))
			p.decide(p.policy, s, 0, "pid=7")
		}
		if d := p.decide(p.milter, m, 0, ""); d.Action != rules.Tag || d.TagText != "from a" {
			t.Errorf("%s: %v %q", order, d.Action, d.TagText)
		}
		p.wantLines("action=tag rule=a")
	}
}

const byMessage = `
[[rule]]
name = "encrypted by itself"
when = { message.encrypted = ["smime", "pgp"] }
action = "accept"

[[rule]]
name = "everyone"
require = "any-tls"
otherwise = "reject"
`

// TestMergedPending shows that the policy service leaves to the milter what the
// message itself must tell, and refuses it where no milter is there.
func TestMergedPending(t *testing.T) {
	p := newPair(t, byMessage)
	m := seen("")
	p.mail(m)
	if d := p.decide(p.policy, seen(""), 0, "pid=7"); d.Action != rules.Accept || d.Pending {
		t.Errorf("the policy service is told %v", d.Action)
	}
	if d := p.decide(p.milter, m, p.atEnd, ""); !d.Pending {
		t.Errorf("the milter is told %v", d.Action)
	}
	m.Message.Encrypted = rules.Known("pgp")
	if d := p.decide(p.milter, m, 0, ""); d.Action != rules.Accept || d.RuleName() != "encrypted by itself" {
		t.Errorf("at the end: %v by %q", d.Action, d.RuleName())
	}
	p.milter.End("")
	if d := p.decide(p.policy, seen(""), 0, "pid=7"); d.Action != rules.Defer {
		t.Errorf("without a milter: %v", d.Action)
	}
	p.wantLines("front=milter action=accept", "front=policy action=defer")
}

// TestDataAfterMilter shows that the policy service has nothing to add at DATA
// to what the milter decided at RCPT.
func TestDataAfterMilter(t *testing.T) {
	p := newPair(t, pinned)
	m := withFingerprint(seen("TLSv1.2"), goodPrint) // as from Sendmail's macros
	p.mail(m)
	p.decide(p.milter, m, 0, "queue_id=1")
	several := seen("TLSv1.2")
	several.ForgetRecipient()
	for _, s := range []*rules.Session{withFingerprint(seen("TLSv1.2"), goodPrint), withFingerprint(several, goodPrint)} {
		if d := p.decide(p.policy, s, 0, "pid=7"); d.Action != rules.Accept || d.Stamp != "" {
			t.Errorf("the policy service is told %v, %q", d.Action, d.Stamp)
		}
	}
	p.wantLines("front=milter action=tag")
}

// TestDataKnowsMore shows that what only the policy service knows is refused at
// DATA, too, for each recipient that the milter let pass.
func TestDataKnowsMore(t *testing.T) {
	p := newPair(t, `
[[rule]]
name = "small"
when = { size = "> 100", recipient = "c@example.com" }
action = "reject"
`)
	m := seen("TLSv1.2")
	p.mail(m)
	p.recipients(m, "b@example.com", "c@example.com")
	end := seen("TLSv1.2")
	end.ForgetRecipient()
	end.Size = rules.Known(int64(50))
	if d := p.decide(p.policy, end, 0, "pid=7"); d.Action != rules.Accept {
		t.Errorf("a small message: %v", d.Action)
	}
	end.ForgetRecipient()
	end.Size = rules.Known(int64(500))
	if d := p.decide(p.policy, end, 0, "pid=7"); d.Action != rules.Reject {
		t.Errorf("a large message: %v", d.Action)
	}
	p.wantLines("front=milter action=accept", "front=policy action=reject recipient=c@example.com", "front=milter action=accept")
}

// TestDataDefers shows that a defer for which only the policy service knows
// enough is given at DATA, too: the milter is not asked again.
func TestDataDefers(t *testing.T) {
	p := newPair(t, "[[rule]]\nname = \"small\"\nwhen = { size = \"> 100\" }\naction = \"defer\"\n")
	m := seen("TLSv1.2")
	p.mail(m)
	p.decide(p.milter, m, 0, "queue_id=1")
	data := seen("TLSv1.2")
	data.Size = rules.Known(int64(500))
	if d := p.decide(p.policy, data, 0, "pid=7"); d.Action != rules.Defer || d.Reply.Code != 451 {
		t.Errorf("%v %v", d.Action, d.Reply)
	}
	p.wantLines("front=policy action=defer", "front=milter action=accept")
}

// TestNextRecipient shows that a recipient for whom the milter has not decided is
// not taken for one that is asked about at DATA: what the policy service knows is
// left to the milter.
func TestNextRecipient(t *testing.T) {
	p := newPair(t, pinned)
	m := seen("TLSv1.2")
	p.mail(m)
	m.SetSender("a@example.net") // for whom no certificate is wanted
	p.decide(p.milter, m, 0, "queue_id=1")
	m.SetSender("a@example.org")
	m.SetRecipient("c@example.com")
	next := withFingerprint(seen("TLSv1.2"), goodPrint)
	next.SetRecipient("c@example.com")
	if d := p.decide(p.policy, next, 0, "pid=7"); d.Action != rules.Accept {
		t.Errorf("the policy service is told %v", d.Action)
	}
	if d := p.decide(p.milter, m, 0, "queue_id=1"); d.Action != rules.Tag || !m.PolicyContext.Known() {
		t.Errorf("the milter decides %v without what the policy service knows", d.Action)
	}
}

// TestUnsettled shows that a front end which does not know the encryption decides
// by itself, whatever it comes to.
func TestUnsettled(t *testing.T) {
	unknown := seen("")
	unknown.ForgetTLS()
	for _, c := range []struct{ milter, policy *rules.Session }{
		{seen("TLSv1.2"), unknown}, {unknown, seen("TLSv1.2")},
	} {
		p := newPair(t, plainTagged)
		p.mail(c.milter)
		p.decide(p.policy, c.policy, 0, "pid=7")
		p.decide(p.milter, c.milter, 0, "queue_id=1")
		p.wantLines("front=policy action=accept pid=7", "front=milter action=accept queue_id=1")
	}
}

// TestContextWaits shows that a context whose verdict waits for the message does
// not hide those of others.
func TestContextWaits(t *testing.T) {
	p := newPair(t, `
[[rule]]
name = "first"
when = { policy_context = "a", message.encrypted = "no" }
action = "reject"

[[rule]]
name = "second"
when = { policy_context = "b" }
action = "tag"
`)
	m := seen("TLSv1.2")
	p.mail(m)
	for _, context := range []string{"a", "b"} {
		s := seen("TLSv1.2")
		s.PolicyContext = rules.Known(context)
		if d := p.decide(p.policy, s, 0, "pid=7"); d.Action != rules.Accept {
			t.Errorf("%s: %v", context, d.Action)
		}
	}
	if d := p.decide(p.milter, m, p.atEnd, ""); !d.Pending {
		t.Errorf("at RCPT: %v", d.Action)
	}
	m.Message.Encrypted = rules.Known("pgp")
	if d := p.decide(p.milter, m, 0, ""); d.Action != rules.Tag {
		t.Errorf("encrypted: %v", d.Action)
	}
	m.Message.Encrypted = rules.Known("no")
	if d := p.decide(p.milter, m, 0, ""); d.Action != rules.Reject {
		t.Errorf("not encrypted: %v", d.Action)
	}
}

// TestMergedReload shows that a transaction keeps the policy that it began with.
func TestMergedReload(t *testing.T) {
	p := newPair(t, pinned)
	m := seen("TLSv1.2")
	p.mail(m)
	p.SetPolicy(load(t, everyone))
	tx := p.Open(Policy)
	if d := p.decide(tx, withFingerprint(seen("TLSv1.2"), goodPrint), 0, ""); d.Action != rules.Accept {
		t.Errorf("the new policy tells the policy service %v", d.Action)
	}
	if d := p.decide(p.milter, m, 0, ""); d.Action != rules.Tag {
		t.Errorf("the milter is told %v", d.Action)
	}
	tx.Close()
}

// TestLinksEnd shows that nothing is kept of transactions that are over, and
// that the number of those under way is bounded.
func TestLinksEnd(t *testing.T) {
	p := newPair(t, pinned)
	for i := range 2 * maxLinks {
		tx := p.Open(Milter)
		s := seen("TLSv1.2")
		s.SetClient(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}))
		tx.BeginLive(s)
		if i%2 == 0 {
			defer tx.Close()
		} else {
			tx.Close()
		}
	}
	if n := p.links.open.Len(); n > maxLinks {
		t.Errorf("%d transactions are kept", n)
	}
	first := p.Open(Milter)
	first.BeginLive(seen("TLSv1.2"))
	second := p.Open(Milter) // the same ports again, before the first is closed
	second.BeginLive(seen("TLSv1.2"))
	first.Close()
	if got, _ := p.links.open.Get(second.link.key); got != second.link {
		t.Error("the end of a transaction took another one with it")
	}
	second.Close()
}

// TestLinksTogether lets both front ends run at once over few connections.
func TestLinksTogether(t *testing.T) {
	p := newPair(t, pinned)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			milter, policy := p.Open(Milter), p.Open(Policy)
			for i := range 200 {
				m, s := seen("TLSv1.2"), withFingerprint(seen("TLSv1.2"), goodPrint)
				m.ClientPort, s.ClientPort = rules.Known(uint16(1000+worker%4)), rules.Known(uint16(1000+worker%4))
				milter.BeginLive(m)
				for range 2 {
					m.SetRecipient(fmt.Sprintf("r%d@example.com", i))
					s.SetRecipient(fmt.Sprintf("r%d@example.com", i))
					_, _ = policy.Decide(s, 0, "pid=1")
					_, _ = milter.Decide(m, 0, "")
				}
				milter.End("q")
			}
			milter.Close()
			policy.Close()
		})
	}
	all.Wait()
	if n := p.links.open.Len(); n != 0 {
		t.Errorf("%d transactions are left", n)
	}
}

// TestOtherHost shows that a session with a server of the same address, on another
// host, is another one, though the client has the same port in both: the milter
// does not take its TLS, nor the policy service its recipients.
func TestOtherHost(t *testing.T) {
	p := newPair(t, "judge_local = true\n"+everyone)
	m := on("203.0.113.1", "mx", seen(""))
	p.mail(m)
	if d := p.decide(p.policy, on("203.0.113.2", "", seen("TLSv1.3")), 0, "pid=7"); d.Action != rules.Accept || d.ID == p.milter.id {
		t.Errorf("the policy service is told %v with the milter's id", d.Action)
	}
	if d := p.decide(p.milter, m, p.atEnd, "queue_id=Q"); d.Action != rules.Defer {
		t.Errorf("the milter is told %v", d.Action)
	}
	p.wantLines("front=policy action=accept tls=TLSv1.3", "front=milter action=defer tls=none")
}

// TestNameOfTheHost shows that the policy service, which does not hear what the
// server calls itself, looks at the listener that the milter names, whoever the
// sender is.
func TestNameOfTheHost(t *testing.T) {
	p := newPair(t, everyone)
	p.decide(p.milter, on("", "mx", seen("TLSv1.3")), 0, "queue_id=Q")
	p.milter.End("")
	other := seen("")
	other.SetSender("other@example.org")
	p.mail(on("", "mx", seen("")))
	for _, s := range []*rules.Session{seen(""), other} {
		if d := p.decide(p.policy, s, 0, "pid=7"); d.Action != rules.Reject {
			t.Errorf("%s: %v", s.Sender().Or(""), d.Action)
		}
	}
	p.wantLines("front=milter action=accept", "front=policy action=reject sender=a@example.org", "front=policy action=reject sender=other@example.org")
}
