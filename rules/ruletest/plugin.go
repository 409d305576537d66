package ruletest

import (
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// fieldOf finds a field by its name, those of plugins among those that the
// policy looks at. The policy may be nil.
func fieldOf(p *rules.Policy, name string) *rules.Field {
	if f := rules.FieldByName(name); f != nil || p == nil {
		return f
	}
	for _, f := range p.Supplied() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func isSupplied(f *rules.Field) bool {
	_, _, ok := f.Plugin()
	return ok
}

// ofPlugin takes the fact of a plugin at which no rule is known to look: an error
// if there are rules, for it would say nothing.
func ofPlugin(r *tomlfile.Reader, e tomlfile.Entry, p *rules.Policy, facts Facts) {
	if p == nil {
		facts[e.Key] = e.Value
		return
	}
	var names []string
	for _, f := range p.Supplied() {
		names = append(names, f.Name)
	}
	r.Errorf(e.Pos, tomlfile.DidYouMean(e.Key, names), "%s says nothing: no rule looks at it", e.Key)
}

// SessionFor builds the session that the facts describe as a policy judges it:
// with the facts of plugins that it looks at.
func (f Facts) SessionFor(p *rules.Policy, now time.Time) *rules.Session {
	s := f.Session(now)
	f.Supply(p, s)
	return s
}

// Supply sets those of the facts in a session that are of plugins at which a
// policy looks.
func (f Facts) Supply(p *rules.Policy, s *rules.Session) {
	for _, field := range p.Supplied() {
		if v, given := f[field.Name]; given {
			_ = s.SetSupplied(field, v) // Parse has checked the value
		}
	}
}
