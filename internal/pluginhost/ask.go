package pluginhost

import (
	"context"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"tlswarden/plugins/proto"
	"tlswarden/rules"
)

// Ask asks the plugins whose facts a policy wants, all at once, and sets in the
// session what they answer before ctx ends. Facts that no plugin gives stay as they
// are; those for which the plugin would need an address that the client wrote so that
// its mailbox is unknown are misspelt.
func (h *Host) Ask(ctx context.Context, by *rules.Policy, s *rules.Session, wanted []*rules.Field) {
	var room [4]question
	questions := room[:0]
	for _, f := range wanted {
		name, key, _ := f.Plugin()
		p := h.plugins[name]
		if p == nil {
			continue
		}
		q := findQuestion(questions, p)
		if q == nil {
			questions = append(questions, p.ask(by, s))
			q = &questions[len(questions)-1]
		}
		switch {
		case q.misspelt:
			s.SetMisspelt(f)
		case q.answer != nil:
			q.supply(s, f, key)
		}
	}
	for i := range questions {
		if q := &questions[i]; q.flight != nil {
			q.wait(ctx)
			for _, f := range wanted {
				if name, key, _ := f.Plugin(); q.answer != nil && h.plugins[name] == q.plugin {
					q.supply(s, f, key)
				}
			}
		}
	}
}

// question is what one plugin is asked for one session.
type question struct {
	plugin   *supervisor
	answer   *answer                    // nil: there is none, yet
	flight   <-chan singleflight.Result // nil: nothing is to come
	misspelt bool                       // it is not asked for want of a mailbox
}

func findQuestion(questions []question, p *supervisor) *question {
	for i := range questions {
		if questions[i].plugin == p {
			return &questions[i]
		}
	}
	return nil
}

// supply sets one wanted fact, if the plugin gave it.
func (q *question) supply(s *rules.Session, f *rules.Field, key string) {
	value, ok := q.answer.facts[key]
	if !ok {
		return
	}
	if err := s.SetSupplied(f, value); err != nil {
		q.plugin.warn("plugin gave a value that is not used", "error", err.Error())
	}
}

// wait takes the answer, if it comes in time.
func (q *question) wait(ctx context.Context) {
	select {
	case r := <-q.flight:
		q.answer, _ = r.Val.(*answer)
	case <-ctx.Done():
	}
}

// ask looks for the answer in the cache, and else begins to ask the plugin.
func (p *supervisor) ask(by *rules.Policy, s *rules.Session) question {
	q := question{plugin: p}
	in := p.current.Load()
	if in == nil {
		p.counts.absent.Add(1)
		return q
	}
	if in.described.misspelt(s) {
		q.misspelt = true
		return q
	}
	var room [256]byte
	key := string(in.described.appendKey(binary.AppendUvarint(room[:0], p.purged.Load()), by, s))
	if a, ok := p.answers.Get(key); ok && p.now().Before(a.expires) {
		p.counts.cached.Add(1)
		q.answer = a
		return q
	}
	if in.retired.Load() || p.resting() {
		p.counts.absent.Add(1)
		return q
	}
	request := in.described.request(by, s)
	if request == nil {
		return q // it lacks what it needs, and would know nothing
	}
	q.flight = p.flights.DoChan(key, func() (any, error) { return p.call(in, key, request), nil })
	return q
}

// misspelt reports whether the plugin is not asked because of how the client wrote an
// address. It could answer without an address that is optional; but where its answer
// depends on that, clients would choose the answer.
func (d *description) misspelt(s *rules.Session) bool {
	why := s.Misspelt()
	if why&d.depends == 0 {
		return false
	}
	for _, n := range d.needs {
		if _, known := n.field.Read(s); !known && !n.optional && !why.Has(n.field.ID) {
			return false // nor would it be asked had the address been written otherwise
		}
	}
	return true
}

// appendKey writes the facts on which an answer depends: for each whether it is
// known, and its value with its length, and the other forms of that, so that no two
// sessions that differ in them have the same key. It begins with the number of the
// description: another one can have other facts.
func (d *description) appendKey(key []byte, by *rules.Policy, s *rules.Session) []byte {
	key = binary.AppendUvarint(key, d.number)
	for _, f := range d.key {
		v, known := f.Read(s)
		if !known {
			key = append(key, 0)
			continue
		}
		if number(f.Kind) {
			key = binary.AppendVarint(append(key, 1), v.Number)
			continue
		}
		also := by.Also(f, v)
		key = appendText(append(key, 2), f.Format(v))
		key = binary.AppendUvarint(key, uint64(len(also)))
		for _, form := range also {
			key = appendText(key, form)
		}
	}
	return key
}

func appendText(key []byte, text string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

// number says whether a plugin is told the number of a value, and not its text.
func number(k rules.Kind) bool {
	return k == rules.KindNumber || k == rules.KindTime || k == rules.KindBool
}

// request is what the plugin is told of the session, nil if something is unknown
// without which it cannot answer. Nothing in it belongs to the session: the call
// may last longer than that.
func (d *description) request(by *rules.Policy, s *rules.Session) *proto.LookupRequest {
	r := &proto.LookupRequest{Facts: make(map[string]*proto.Value, len(d.needs))}
	for _, n := range d.needs {
		v, known := n.field.Read(s)
		if known {
			r.Facts[n.field.Name] = wireValue(by, n.field, v)
		} else if !n.optional {
			return nil
		}
	}
	return r
}

// wireValue is a value as plugins are told it, with its other forms under a policy.
func wireValue(by *rules.Policy, f *rules.Field, v rules.Value) *proto.Value {
	switch {
	case f.Kind == rules.KindBool:
		return &proto.Value{Kind: &proto.Value_Flag{Flag: v.Number != 0}}
	case number(f.Kind):
		return &proto.Value{Kind: &proto.Value_Number{Number: v.Number}}
	}
	also := by.Also(f, v)
	for i, form := range also {
		also[i] = wireText(form)
	}
	return &proto.Value{Kind: &proto.Value_Text{Text: wireText(f.Format(v))}, Also: also}
}

// wireText is a copy of a text. Of one that is not UTF-8, which senders can make, the
// octets that are not are replaced: the contract has no others.
func wireText(text string) string {
	if !utf8.ValidString(text) {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.Clone(text)
}
