package rules

import "time"

// Rule says when it applies and what then becomes of the mail. It has either an
// Action, or a Require with Otherwise.
type Rule struct {
	Name string
	When []Condition // all must hold; none: the rule always applies

	Action    Action   // of a rule without Require: what is done when it applies
	Require   *Profile // the bar to clear when it applies
	Otherwise Action   // what is done when it is not cleared

	Except []Exception // the first that holds replaces what the rule does

	OnUnknown Fact[Action]    // what is done instead when a fact is missing
	Observe   bool            // record what would have been done, and do nothing
	Rollout   []RolloutStep   // by time; before the first the rule is under observe
	Expires   Fact[time.Time] // from then on the rule is passed over

	Code   int       // SMTP reply code; 0: by the kind of shortfall
	Status string    // enhanced status code (RFC 3463); "": as Code
	Reply  *Template // reply text; nil: what was seen and what is needed
	Tag    string    // text for the tag header

	Owner string // who answers for the rule
	Note  string // why it is there

	File string // where the rule is written
	Line int

	index int  // in the policy's list
	local bool // the built-in rule "local"
	certs bool // a condition looks at the client certificate

	exceptsCerts bool // a condition of an exception does
}

// LocalRule is the name of the built-in rule that stands before all others and
// accepts mail that comes from this machine.
const LocalRule = "local"

// localRule builds that rule.
func localRule() *Rule {
	set := NewSet(KindBool)
	set.any.addNumber(1)
	set.any.count = 1
	return &Rule{
		Name:   LocalRule,
		When:   []Condition{{Field: FieldByID(FieldLocal), Set: set, Text: "true"}},
		Action: Accept,
		local:  true,
	}
}

// certFields are the facts about the client certificate.
var certFields = SetOf(FieldCertPresented, FieldCertVerified, FieldCertSubject, FieldCertDN,
	FieldCertIssuer, FieldCertFingerprint, FieldCertKeyFingerprint)

// Index is the rule's place in its policy's list, from 0.
func (r *Rule) Index() int { return r.index }

// Exempts says whether the rule only ever ends the reading.
func (r *Rule) Exempts() bool { return r.Require == nil && r.Action == Accept }

// Does is the action that the rule takes when it bites.
func (r *Rule) Does() Action {
	if r.Require != nil {
		return r.Otherwise
	}
	return r.Action
}

// Needs is the set of facts that the rule looks at.
func (r *Rule) Needs() FieldSet {
	var need FieldSet
	r.conditions(func(c *Condition) { need |= SetOf(c.Field.ID) })
	if r.Require != nil {
		need |= r.Require.Needs()
	}
	return need
}

// Outcome is what became of one rule in one reading.
type Outcome uint8

// The outcomes. A rule whose conditions do not hold is passed over.
const (
	PassedOver Outcome = iota
	Met                // the requirement was met
	NotMet             // it was not, and the rule said its action
	Applied            // a rule without a requirement applied
	Undecided          // a fact was missing
	Observed           // NotMet or Applied, under observe
	Excepted           // an exception of the rule let the mail pass
	Waiting            // a fact is still to come
)

var outcomeNames = [...]string{"passed over", "met", "not met", "applied", "unknown", "observed", "excepted", "waiting"}

// String names the outcome.
func (o Outcome) String() string { return outcomeNames[o] }
