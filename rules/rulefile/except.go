package rulefile

import (
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// exceptions reads [[rule.except]] of a rule.
func (l *loader) exceptions(r *tomlfile.Reader, rule *rules.Rule) {
	for i, t := range r.Tables("except") {
		if rule.Exempts() && i == 0 {
			r.Errorf(t.Pos, "put what is not exempt into when, with \"!\" before it", "a rule that accepts has no exceptions")
		}
		rule.Except = append(rule.Except, l.exception(rule, t))
	}
}

// exception reads one of them.
func (l *loader) exception(rule *rules.Rule, t *tomlfile.Table) rules.Exception {
	r := tomlfile.Read(t, "rule "+quote(rule.Name)+": except: ", &l.found)
	x := rules.Exception{File: t.Pos.File, Line: t.Pos.Line, When: l.when(r)}
	if e, there := r.Entry("when"); !there {
		r.Errorf(r.Pos(), "add when = { ... }", "an exception has no when")
	} else if isEmptyTable(e.Value) {
		r.Errorf(e.Pos, "name the mail that is meant", "when is empty: the exception would hold for all mail")
	}
	if s, pos, ok := r.String("otherwise"); ok && s == rules.Accept.String() {
		r.Errorf(pos, "leave otherwise out", "an exception without otherwise lets the mail pass this rule")
	} else if a, _, ok := l.action(r, "otherwise", rules.ActionNames()[1:]); ok {
		x.Otherwise = rules.Known(a)
	}
	x.Expires = l.expires("the exception", r)
	x.Owner, _, _ = r.String("owner")
	x.Note, _, _ = r.String("note")
	r.Done()
	l.lintException(r, rule, &x)
	return x
}

// lintException warns of what is in order and yet hardly meant.
func (l *loader) lintException(r *tomlfile.Reader, rule *rules.Rule, x *rules.Exception) {
	need := l.factsOf(x.When)
	// Where the rule refuses all others, the message has no other recipients.
	refuses := rule.Does() >= rules.Defer && l.factsOf(rule.When)&ofRecipient == 0
	if x.Does() == rules.Quarantine && need&ofRecipient != 0 && !refuses {
		r.Warnf(r.Pos(), "", "quarantine by recipient holds the message for all its recipients")
	}
	if x.Does() < rule.Does() {
		claims(r, need|l.factsOf(rule.When)&^(ofSender|ofOthers|ofRecipient), "have the exception")
	}
	if len(rule.Rollout) == 0 && x.Otherwise == rules.Known(rule.Does()) {
		r.Warnf(r.Pos(), "leave otherwise out if the mail is to pass, or write another action", "otherwise = %q is what the rule does without the exception", x.Does().String())
	}
}
