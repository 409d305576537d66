package gate

import "tlswarden/rules"

// watched is a decision that stands and was carried out, and whose rules under
// observe have yet to see the message: its record waits for that.
type watched struct {
	made
	session rules.Session
}

// watch keeps a decision until the message tells the rest, and reports whether
// there was room for it.
func (t *Transaction) watch(m made, s *rules.Session) bool {
	if len(t.watched) >= maxHeld {
		return false
	}
	t.watched = append(t.watched, watched{m, *s})
	return true
}

// Finish completes the records of the mail transaction's decisions, once its
// message is known or nothing more of it is to come: the session tells what it
// says. Nothing that was decided changes.
func (t *Transaction) Finish(s *rules.Session) {
	b := budget{until: t.until}
	defer b.end()
	t.recordLatest()
	for i := range t.watched {
		w := &t.watched[i]
		w.session.Message = s.Message
		t.gate.finish(w, &b)
	}
	t.recordWatched()
}

// finish has the rules read that waited. Plugins are asked if that comes to
// their facts now.
func (g *Gate) finish(w *watched, b *budget) {
	var asked rules.FieldSet
	for {
		w.by.policy.Finish(&w.d.Verdict, &w.session, w.by.all&^asked)
		wanted := w.d.Observes & w.by.all &^ asked
		if wanted == 0 {
			return
		}
		asked |= g.ask(w.by, &w.session, wanted, b)
	}
}

// recordWatched records the decisions that waited, with what is known.
func (t *Transaction) recordWatched() {
	for i := range t.watched {
		t.conclude(&t.watched[i].made, &t.watched[i].session)
	}
	t.watched = nil
}
