package gate

import (
	"errors"
	"time"

	"tlswarden/rules"
)

// Transaction is a front end's way to the verdicts of one connection or message.
// It belongs to one goroutine.
type Transaction struct {
	gate    *Gate
	front   Front
	lease   *lease    // of the policy that it began with, nil if there was none
	kept    *snapshot // of the milter's mail transaction, from its beginning to its end
	id      string
	until   time.Time // no plugin is asked after that; zero: no such bound
	link    *link     // of the milter's mail transaction, nil if nobody can find it
	held    [][]byte  // decision lines that wait for the queue id
	watched []watched // decisions whose record waits for the message
	latest  latest    // of the milter
}

// maxHeld bounds the lines that wait for the end of one message, which can have
// thousands of recipients.
const maxHeld = 100

// Policy is the policy that the transaction works by, nil if there is none.
func (t *Transaction) Policy() *rules.Policy {
	if s := t.snapshot(); s != nil {
		return s.policy
	}
	return nil
}

// snapshot is the policy that the transaction works by, with its counters. It is
// that of the transaction's beginning, or, once the lease of that is over, the one
// in place.
func (t *Transaction) snapshot() *snapshot {
	if t.kept != nil {
		return t.kept
	}
	if t.lease != nil {
		if s := t.lease.lent.Load(); s != nil {
			return s
		}
	}
	s := t.gate.snapshot.Load()
	if s != nil {
		t.lease = s.lease
	}
	return s
}

// Begin starts a new mail transaction, which gets a new id.
func (t *Transaction) Begin() { t.End("") }

// BeginLive starts a new mail transaction of which the policy service may be
// asked, too, while the milter is at it. The session is what is known at MAIL.
func (t *Transaction) BeginLive(s *rules.Session) {
	t.Begin()
	t.kept = t.snapshot()
	t.id = t.gate.newID()
	t.link = t.gate.links.begin(t, s)
}

// End ends the mail transaction at the end of its message. The queue id goes
// into the lines of those of its decisions that let the message pass.
func (t *Transaction) End(queueID string) {
	t.until = time.Time{}
	t.recordLatest()
	t.recordWatched()
	t.release(queueID)
	t.gate.links.end(t.link)
	t.id, t.link, t.kept = "", nil, nil
}

// Until bounds the questions for all decisions of the mail transaction that are
// still to come: those for one answer to the MTA.
func (t *Transaction) Until(end time.Time) { t.until = end }

// Close ends the use of the transaction, for good.
func (t *Transaction) Close() { t.End("") }

// Decide makes the verdict for a session. The facts in later are still to come:
// where one of them is missing, the decision is pending and nothing is recorded.
// The ref is how the MTA's own log names the session, as keys and values such as
// "pid=1234 queue_id=ABC"; where it is empty, the line of a decision that lets the
// message pass waits for the queue id.
//
// Of a session that the milter has before it, too, the policy service gets
// refusals alone. All else it is to let pass: the milter sees to it.
func (t *Transaction) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g := t.gate
	start := g.now()
	b := budget{until: t.until}
	defer b.end()
	if t.front == Policy {
		if l := g.find(s, start); l != nil {
			return t.refuse(l, s, ref, start, &b), nil
		}
	}
	t.recordLatest()
	if t.id == "" {
		t.id = g.newID()
	}
	by := t.snapshot()
	if by == nil {
		t.recordFailure("on_failure", s, ref, start, ErrNoPolicy)
		return rules.Decision{}, ErrNoPolicy
	}
	hold := ref == ""
	ref, contexts := t.link.take(s, ref)
	shown := g.supply(s, start)
	d := g.evaluateIn(contexts, by, s, later, t.id, &b)
	passes := d.Pending || d.Action < rules.Defer
	t.latest.passed = passes && t.link.pass(s)
	if d.Pending {
		return d, nil
	}
	m := made{d: d, by: by, shown: shown, ref: ref, start: start, took: g.since(start), hold: hold}
	if passes && t.front == Milter {
		t.latest.made, t.latest.session, t.latest.open = m, *s, true
	} else {
		t.conclude(&m, s)
	}
	return d, nil
}

// evaluateIn decides a session in each of several policy contexts, or if there
// are none as it is. The strongest verdict counts, and one that is pending before
// all.
func (g *Gate) evaluateIn(contexts []string, by *snapshot, s *rules.Session, later rules.FieldSet, id string, b *budget) rules.Decision {
	if len(contexts) == 0 {
		return g.evaluate(by, s, later, id, b)
	}
	var strongest rules.Decision
	in := contexts[0]
	for i, c := range contexts {
		s.PolicyContext = rules.Known(c)
		d := g.evaluate(by, s, later, id, b)
		if d.Pending {
			return d
		}
		if i == 0 || d.Action > strongest.Action {
			strongest, in = d, c
		}
	}
	s.PolicyContext = rules.Known(in)
	return strongest
}

// supply adds the facts that the gate itself has.
func (g *Gate) supply(s *rules.Session, now time.Time) *witness {
	s.Now = rules.Known(now)
	w := g.listeners.of(s)
	w.look(s, now)
	return w
}

// refuse decides for the policy service about a session that the milter has
// before it, by the policy of the milter's connection. Unless that is a refusal,
// nothing is recorded, and the milter gets what the service knows; it will know the
// mailbox, too, where the client wrote an address that leaves it open. After RCPT the
// milter has decided without that, and one answer is for all recipients: it is
// the strongest refusal.
func (t *Transaction) refuse(l *link, s *rules.Session, ref string, start time.Time, b *budget) rules.Decision {
	to, late := l.askedLate(s)
	shown := t.gate.supply(s, start)
	refused := func(later rules.FieldSet) rules.Decision {
		d := t.gate.evaluate(l.snapshot, s, later, l.id, b)
		if d.Pending || d.Action < rules.Defer {
			return rules.Decision{ID: l.id}
		}
		t.conclude(&made{d: d, by: l.snapshot, shown: shown, ref: ref, start: start, took: t.gate.since(start)}, s)
		return d
	}
	if !late {
		d := refused(t.gate.atEnd | s.Misspelt())
		if d.Action < rules.Defer {
			l.leave(s, ref)
		}
		return d
	}
	strongest := rules.Decision{ID: l.id}
	for _, recipient := range to {
		s.SetRecipientAddress(recipient)
		if d := refused(t.gate.atEnd); d.Action > strongest.Action {
			strongest = d
		}
	}
	return strongest
}

// made is a decision with what its record needs.
type made struct {
	d     rules.Decision
	by    *snapshot
	shown *witness
	ref   string
	start time.Time
	took  time.Duration
	hold  bool // the line waits for the queue id
}

// conclude counts what a decision came to, says so if the safety catch held, and
// writes the decision's line, or holds it for the queue id. A rule that still
// waits has nothing to go by any more.
func (t *Transaction) conclude(m *made, s *rules.Session) {
	g, d := t.gate, &m.d
	for rule, outcome := range d.Outcomes() {
		if outcome == rules.Waiting {
			outcome = rules.Undecided
		}
		m.by.counts[rule.Index()].add(outcome)
	}
	for rule, i := range d.Exceptions() {
		m.by.counts[rule.Index()].except[i].Add(1)
	}
	if d.Caught != 0 {
		g.caught(m.shown, s, d.Caught, m.start)
	}
	l := g.line()
	defer g.spare.Put(l)
	l.decision(m.start, t.front, d, s, m.ref, m.took)
	if !m.hold || d.Action >= rules.Defer || len(t.held) >= maxHeld {
		l.end("")
		g.decisions.Add(l.buf)
		return
	}
	t.held = append(t.held, append([]byte(nil), l.buf...))
}

// errNoEnd is why a message was not judged.
var errNoEnd = errors.New("the end of the message never came")

// Unjudged records that a message went on to its data, that recipients waited for
// its end, and that its end never came. As a rule the client gave up; it may be
// that the MTA says no more of the message, and delivers it.
func (t *Transaction) Unjudged(s *rules.Session, ref string) {
	t.recordLatest()
	t.recordFailure("unjudged", s, ref, t.gate.now(), errNoEnd)
}

// recordFailure writes the line of a mail without a verdict, and what becomes of
// it.
func (t *Transaction) recordFailure(action string, s *rules.Session, ref string, start time.Time, why error) {
	l := t.gate.line()
	defer t.gate.spare.Put(l)
	l.failure(start, t.front, t.id, action, s, ref, why)
	l.end("")
	t.gate.decisions.Add(l.buf)
}

// release writes the lines that were held.
func (t *Transaction) release(queueID string) {
	for _, h := range t.held {
		l := line{format: t.gate.format, buf: h}
		l.end(queueID)
		t.gate.decisions.Add(l.buf)
	}
	clear(t.held)
	t.held = t.held[:0]
}
