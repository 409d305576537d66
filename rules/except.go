package rules

import "time"

// Exception is what a rule does instead where some conditions hold. It changes
// nothing for any other rule.
type Exception struct {
	When      []Condition     // all must hold
	Otherwise Fact[Action]    // what the rule does instead; unknown: it passes
	Expires   Fact[time.Time] // from then on the exception is passed over

	Owner string // who answers for it
	Note  string // why it is there

	File string // where it is written
	Line int
}

// Expired says whether the exception is passed over for good.
func (x *Exception) Expired(now time.Time) bool {
	return x.Expires.known && !now.Before(x.Expires.value)
}

// passes is what [Exception.Does] returns for one that lets the mail pass.
func (x *Exception) passes() bool { return !x.Otherwise.known }

// Does is the action that the rule takes by the exception: Accept if it passes.
func (x *Exception) Does() Action { return x.Otherwise.Or(Accept) }

// excepted is what the exceptions of a rule make of one mail.
type excepted struct {
	by      *Exception // the first that holds; nil: none does
	number  uint16     // of it, from 1
	open    *Exception // the first before it of which that is not known
	unknown FieldSet   // the facts that are missing for that
}

// except finds the first exception that holds, and what is not known of those
// before it.
func (r *Rule) except(s *Session) (e excepted) {
	for i := range r.Except {
		x := &r.Except[i]
		if x.Expired(s.Now.value) {
			continue
		}
		switch c := all(x.When, s); c.truth {
		case True:
			e.by, e.number = x, uint16(i+1)
			return e
		case Unknown:
			if e.unknown |= c.unknown; e.open == nil {
				e.open = x
			}
		}
	}
	return e
}

// does is what a rule does by an exception. A step of its rollout that does less
// than the exception does so for all.
func (x *Exception) does(st Standing) Action {
	if a := x.Does(); !st.Stepped || a < st.Does {
		return a
	}
	return st.Does
}

// conditions calls f for each condition of the rule, those of its exceptions
// included.
func (r *Rule) conditions(f func(*Condition)) {
	for i := range r.When {
		f(&r.When[i])
	}
	for i := range r.Except {
		for j := range r.Except[i].When {
			f(&r.Except[i].When[j])
		}
	}
}
