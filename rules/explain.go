package rules

// Explanation is a verdict with the reasons: every rule that was looked at.
type Explanation struct {
	Verdict Verdict
	Steps   []Step
}

// Step is what became of one rule, and why.
type Step struct {
	Rule       *Rule
	Outcome    Outcome
	Condition  *Condition // which settled that the rule does not apply, or is unknown; nil if none did
	Value      string     // the value seen by it
	Known      bool       // whether that value was known
	Shortfalls []string   // what the session lacks of the rule's profile, or what cannot be told

	Exception *Exception // that held, and replaced what the rule does; nil if none did
	Open      *Exception // the first before it of which that is not known; nil if all are known
	Does      Action     // what the rule does when it bites, by that
}

// Explain evaluates as [Policy.Evaluate] does, over all rules, and keeps the
// reasons.
func (p *Policy) Explain(s *Session, later FieldSet) Explanation {
	var t tracer
	v := p.read(s, later, &t)
	return Explanation{Verdict: v, Steps: t.steps}
}

// tracer collects the steps of a reading; a nil tracer collects nothing.
type tracer struct {
	steps []Step
	of    excepted // the rule whose step comes next
}

func (t *tracer) excepted(e *excepted) {
	if t != nil {
		t.of = *e
	}
}

func (t *tracer) step(r *reading, rule *Rule, o Outcome, c conjunction, g grade) {
	if t == nil {
		return
	}
	step := Step{Rule: rule, Outcome: o, Exception: t.of.by, Open: t.of.open, Does: r.standing.Does}
	t.of = excepted{}
	if c.settled >= 0 {
		step.Condition = &rule.When[c.settled]
		var v Value
		v, step.Known = step.Condition.Field.Read(r.session)
		if step.Known {
			step.Value = printable(step.Condition.Field.Format(v), maxShown)
		}
	}
	if rule.Require != nil && (g.short != 0 || g.open != 0) {
		step.Shortfalls = rule.Require.shortfalls(r.session, g)
	}
	t.steps = append(t.steps, step)
}
