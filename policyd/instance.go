package policyd

import (
	"strconv"
	"strings"
	"sync"
)

// maxAnswers bounds the answers that an instance remembers. The same recipient
// is asked about again at once, from the next restriction list, so the latest
// ones do.
const maxAnswers = 256

// instance is the latest mail transaction of an smtpd process.
type instance struct {
	mu        sync.Mutex
	name      []byte // as Postfix gives it, "" for none
	forgotten bool   // no request to come can find it: it ends after the one at hand
	course
}

// course is what was answered in a mail transaction, and the way to its verdicts.
type course struct {
	tx      Transaction // nil until the first decision
	queueID string
	passed  bool  // some recipient's mail was let pass
	decided stage // the first in which there was a verdict

	answers []answer
	first   [1]answer // room for a message with one recipient
	oldest  int       // of the answers, once there are maxAnswers

	noFile bool      // Postfix has no queue file for the message, and so cannot hold it
	holds  bool      // the message is to be held
	held   bool      // HOLD was given
	rank   int       // of the strongest headers that were given or are owed
	owed   [2]string // PREPENDs that are still to be given, the next one first
}

// answer is what one question deserves.
type answer struct {
	question uint64
	final    string // the action, if it is a refusal
	hold     string // HOLD, if the message is to be quarantined
	tag      string // PREPEND of the tag header, if it is to be tagged
	results  string // PREPEND of Authentication-Results, "" for none; only with a tag
	rank     int    // of these headers: 1 if they say pass, 2 for fail
	passes   bool
}

// begin begins a transaction, after the one before has ended.
func (in *instance) begin(name string) {
	in.name = append(in.name[:0], name...) // a request's strings are not kept
	in.course = course{}
}

// settled says whether nothing is to be decided at a stage any more, because it
// was at an earlier one.
func (in *instance) settled(st stage) bool {
	return in.decided != stageNone && in.decided < st
}

// recall finds the answer to a question that was asked before.
func (in *instance) recall(question uint64) *answer {
	for i := range in.answers {
		if in.answers[i].question == question {
			return &in.answers[i]
		}
	}
	return nil
}

// remember keeps an answer for when its question is asked again.
func (in *instance) remember(a answer) {
	if in.answers == nil {
		in.answers = in.first[:0]
	}
	if len(in.answers) < maxAnswers {
		in.answers = append(in.answers, a)
		return
	}
	in.answers[in.oldest] = a
	in.oldest = (in.oldest + 1) % maxAnswers
}

// follow takes from a verdict at a stage what follows for the whole message.
func (in *instance) follow(a *answer, st stage) {
	if in.decided == stageNone {
		in.decided = st
	}
	in.passed = in.passed || a.passes
	in.holds = in.holds || a.hold != ""
	if a.rank > in.rank {
		in.rank, in.owed = a.rank, [2]string{a.tag, a.results}
	}
}

// act gives the action for an answer, nil for none, at a stage: a refusal comes
// before all, then HOLD, then the headers of this or an earlier question. Each is
// given once. Where HOLD would do nothing, or did nothing, the message is deferred.
func (in *instance) act(a *answer, st stage) (action string, lost bool) {
	switch {
	case a != nil && a.final != "":
		return a.final, false
	case in.noFile && (st > stageRcpt && in.holds || a != nil && a.hold != ""):
		return cannotHold, false
	case a != nil && a.hold != "" && !in.held:
		in.held = true
		return a.hold, false
	case !in.owes():
		return dunno, false
	case st == stageEnd: // access(5), PREPEND
		return dunno, true
	}
	action, in.owed = in.owed[0], [2]string{in.owed[1]}
	return action, false
}

// owes says whether the message has not got all its headers.
func (in *instance) owes() bool { return in.owed[0] != "" }

// onlyOnce says whether act gives an action once in an instance.
func onlyOnce(action string) bool {
	return strings.HasPrefix(action, "PREPEND ") || strings.HasPrefix(action, "HOLD")
}

// takeBack undoes act where nobody is left to hear of an action that is given
// once: it is for who asks again.
func (in *instance) takeBack(action string) {
	if strings.HasPrefix(action, "HOLD") {
		in.held = false
		return
	}
	in.owed = [2]string{action, in.owed[0]}
}

// see notes the queue id, which Postfix knows from the first recipient on.
func (in *instance) see(queueID string) {
	if queueID != "" && queueID != in.queueID {
		in.queueID = strings.Clone(queueID)
	}
}

// ref is how Postfix's log names the session: by process, if the instance begins
// with its id in hexadecimal, and by queue id once there is one.
func (in *instance) ref() string {
	var room [64]byte
	b := room[:0]
	if pid, err := strconv.ParseUint(processOf(string(in.name)), 16, 32); err == nil {
		b = strconv.AppendUint(append(b, "pid="...), pid, 10)
	}
	if in.queueID != "" {
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, "queue_id="...), in.queueID...)
	}
	return string(b)
}

// processOf is the part of an instance's name that tells the smtpd process: its
// id (SMTPD_POLICY_README says only that names are unique; Postfix composes them
// of process id, time and count).
func processOf(name string) string {
	pid, _, _ := strings.Cut(name, ".")
	return pid
}
