package milter

import (
	"errors"
	"runtime/debug"
	"time"

	"tlswarden/rules"
)

// Gate is where verdicts are made.
type Gate interface {
	// Open takes a snapshot of the policy for one connection.
	Open() Transaction
}

// Transaction is one connection's way to its verdicts.
type Transaction interface {
	// Policy is the snapshot; nil if there is no policy, and Decide fails then.
	Policy() *rules.Policy
	// Begin starts a new mail transaction: a new id. The session is what is known
	// at MAIL; it may be kept, and so may its strings, as the values of then.
	Begin(s *rules.Session)
	// Decide judges a session. The facts in later are still to come. The ref
	// is how the log of the MTA names the session, "queue_id=ABC", or "". An
	// error means that no verdict could be made.
	Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error)
	// Finish tells what the message says, for the records of decisions that stand
	// and whose rules under observe wait for it: those with facts in Observes.
	Finish(s *rules.Session)
	// Withdraw takes the latest decision back, for a recipient who is told to come
	// again: it is not recorded.
	Withdraw(s *rules.Session)
	// Unjudged records that recipients waited for the end of a message and it never
	// came.
	Unjudged(s *rules.Session, ref string)
	// Until bounds the questions to others for the decisions that are still to
	// come in the transaction, which are for one answer.
	Until(end time.Time)
	// End ends the transaction at end of message; queueID may be "".
	End(queueID string)
	// Close ends the whole thing. Begin and End need not have been called.
	Close()
}

// guard stands between a session and the gate: what panics in there fails, and
// the connection goes on. It logs what failed.
type guard struct {
	tx  Transaction
	log *logs
}

// closedGate takes the place of a transaction that could not be opened.
type closedGate struct{}

func (closedGate) Policy() *rules.Policy   { return nil }
func (closedGate) Begin(*rules.Session)    {}
func (closedGate) Until(time.Time)         {}
func (closedGate) Finish(*rules.Session)   {}
func (closedGate) Withdraw(*rules.Session) {}
func (closedGate) End(string)              {}
func (closedGate) Close()                  {}

func (closedGate) Unjudged(*rules.Session, string) {}

func (closedGate) Decide(*rules.Session, rules.FieldSet, string) (rules.Decision, error) {
	return rules.Decision{}, errors.New("no transaction with the gate")
}

func openGate(g Gate, log *logs) guard {
	t := guard{tx: closedGate{}, log: log}
	t.run("open", func() {
		if tx := g.Open(); tx != nil {
			t.tx = tx
		}
	})
	return t
}

// run calls into the gate and survives it.
func (g *guard) run(what string, call func()) {
	defer func() {
		if v := recover(); v != nil {
			g.log.panicked("milter: the gate panicked", what, v, debug.Stack())
		}
	}()
	call()
}

func (g *guard) policy() (p *rules.Policy) {
	g.run("policy", func() { p = g.tx.Policy() })
	return p
}

func (g *guard) begin(s *rules.Session)    { g.run("begin", func() { g.tx.Begin(s) }) }
func (g *guard) end(queueID string)        { g.run("end", func() { g.tx.End(queueID) }) }
func (g *guard) until(end time.Time)       { g.run("until", func() { g.tx.Until(end) }) }
func (g *guard) finish(s *rules.Session)   { g.run("finish", func() { g.tx.Finish(s) }) }
func (g *guard) withdraw(s *rules.Session) { g.run("withdraw", func() { g.tx.Withdraw(s) }) }
func (g *guard) close()                    { g.run("close", g.tx.Close) }

func (g *guard) unjudged(s *rules.Session, ref string) {
	g.run("unjudged", func() { g.tx.Unjudged(s, ref) })
}

// decide answers with a verdict, or false if none could be made.
func (g *guard) decide(s *rules.Session, later rules.FieldSet, ref string) (d rules.Decision, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			g.log.panicked("milter: the gate panicked", "decide", v, debug.Stack())
			d, ok = rules.Decision{}, false
		}
	}()
	d, err := g.tx.Decide(s, later, ref)
	if err != nil {
		g.log.failed(time.Now(), err)
		return rules.Decision{}, false
	}
	return d, true
}
