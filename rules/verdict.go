package rules

import (
	"iter"
	"strings"
)

// Verdict is what becomes of the mail, and which rule said so.
type Verdict struct {
	Action      Action
	Rule        *Rule    // which said it first; nil if no rule said anything
	Pending     bool     // no verdict yet: Rule waits for a fact that is still to come
	Waits       FieldSet // the facts that it waits for
	Tagged      bool     // a rule said to tag, whatever stronger was said besides
	TagText     string
	Quarantined bool      // a rule said to quarantine
	Softened    Softening // why the action is no reject
	Caught      Softening // of the safety catch: why some rule's reject was none, whatever decided

	Would     Action // the strongest that rules under observe would have done
	WouldRule *Rule
	Observes  FieldSet // facts still to come that rules under observe wait for, see Policy.Finish

	grade      grade
	wouldGrade grade
	outcomes   outcomes
}

// Softening says why a reject became a defer.
type Softening uint8

// The reasons.
const (
	// SoftUnknown: a fact that the requirement looks at is missing.
	SoftUnknown Softening = 1 << iota
	// SoftExemption: a rule that might have exempted the mail was skipped, for
	// a fact is missing.
	SoftExemption
	// SoftNoTLSSeen: no encrypted session was seen on this listener of late, so
	// that its own STARTTLS may be broken.
	SoftNoTLSSeen
	// SoftNoCertSeen: no client certificate was seen on this listener of late,
	// so that the server may not ask for them, or cannot verify any.
	SoftNoCertSeen
	// SoftEnforce: the daemon is set to enforce softly.
	SoftEnforce
	// SoftAddress: whether the rule applies depends on an address whose mailbox is
	// unknown because of how the client wrote it.
	SoftAddress
	// SoftTemperror: the rule applies because SPF, DKIM or DMARC met with a
	// temporary error.
	SoftTemperror
	// SoftException: an exception of the rule might hold, but a fact is missing.
	SoftException
)

var softNames = [...]string{"unknown", "exemption", "no_tls_seen", "no_cert_seen", "enforce", "address", "temperror", "exception"}

// String lists the reasons, separated by commas.
func (s Softening) String() string {
	var names []string
	for i, name := range softNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// RuleName is the name of the rule that said it, "" if none did.
func (v *Verdict) RuleName() string { return nameOf(v.Rule) }

// WouldRuleName is the name of the rule that would have done Would.
func (v *Verdict) WouldRuleName() string { return nameOf(v.WouldRule) }

func nameOf(r *Rule) string {
	if r == nil {
		return ""
	}
	return r.Name
}

// Judged says whether the mail was looked at, that is, was not local.
func (v *Verdict) Judged() bool { return v.Rule == nil || !v.Rule.local }

// Shortfall renders what the session lacks, as sentences separated by commas:
// of the rule that decided, or if none did of the one that would have.
func (v *Verdict) Shortfall(s *Session) string {
	if v.Action > Accept {
		return shortfallOf(v.Rule, s, v.grade)
	}
	return shortfallOf(v.WouldRule, s, v.wouldGrade)
}

func shortfallOf(r *Rule, s *Session, g grade) string {
	if r == nil || r.Require == nil {
		return ""
	}
	return strings.Join(r.Require.shortfalls(s, g), ", ")
}

func (v *Verdict) keepTag(rule *Rule, a Action) {
	if a == Quarantine {
		v.Quarantined = true
	}
	if a == Tag || a == Quarantine && rule.Tag != "" {
		v.Tagged = true
		if v.TagText == "" {
			v.TagText = rule.Tag
		}
	}
}

// outcomes is a list of what became of the rules that applied. It holds the
// usual number without an allocation.
type outcomes struct {
	n     int
	first [12]ruleOutcome
	more  []ruleOutcome
}

type ruleOutcome struct {
	rule    *Rule
	outcome Outcome
	except  uint16 // the number of the exception that held, from 1; 0: none
}

func (o *outcomes) add(x ruleOutcome) {
	if o.n < len(o.first) {
		o.first[o.n] = x
		o.n++
		return
	}
	o.more = append(o.more, x)
}

// Outcomes returns the rules that were not passed over, in order, each with
// what became of it.
func (v *Verdict) Outcomes() iter.Seq2[*Rule, Outcome] {
	return func(yield func(*Rule, Outcome) bool) {
		for x := range v.outcomes.all() {
			if !yield(x.rule, x.outcome) {
				return
			}
		}
	}
}

// Exceptions returns the exceptions that held, in the order of their rules, each by
// its place among those of the rule.
func (v *Verdict) Exceptions() iter.Seq2[*Rule, int] {
	return func(yield func(*Rule, int) bool) {
		for x := range v.outcomes.all() {
			if x.except > 0 && !yield(x.rule, int(x.except)-1) {
				return
			}
		}
	}
}

func (o *outcomes) all() iter.Seq[ruleOutcome] {
	return func(yield func(ruleOutcome) bool) {
		for i := range o.n {
			if !yield(o.first[i]) {
				return
			}
		}
		for _, x := range o.more {
			if !yield(x) {
				return
			}
		}
	}
}
