package gate

import "tlswarden/rules"

// latest is the milter's latest decision, if that lets a recipient pass: until the
// next event it may be taken back.
type latest struct {
	made
	session rules.Session
	open    bool // it is not recorded yet
	passed  bool // the recipient is on the link's list for its sake
}

// Withdraw takes the latest decision back: the recipient, whom the session names,
// is told to come again (452). It is neither counted nor logged, and the policy
// service does not answer for the recipient.
func (t *Transaction) Withdraw(s *rules.Session) {
	if t.latest.passed {
		t.link.unpass(s)
	}
	t.latest = latest{}
}

// recordLatest records the latest decision, which stands now, or keeps it for the
// message.
func (t *Transaction) recordLatest() {
	l := &t.latest
	if !l.open {
		return
	}
	l.open = false
	if l.d.Observes == 0 || !t.watch(l.made, &l.session) {
		t.conclude(&l.made, &l.session)
	}
	t.latest = latest{}
}
