package rules

import "strings"

// Action is what is done with mail. Actions are ordered: a stronger one wins
// over a weaker one.
type Action uint8

// The actions, weakest first.
const (
	// Accept lets the mail pass: milter continue, policy DUNNO.
	Accept Action = iota
	// Tag lets it pass with a header that says what was seen.
	Tag
	// Quarantine puts the message on hold for all its recipients: milter
	// quarantine, access(5) HOLD.
	Quarantine
	// Defer answers with a 4xx reply, so that the sender tries again.
	Defer
	// Reject answers with a 5xx reply.
	Reject
)

var actionNames = [...]string{"accept", "tag", "quarantine", "defer", "reject"}

// ActionNames returns the names of all actions, weakest first.
func ActionNames() []string { return append([]string(nil), actionNames[:]...) }

// String returns the action's name as rule files spell it.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// ParseAction reads an action's name.
func ParseAction(s string) (Action, bool) {
	for i, name := range actionNames {
		if s == name {
			return Action(i), true
		}
	}
	return Accept, false
}

// Enforce is the safety catch that the daemon's configuration sets for a whole
// policy.
type Enforce uint8

// The positions of the safety catch; the zero value enforces in full.
const (
	// EnforceFull does what the rules say.
	EnforceFull Enforce = iota
	// EnforceSoft turns every reject into a defer.
	EnforceSoft
	// EnforceObserve does nothing and records what would have been done.
	EnforceObserve
)

var enforceNames = [...]string{"full", "soft", "observe"}

// String returns the word that the configuration uses.
func (e Enforce) String() string {
	if int(e) < len(enforceNames) {
		return enforceNames[e]
	}
	return "unknown"
}

// ParseEnforce reads the word that the configuration uses.
func ParseEnforce(s string) (Enforce, bool) {
	for i, name := range enforceNames {
		if s == name {
			return Enforce(i), true
		}
	}
	return EnforceFull, false
}

// EnforceNames returns the words as a sentence part for diagnostics.
func EnforceNames() string { return strings.Join(enforceNames[:], ", ") }
