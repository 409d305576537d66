package policyd

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime/debug"

	"tlswarden/rules"
)

// answer gives the action for a request.
func (c *conn) answer(r *request) string {
	state := r.text(attrState)
	st := stageOf(state)
	if st == stageNone {
		c.server.watchEarly(state)
		return dunno
	}
	c.server.watchLate(r, st)
	in := c.instanceOf(r.text(attrInstance))
	defer c.server.release(in)
	in.see(r.text(attrQueueID))
	in.noFile = in.queueID == "" && (c.from.asks.ProxyFilter || st > stageRcpt && r.fact(attrQueueID).Known())
	action, lost := c.settle(in, r, st)
	if onlyOnce(action) && c.left() {
		in.takeBack(action)
	}
	if lost {
		c.server.headerLost("Postfix takes none at END-OF-MESSAGE")
	}
	return action
}

// settle finds the action in what the instance remembers, or has it judged.
func (c *conn) settle(in *instance, r *request, st stage) (action string, lost bool) {
	if in.settled(st) {
		return in.act(nil, st)
	}
	question := c.question(r, st)
	if a := in.recall(question); a != nil {
		return in.act(a, st)
	}
	a, pending, err := c.judge(in, r, st)
	switch {
	case pending: // asked again, it is judged again
		return in.act(nil, st)
	case err == nil:
		in.follow(&a, st)
	case c.server.config.OnFailure != rules.Accept:
		a = answer{final: failed}
	}
	a.question = question
	in.remember(a)
	return in.act(&a, st)
}

// question hashes all that a decision can depend on.
func (c *conn) question(r *request, st stage) uint64 {
	b := append(c.scratch[:0], byte(st))
	for a := attrFirstFact; a < attributeCount; a++ {
		value, known := r.fact(a).Get()
		if !known {
			b = append(b, '\n') // is in no value
		}
		b = append(b, value...)
		b = append(b, 0) // is in no value either
	}
	c.scratch = b
	return maphash.Bytes(c.server.seed, b)
}

// judge has a request decided. A panic is an error, and the connection goes on.
func (c *conn) judge(in *instance, r *request, st stage) (a answer, pending bool, err error) {
	defer func() {
		if err != nil {
			c.server.failure(err)
		}
	}()
	defer recovered(&err)
	r.fill(&c.session, st, &c.from.asks.Reads)
	c.session.SetHost(c.at)
	if in.tx == nil {
		tx := c.server.config.Gate.Open()
		if tx == nil {
			return answer{}, false, errors.New("there is no transaction")
		}
		in.tx = tx
		tx.Begin()
	}
	d, err := in.tx.Decide(&c.session, 0, in.ref())
	if err != nil || d.Pending {
		return answer{}, d.Pending, err
	}
	return answerOf(&d, &c.session), false, nil
}

// answerOf makes a decision out in actions.
func answerOf(d *rules.Decision, s *rules.Session) answer {
	if d.Action >= rules.Defer {
		return answer{final: refusal(d.Action, d.Reply)}
	}
	a := answer{passes: true}
	if d.Action == rules.Quarantine {
		a.hold = hold(d, s)
	}
	if d.Stamp == "" {
		return a
	}
	a.tag, a.rank = prepend(cmp.Or(d.Header, rules.DefaultHeader), d.Stamp), 1
	if d.Results != "" {
		a.results = prepend("Authentication-Results", d.Results)
	}
	if rules.StampFails(d.Stamp) {
		a.rank = 2
	}
	return a
}

// panicError is a panic on the way to a verdict.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// recovered turns a panic into an error; it is deferred.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &panicError{v, debug.Stack()}
	}
}
