package rules

import "slices"

// Condition is one entry of a rule's "when": it holds if the field's value is
// in the set.
type Condition struct {
	Field *Field
	Set   *Set
	Text  string // as the rule file has it, for explanations
}

func (c *Condition) eval(s *Session) Truth {
	v, known := c.Field.read(s)
	v.at = s.Now.value.Unix()
	truth := c.Set.truth(&v, known)
	if truth == False && c.Field.isTemporary(&v) {
		return Unknown
	}
	return truth
}

// looksAt says whether some conditions are on one of the fields.
func looksAt(when []Condition, fields FieldSet) bool {
	return slices.ContainsFunc(when, func(c Condition) bool { return fields.Has(c.Field.ID) })
}

// conjunction is the outcome of a rule's conditions taken together.
type conjunction struct {
	truth   Truth
	unknown FieldSet // the unknown facts, if the truth is Unknown
	settled int      // index of the condition that settled it, -1 if none
}

// all evaluates a conjunction: the minimum of its conditions. One false
// condition settles it, whatever else is unknown.
func all(when []Condition, s *Session) conjunction {
	c := conjunction{truth: True, settled: -1}
	for i := range when {
		switch when[i].eval(s) {
		case False:
			return conjunction{truth: False, settled: i}
		case Unknown:
			c.truth = Unknown
			c.unknown |= SetOf(when[i].Field.ID)
			if c.settled < 0 {
				c.settled = i
			}
		}
	}
	return c
}
