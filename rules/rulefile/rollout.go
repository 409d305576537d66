package rulefile

import (
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// warnDays is how many days before a rule's end check and the log speak of it.
const warnDays = 14

// ExpiresSoon reports whether a rule is over or within two weeks of its end.
func ExpiresSoon(r *rules.Rule, now time.Time) bool {
	end, ok := r.Expires.Get()
	year, month, day := end.Date()
	return ok && !now.Before(civil.StartOfDay(year, month, day-warnDays, end.Location()))
}

// times reads what a rule has to do with time: expires and rollout.
func (l *loader) times(r *tomlfile.Reader, rule *rules.Rule) {
	if e, ok := r.Entry("expires"); ok {
		if d, ok := e.Value.(tomlfile.LocalDate); ok {
			rule.Expires = rules.Known(d.End(l.zone))
			l.expiry(r, rule, e.Pos)
		} else {
			r.Errorf(e.Pos, "write expires = 2027-01-31, without quotes", "expires must be a date, not %s", tomlfile.KindName(e.Value))
		}
	}
	steps := r.Tables("rollout")
	e, given := r.Entry("rollout")
	switch {
	case !given:
		return
	case rule.Exempts():
		r.Errorf(e.Pos, "", "an exemption has no rollout")
	case rule.Observe:
		r.Errorf(e.Pos, "leave observe out: before its first step a rollout observes", "observe = true keeps the rollout from ever beginning")
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

// expiry warns of a rule that is over, or will be soon.
func (l *loader) expiry(r *tomlfile.Reader, rule *rules.Rule, pos tomlfile.Pos) {
	end, _ := rule.Expires.Get()
	switch {
	case rule.Expired(l.now):
		r.Warnf(pos, "remove the rule, or give it a new date", "the rule has expired")
	case ExpiresSoon(rule, l.now):
		r.Warnf(pos, "", "the rule expires on %s", end.Add(-time.Second).Format(time.DateOnly))
	}
}

// step reads one step of a rollout.
func (l *loader) step(r *tomlfile.Reader, rule *rules.Rule, t *tomlfile.Table) {
	s := tomlfile.Read(t, "rule "+quote(rule.Name)+": rollout: ", &l.found)
	step := rules.RolloutStep{Percent: 100}
	if e, ok := s.Entry("from"); !ok {
		s.Errorf(s.Pos(), "add from = 2027-01-31", "a step has no from")
	} else if step.From, ok = l.moment(e.Value); !ok {
		s.Errorf(e.Pos, "write from = 2027-01-31, without quotes", "from must be a date, not %s", tomlfile.KindName(e.Value))
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
