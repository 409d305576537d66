package rulefile

import (
	"cmp"
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// warnDays is how many days before a rule's end check and the log speak of it.
const warnDays = 14

// EndsSoon reports whether an end is past, or within two weeks.
func EndsSoon(end, now time.Time) bool {
	year, month, day := end.Date()
	return !now.Before(civil.StartOfDay(year, month, day-warnDays, end.Location()))
}

// times reads what a rule has to do with time: expires and rollout.
func (l *loader) times(r *tomlfile.Reader, rule *rules.Rule) {
	rule.Expires = l.expires("the rule", r)
	steps := r.Tables("rollout")
	e, given := r.Entry("rollout")
	switch {
	case !given:
		return
	case rule.Exempts():
		r.Errorf(e.Pos, "", "an exemption has no rollout")
	case rule.Observe:
		r.Errorf(e.Pos, "leave observe out: before its first step a rollout observes; to stop one that runs, write rollout = [{ from = 2020-01-01, observe = true }]", "observe = true keeps the rollout from ever beginning")
	case isEmpty(e.Value):
		r.Errorf(e.Pos, "", "the rollout has no step")
	}
	for _, t := range steps {
		l.step(r, rule, t)
	}
}

func isEmpty(v any) bool {
	a, ok := v.(tomlfile.Array)
	return ok && len(a) == 0
}

// expires reads the last day on which what is read, and warns if that is over or
// soon will be.
func (l *loader) expires(what string, r *tomlfile.Reader) rules.Fact[time.Time] {
	e, ok := r.Entry("expires")
	if !ok {
		return rules.Fact[time.Time]{}
	}
	d, ok := e.Value.(tomlfile.LocalDate)
	if !ok {
		hint := "write expires = 2027-01-31, without quotes"
		if text, ok := e.Value.(string); ok {
			hint = cmp.Or(tomlfile.DateHint("expires = ", text), hint)
		}
		r.Errorf(e.Pos, hint, "expires must be a date, not %s", tomlfile.KindName(e.Value))
		return rules.Fact[time.Time]{}
	}
	end := d.End(l.zone)
	switch {
	case !l.now.Before(end):
		r.Warnf(e.Pos, "remove "+what+", or give it a new date", "%s has expired", what)
	case EndsSoon(end, l.now):
		r.Warnf(e.Pos, "", "%s expires on %s", what, end.Add(-time.Second).Format(time.DateOnly))
	}
	return rules.Known(end)
}

// step reads one step of a rollout.
func (l *loader) step(r *tomlfile.Reader, rule *rules.Rule, t *tomlfile.Table) {
	s := tomlfile.Read(t, "rule "+quote(rule.Name)+": rollout: ", &l.found)
	step := rules.RolloutStep{Percent: 100}
	if e, ok := s.Entry("from"); !ok {
		s.Errorf(s.Pos(), "add from = 2027-01-31", "a step has no from")
	} else if step.From, ok = l.moment(e.Value); !ok {
		hint := "write from = 2027-01-31, without quotes"
		if text, ok := e.Value.(string); ok {
			hint = cmp.Or(tomlfile.DateHint("from = ", text), hint)
		}
		s.Errorf(e.Pos, hint, "from must be a date, not %s", tomlfile.KindName(e.Value))
	} else if n := len(rule.Rollout); n > 0 && !step.From.After(rule.Rollout[n-1].From) {
		s.Errorf(e.Pos, "", "the step does not begin after the one before it")
	}
	if a, _, ok := l.action(s, "action", rules.ActionNames()[1:]); ok {
		step.Action = rules.Known(a)
	}
	if b, _, ok := s.Bool("observe"); ok {
		step.Observe = b
	}
	if n, pos, ok := s.Int("percent"); ok {
		if n < 1 || n > 100 {
			s.Errorf(pos, "", "percent must be from 1 to 100, not %d", n)
		}
		step.Percent = int(n)
	}
	s.Done()
	rule.Rollout = append(rule.Rollout, step)
}

// moment is a point of time: a date stands for its start in the daemon's zone.
func (l *loader) moment(v any) (time.Time, bool) {
	switch d := v.(type) {
	case time.Time:
		return d, true
	case tomlfile.LocalDate:
		return d.In(l.zone), true
	case tomlfile.LocalDateTime:
		return d.In(l.zone), true
	}
	return time.Time{}, false
}
