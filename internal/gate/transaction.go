package gate

import (
	"time"

	"tlswarden/rules"
)

// Transaction is a front end's way to the verdicts of one connection or message.
// It belongs to one goroutine.
type Transaction struct {
	gate     *Gate
	front    string
	snapshot *snapshot
	id       string
	held     [][]byte // decision lines that wait for the queue id
	line     []byte
}

// maxHeld bounds the lines that wait for the end of one message, which can have
// thousands of recipients.
const maxHeld = 100

// Policy is the snapshot that the transaction works by, nil if there was none.
func (t *Transaction) Policy() *rules.Policy {
	if t.snapshot == nil {
		return nil
	}
	return t.snapshot.policy
}

// Begin starts a new mail transaction, which gets a new id.
func (t *Transaction) Begin() {
	t.release("")
	t.id = ""
}

// End ends the mail transaction at the end of its message. The queue id goes
// into the lines of those of its decisions that let the message pass.
func (t *Transaction) End(queueID string) {
	t.release(queueID)
	t.id = ""
}

// Close ends the use of the transaction.
func (t *Transaction) Close() { t.release("") }

// Decide makes the verdict for a session. The facts in later are still to come:
// where one of them is missing, the decision is pending and nothing is recorded.
// The ref is how the MTA's own log names the session, as keys and values such as
// "pid=1234 queue_id=ABC"; where it is empty, the line of a decision that lets the
// message pass waits for the queue id.
func (t *Transaction) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g := t.gate
	start := g.now()
	if t.id == "" {
		t.id = g.newID()
	}
	if t.snapshot == nil {
		t.recordFailure(s, ref, start, ErrNoPolicy)
		return rules.Decision{}, ErrNoPolicy
	}
	s.Now = rules.Known(start)
	listener := g.listeners.at(s)
	listener.look(s, start)
	d := t.snapshot.policy.Decide(s, later, t.id)
	if d.Pending {
		return d, nil
	}
	for rule, outcome := range d.Outcomes() {
		t.snapshot.counts[rule.Index()].add(outcome)
	}
	if d.Caught != 0 {
		g.caught(listener, s, d.Caught, start)
	}
	t.record(&d, s, ref, start)
	return d, nil
}

// record writes the decision's line, or holds it.
func (t *Transaction) record(d *rules.Decision, s *rules.Session, ref string, start time.Time) {
	g := t.gate
	l := line{format: g.format, buf: t.line[:0]}
	l.decision(start, t.front, d, s, ref, g.now().Sub(start))
	t.line = l.buf
	if ref != "" || d.Action >= rules.Defer || len(t.held) >= maxHeld {
		l.end("")
		t.line = l.buf
		g.decisions.Add(l.buf)
		return
	}
	t.held = append(t.held, append([]byte(nil), l.buf...))
}

// recordFailure writes the line of a mail that is answered by on_failure.
func (t *Transaction) recordFailure(s *rules.Session, ref string, start time.Time, why error) {
	l := line{format: t.gate.format, buf: t.line[:0]}
	l.failure(start, t.front, t.id, s, ref, why)
	l.end("")
	t.line = l.buf
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
