package rules

// reading is one reading of a policy for one session.
type reading struct {
	policy   *Policy
	session  *Session
	later    FieldSet
	tracer   *tracer
	verdict  Verdict
	standing Standing // of the rule that is being read
	skipped  bool     // an exemption was skipped for want of a fact
	excepted uint16   // of the rule that is being read: the number of the exception that holds, from 1
	record   bool     // nothing is decided any more: what is read is recorded only
}

// rule reads one rule and says whether the reading ends with it.
func (r *reading) rule(rule *Rule) (end bool) {
	r.standing, r.excepted = rule.Standing(r.session), 0
	r.standing.Observe = r.standing.Observe || r.record
	if r.standing.Expired {
		r.tracer.step(r, rule, PassedOver, conjunction{settled: -1}, grade{})
		return false
	}
	c := all(rule.When, r.session)
	switch c.truth {
	case False:
		r.tracer.step(r, rule, PassedOver, c, grade{})
		return false
	case Unknown:
		if rule.Require != nil {
			// Whether the rule applies or not, the reading goes on.
			if g := rule.Require.grade(r.session); g.truth() == True {
				r.note(rule, Met, c, g)
				return false
			}
		}
		if c.unknown&r.later != 0 {
			return r.wait(rule, c.unknown&r.later, c, grade{})
		}
		if rule.Exempts() || c.unknown&^r.session.Misspelt() != 0 {
			return r.undecided(rule, c, grade{})
		}
		// Clients choose how they write an address: that evades no rule.
		return r.applies(rule, c, SoftAddress)
	}
	return r.applies(rule, c, 0)
}

// applies reads a rule whose conditions hold, or may hold for the reason soft.
func (r *reading) applies(rule *Rule, c conjunction, soft Softening) (end bool) {
	if rule.Require == nil {
		return r.bite(rule, Applied, c, grade{}, soft)
	}
	g := rule.Require.grade(r.session)
	switch g.truth() {
	case True:
		r.note(rule, Met, c, g)
		return false
	case False:
		return r.bite(rule, NotMet, c, g, soft)
	}
	if g.unknown&r.later != 0 {
		return r.wait(rule, g.unknown&r.later, c, g)
	}
	return r.undecided(rule, c, g)
}

// wait ends the reading until what is missing has been supplied. A rule under
// observe does not hold up the others: the reading goes on, and the rule is read
// again by [Policy.Finish]. Where the whole policy is under observe nothing
// waits, but what follows the rule is read then, too.
func (r *reading) wait(rule *Rule, missing FieldSet, c conjunction, g grade) (end bool) {
	if !r.standing.Observe && r.policy.enforce != EnforceObserve {
		r.verdict = Verdict{Pending: true, Waits: missing, Rule: rule}
		r.tracer.step(r, rule, Waiting, c, g)
		return true
	}
	r.note(rule, Waiting, c, g)
	r.verdict.Observes |= missing
	return !r.standing.Observe
}

// bite is a rule that applies, or whose requirement is not met.
func (r *reading) bite(rule *Rule, o Outcome, c conjunction, g grade, soft Softening) bool {
	e, end, done := r.except(rule, c, g)
	switch a, ok := rule.OnUnknown.Get(); {
	case done:
		return end
	case e.open == nil && e.by != nil && onTemporary(e.by.When, r.session):
		soft |= SoftTemperror
	case e.open == nil:
	case ok && e.unknown&^r.session.Misspelt() != 0:
		if r.note(rule, Undecided, c, g); e.by != nil {
			a = min(a, r.standing.Does)
		}
		return r.onUnknown(rule, a, g)
	default:
		soft |= SoftException
	}
	if r.standing.Observe {
		r.note(rule, Observed, c, g)
		r.observe(rule, r.standing.Does, g, soft)
		return false
	}
	r.note(rule, o, c, g)
	if rule.Exempts() {
		r.exempt(rule)
		return true
	}
	return r.say(rule, r.standing.Does, g, soft)
}

// undecided is a rule that a missing fact keeps from being read.
func (r *reading) undecided(rule *Rule, c conjunction, g grade) bool {
	a, says := rule.OnUnknown.Get()
	if says || g.open != 0 {
		e, end, done := r.except(rule, c, g)
		if done {
			return end
		}
		if e.by != nil {
			a = min(a, r.standing.Does)
		}
	}
	r.note(rule, Undecided, c, g)
	if says {
		return r.onUnknown(rule, a, g)
	}
	if g.open == 0 { // the rule is skipped
		r.skipped = r.skipped || rule.Exempts() && !r.standing.Observe
		return false
	}
	if r.standing.Observe {
		r.observe(rule, r.standing.Does, g, SoftUnknown)
		return false
	}
	return r.say(rule, r.standing.Does, g, SoftUnknown)
}

// except reads the exceptions of a rule that is about to do something, of which the
// first that holds replaces what that is. It is done if nothing is left to do.
func (r *reading) except(rule *Rule, c conjunction, g grade) (e excepted, end, done bool) {
	if len(rule.Except) == 0 {
		return e, false, false
	}
	e = rule.except(r.session)
	r.tracer.excepted(&e)
	switch missing := e.unknown & r.later; {
	case missing != 0:
		return e, r.wait(rule, missing, c, g), true
	case e.by == nil:
		return e, false, false
	}
	if r.excepted = e.number; e.by.passes() {
		r.note(rule, Excepted, c, g)
		return e, false, true
	}
	r.standing.Does = e.by.does(r.standing)
	return e, false, false
}

// onUnknown does what the rule says for the case that a fact is missing. To
// accept is to exempt where the rule exempts, and to go on elsewhere.
func (r *reading) onUnknown(rule *Rule, a Action, g grade) bool {
	switch {
	case r.standing.Observe:
		r.observe(rule, a, g, 0)
		return false
	case a == Accept && rule.Exempts():
		r.exempt(rule)
		return true
	case a == Accept:
		return false
	}
	return r.say(rule, a, g, 0)
}

// exempt ends the reading; what was kept before stays.
func (r *reading) exempt(rule *Rule) {
	if r.verdict.Action == Accept {
		r.verdict.Rule = rule
	}
}

// say keeps an action, and ends the reading if it is to reject. A reject that
// might hit mail which is in order becomes a defer.
func (r *reading) say(rule *Rule, a Action, g grade, soft Softening) (end bool) {
	if a == Reject {
		soft |= r.softening(rule, g)
		if soft != 0 {
			a = Defer
		}
	} else {
		soft = 0
	}
	v := &r.verdict
	v.Caught |= soft & (SoftNoTLSSeen | SoftNoCertSeen)
	v.keepTag(rule, a)
	if a > v.Action {
		v.Action, v.Rule, v.Softened, v.grade = a, rule, soft, g
	}
	return a == Reject
}

// softening says why a reject must not bounce this mail.
func (r *reading) softening(rule *Rule, g grade) Softening {
	var soft Softening
	if r.skipped {
		soft |= SoftExemption
	}
	s := r.session
	if used, ok := s.tls.used.Get(); ok && !used && !s.ListenerTLSSeen.value {
		soft |= SoftNoTLSSeen
	}
	if rule.onTemporary(s) {
		soft |= SoftTemperror
	}
	if (rule.blamesCert(g) || rule.exceptsCerts) && s.tls.used.value && !s.tls.CertPresented.value && !s.tls.CertVerified.value && !s.ListenerCertSeen.value {
		soft |= SoftNoCertSeen
	}
	return soft
}

// blamesCert says whether nothing but the client certificate is at fault.
func (r *Rule) blamesCert(g grade) bool {
	if r.Require == nil {
		return r.certs
	}
	return g.short != 0 && g.short&^certLacks == 0
}

// observe records what the rule would have done, a reject that would have been
// a defer as that.
func (r *reading) observe(rule *Rule, a Action, g grade, soft Softening) {
	v := &r.verdict
	if a == Reject && soft|r.softening(rule, g) != 0 {
		a = Defer
	}
	if a > v.Would || a == v.Would && v.WouldRule != nil && rule.index < v.WouldRule.index {
		v.Would, v.WouldRule, v.wouldGrade = a, rule, g
	}
}

func (r *reading) note(rule *Rule, o Outcome, c conjunction, g grade) {
	r.verdict.outcomes.add(ruleOutcome{rule, o, r.excepted})
	r.tracer.step(r, rule, o, c, g)
}

// finish reads the rules again that waited to be recorded, in the place that they
// have among the others.
func (r *reading) finish(read *outcomes) {
	for x := range read.all() {
		rule := x.rule
		if x.outcome == Waiting {
			r.record = true
			r.rule(rule)
			r.record = false
			continue
		}
		r.verdict.outcomes.add(x)
		if x.outcome == Undecided && rule.Exempts() && !rule.OnUnknown.known && !rule.Standing(r.session).Observe {
			r.skipped = true
		}
	}
}

// apply puts the safety catch on what the rules said.
func (r *reading) apply() {
	v := &r.verdict
	switch {
	case v.Pending:
	case r.policy.enforce == EnforceSoft && v.Action == Reject:
		v.Action = Defer
		v.Softened |= SoftEnforce
	case r.policy.enforce == EnforceObserve && v.Action > Accept:
		if v.Action >= v.Would {
			v.Would, v.WouldRule, v.wouldGrade = v.Action, v.Rule, v.grade
		}
		v.Action, v.Rule, v.Softened, v.grade = Accept, nil, 0, grade{}
		v.Tagged, v.TagText, v.Quarantined = false, "", false
	}
}
