package gate

import (
	"context"
	"time"

	"tlswarden/rules"
)

// Budget bounds what one answer to an MTA may take with all that is asked for it,
// whatever the number of its recipients. Sendmail by default waits 10 s.
const Budget = 8 * time.Second

// Source supplies facts that no front end has: those of plugins.
type Source interface {
	// Ask sets those of the facts that a policy wants which it can find out before
	// ctx ends. The others stay unknown.
	Ask(ctx context.Context, by *rules.Policy, s *rules.Session, wanted []*rules.Field)
}

// budget is the time that one answer to an MTA has for all that is asked for it.
type budget struct {
	ctx    context.Context
	cancel context.CancelFunc
	until  time.Time // not later than that; zero: no such bound
}

// context returns the bound, which runs from the first question on.
func (b *budget) context() context.Context {
	if b.ctx == nil {
		end := time.Now().Add(Budget)
		if !b.until.IsZero() && b.until.Before(end) {
			end = b.until
		}
		b.ctx, b.cancel = context.WithDeadline(context.Background(), end)
	}
	return b.ctx
}

func (b *budget) end() {
	if b.cancel != nil {
		b.cancel()
	}
}

// evaluate decides a session. Where the reading comes to a fact of a plugin, the
// plugin is asked for all that the rules want of it, and the reading begins anew. What
// plugins lack because of an address whose mailbox is still to come is so, too. What
// rules under observe want is asked for last, so that it takes no time from what
// decides.
func (g *Gate) evaluate(by *snapshot, s *rules.Session, later rules.FieldSet, id string, b *budget) rules.Decision {
	if len(by.supplied) == 0 {
		return by.policy.Decide(s, later, id)
	}
	s.ForgetSupplied()
	spelling := later & s.Misspelt()
	var asked rules.FieldSet
	for {
		d := by.policy.Decide(s, later|by.all&^asked, id)
		wanted := (d.Waits | d.Observes) & by.all &^ asked // one of the two is empty
		if wanted == 0 {
			return d
		}
		asked |= g.ask(by, s, wanted, b)
		if spelling != 0 {
			later |= s.Misspelt()
		}
	}
}

// ask asks the plugins that have the wanted facts and returns all that they have.
func (g *Gate) ask(by *snapshot, s *rules.Session, wanted rules.FieldSet, b *budget) rules.FieldSet {
	var fields []*rules.Field
	var facts rules.FieldSet
	for _, p := range by.supplied {
		if wanted&p.facts != 0 {
			fields = append(fields, p.fields...)
			facts |= p.facts
		}
	}
	if ctx := b.context(); g.source != nil && ctx.Err() == nil {
		g.source.Ask(ctx, by.policy, s, fields)
	}
	return facts
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
