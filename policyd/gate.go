package policyd

import "tlswarden/rules"

// Gate is where verdicts are made.
type Gate interface {
	// Open begins one instance under the policy in place.
	Open() Transaction
}

// Transaction is one instance's way to its verdicts. It is used by one
// goroutine at a time.
type Transaction interface {
	// Policy is the policy of the latest decision; nil if there is none.
	Policy() *rules.Policy
	// Begin starts a mail transaction.
	Begin()
	// Decide judges a session. Of the facts in later it may expect that they
	// are still to come. ref is how Postfix's log names the session, such as
	// "pid=1234", "" if that is not known. The session and its strings are
	// valid during the call only. An error means that no verdict could be made.
	Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error)
	// End ends the mail transaction of a message that was let pass. queueID is
	// "" if it is not known.
	End(queueID string)
	// Close ends the whole thing.
	Close()
}
