package gate

import (
	"context"
	"time"

	"tlswarden/rules"
)

// Budget bounds what one decision may take with all that is asked for it.
// Sendmail by default waits 10 s for a milter.
const Budget = 8 * time.Second

// Source supplies facts that no front end has: those of plugins.
type Source interface {
	// Ask sets those of the wanted facts that it can find out before ctx ends.
	// The others stay unknown.
	Ask(ctx context.Context, s *rules.Session, wanted []*rules.Field)
}

// evaluate decides a session. Where the reading comes to a fact of a plugin, the
// plugin is asked for all that the rules want of it, and the reading begins anew.
func (g *Gate) evaluate(by *snapshot, s *rules.Session, later rules.FieldSet, id string) rules.Decision {
	if len(by.supplied) == 0 {
		return by.policy.Decide(s, later, id)
	}
	s.ForgetSupplied()
	var asked rules.FieldSet
	var ctx context.Context
	for {
		d := by.policy.Decide(s, later|by.all&^asked, id)
		wanted := d.Waits & by.all &^ asked
		if !d.Pending || wanted == 0 {
			return d
		}
		if ctx == nil {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.Background(), Budget)
			defer cancel()
		}
		var fields []*rules.Field
		for _, p := range by.supplied {
			if wanted&p.facts != 0 {
				fields = append(fields, p.fields...)
				asked |= p.facts
			}
		}
		if g.source != nil {
			g.source.Ask(ctx, s, fields)
		}
	}
}

// suppliedBy are the facts of one plugin that the rules look at.
type suppliedBy struct {
	plugin string
	fields []*rules.Field
	facts  rules.FieldSet
}

// takeSupplied sorts the facts that the rules look at by their plugins.
func (s *snapshot) takeSupplied() {
	at := map[string]int{}
	for _, f := range s.policy.Supplied() {
		plugin, _, _ := f.Plugin()
		i, ok := at[plugin]
		if !ok {
			i = len(s.supplied)
			at[plugin] = i
			s.supplied = append(s.supplied, suppliedBy{plugin: plugin})
		}
		p := &s.supplied[i]
		p.fields = append(p.fields, f)
		p.facts |= rules.SetOf(f.ID)
		s.all |= rules.SetOf(f.ID)
	}
}
