package rules

// temporary is the result of a method that could not come to one for now (RFC 8601
// section 2.7). Asked again, it may say anything, so it bounces nothing: what it
// does not meet is unknown, and what it meets is at most deferred.
const temporary = "temperror"

// resultFields are the facts that are results of methods.
var resultFields = SetOf(FieldMessageSPF, FieldMessageDKIM, FieldMessageDMARC)

// isTemporary reports whether a known value of the field is a temporary error.
func (f *Field) isTemporary(v *Value) bool { return resultFields.Has(f.ID) && v.Text == temporary }

// onTemporary reports whether a temporary error is among what makes the rule apply.
func (r *Rule) onTemporary(s *Session) bool { return onTemporary(r.When, s) }

func onTemporary(when []Condition, s *Session) bool {
	for i := range when {
		f := when[i].Field
		if v, known := f.read(s); known && f.isTemporary(&v) {
			return true
		}
	}
	return false
}

// OnlyTemporary reports whether the rule applies to temporary errors alone.
func (r *Rule) OnlyTemporary() bool {
	for i := range r.When {
		c := &r.When[i]
		if values, told := c.Set.held(); told && len(values) == 1 && c.Field.isTemporary(&Value{Text: values[0]}) {
			return true
		}
	}
	return false
}
