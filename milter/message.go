package milter

import (
	"time"

	"github.com/emersion/go-milter"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/message"
	"tlswarden/rules"
)

// delivery is what is known of the message of one transaction.
type delivery struct {
	taken   bool   // a recipient was let through
	outside bool   // for one of them the mail was judged, that is, is not local
	stamp   string // value of the tag header, "" if it gets none
	results string // value of Authentication-Results beside it, "" if it gets none
	hold    string // reason to quarantine, "" if there is none
	headers headers

	scanner *message.Scanner // of the message, for the recipients that wait
	missed  bool             // some of the message came before anybody waited
	read    bool             // nobody needs more of the body

	observed bool  // rules under observe wait for the message, and change nothing
	begun    bool  // DATA came, and the end of the message is to come
	refused  reply // to DATA, which may come again; "": none

	waiting []mailaddr.Address // recipients whose verdict waits for the end of the message
	size    int                // of them, in bytes
	rule    string             // which they wait for
	class   uint64             // of them all, see rules.Policy.RecipientClass
}

// maxWaiting bounds the recipients of one message that wait, in bytes.
const maxWaiting = 256 << 10

// waitingCost is what a recipient costs beside its address.
const waitingCost = 16

// wait keeps a recipient for the end of the message and says whether it may be
// there: all recipients of a message that wait must wait for the same rule, must
// be the same to all other rules, and there must be none that is decided, for
// there is one answer to all at the end.
func (m *delivery) wait(address mailaddr.Address, rule string, class uint64) bool {
	cost := waitingCost + len(address.Written) + len(address.Mailbox)
	if m.taken || len(m.waiting) > 0 && (rule != m.rule || class != m.class) || m.size+cost > maxWaiting {
		return false
	}
	m.waiting = append(m.waiting, address)
	m.refused = ""
	m.size += cost
	m.rule, m.class = rule, class
	return true
}

// take keeps what is to be done at the end of the message for a recipient that
// is let through. A header that says fail wins over one that says pass.
func (m *delivery) take(d *rules.Decision, s *rules.Session) {
	m.taken, m.refused = true, ""
	m.observed = m.observed || d.Observes != 0
	m.outside = m.outside || d.Judged()
	if m.stamp == "" || rules.StampFails(d.Stamp) && !rules.StampFails(m.stamp) {
		m.stamp, m.results = d.Stamp, d.Results
	}
	if d.Quarantined && m.hold == "" {
		m.hold = holdReason(d, s)
	}
}

// maxHold is how much of a reason Postfix keeps, in bytes.
const maxHold = 100

// holdReason is what the MTA shows with a message that it holds.
func holdReason(d *rules.Decision, s *rules.Session) string {
	reason := "tlswarden: " + d.RuleName()
	if lacks := d.Shortfall(s); lacks != "" {
		reason += ": " + lacks
	}
	return printable(reason, maxHold)
}

// decide judges the recipient that the facts name. Without anything that is still
// to come there is a verdict.
func (s *session) decide(later rules.FieldSet) rules.Decision {
	if d, ok := s.gate.decide(&s.facts, later, s.ref()); ok && (!d.Pending || later != 0) {
		return d
	}
	return s.onFailure()
}

// onFailure is the decision where no verdict could be made.
func (s *session) onFailure() rules.Decision {
	if s.server.config.OnFailure == rules.Accept {
		return rules.Decision{}
	}
	return failure()
}

// recipient answers to RCPT. Nothing waits for what the MTA may not tell.
func (s *session) recipient(address mailaddr.Address) reply {
	s.facts.SetRecipientAddress(address)
	later, m := s.server.later, &s.message
	hears := s.hears()
	if !hears {
		later = 0
	}
	d := s.decide(later)
	switch {
	case d.Pending:
		if !m.wait(address, d.RuleName(), s.class()) {
			return s.comeAgain(apart)
		}
	case d.Action >= rules.Defer:
		return refusal(d.Reply)
	case len(m.waiting) > 0:
		return s.comeAgain(apart)
	case d.Quarantined && !hears:
		return cannotHold
	default:
		m.take(&d, &s.facts)
	}
	return proceed
}

// comeAgain refuses for now a recipient whom the verdict lets pass.
func (s *session) comeAgain(r reply) reply {
	s.gate.withdraw(&s.facts)
	return r
}

// class tells recipients apart that could fare differently at the end.
func (s *session) class() uint64 {
	if s.policy == nil {
		return 0
	}
	return s.policy.RecipientClass(&s.facts)
}

// settleFor bounds what may be asked of others for the recipients that waited,
// all together, so that an MTA does not give the milter up: Sendmail's usual
// patience is 10 s.
const settleFor = 8 * time.Second

// settle decides, when nothing more is to come, for the recipients that waited.
// The message has one reply, so should their verdicts differ, as that of a plugin
// may, the strongest is that of all.
func (s *session) settle() reply {
	answer, strongest := proceed, rules.Accept
	s.gate.until(time.Now().Add(settleFor))
	for _, address := range s.message.waiting {
		s.facts.SetRecipientAddress(address)
		d := s.decide(0)
		if d.Action < rules.Defer {
			s.message.take(&d, &s.facts)
		} else if d.Action > strongest {
			answer, strongest = refusal(d.Reply), d.Action
		}
	}
	if answer == proceed { // else DATA may come again
		s.message.waiting = nil
	}
	s.message.begun = false
	s.gate.finish(&s.facts)
	return answer
}

// carryOut does at the end of the message what was decided for its recipients.
// The changes cannot fail here: if they do not get through, the reply does not
// either (see conn.Write).
//
// Mail that is to be held where the MTA cannot hold is deferred: the sender
// keeps it, the log says why, and nothing slips through.
func (s *session) carryOut(m *milter.Modifier) reply {
	msg := &s.message
	if s.stamps() && msg.headers.excess() {
		return s.softly(tooManyCopies)
	}
	if msg.hold != "" {
		if !s.granted(milter.OptQuarantine) {
			s.server.log.once(warnNoQuarantine, "milter: the MTA does not let milters quarantine; mail to be quarantined is deferred")
			return cannotHold
		}
		_ = m.Quarantine(msg.hold)
	}
	// Removals come first: once a header stands above Postfix's own Received,
	// it counts that one, too.
	s.clean(m)
	s.stamp(m)
	return proceed
}

// stamps reports whether mail like this message can come with a tag of ours, so
// that nobody else may write one.
func (s *session) stamps() bool {
	return s.message.outside && s.policy != nil && s.policy.StampsFor(&s.facts)
}

func (s *session) granted(a milter.OptAction) bool { return s.terms.actions&a != 0 }
