package rulefile

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// Plugin is what is known of a plugin that rules can ask.
type Plugin struct {
	Offers map[string]Offer // its facts by their keys; nil: not known, so that rules may name any
	Needs  rules.FieldSet   // the facts that its answers depend on; 0: not known
}

// Offer is a fact that a plugin offers.
type Offer struct {
	Kind    rules.Kind
	Meaning string
}

// IsName says whether rules can call a plugin or its fact so: at most 64 lower-case
// letters of ASCII, digits and "_", the first one a letter.
func IsName(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return s != "" && len(s) <= 64 && strings.Trim(s[:1], letters) == "" && strings.Trim(s, letters+"0123456789_") == ""
}

// CutPlugin splits plugin.NAME.KEY. It is not ok if that is no name of this form;
// ours says whether it begins like one.
func CutPlugin(field string) (plugin, key string, ours, ok bool) {
	parts := strings.Split(field, ".")
	if ours = parts[0] == "plugin"; !ours || len(parts) != 3 {
		return "", "", ours, false
	}
	return parts[1], parts[2], true, IsName(parts[1]) && IsName(parts[2])
}

// field finds the field that a condition is on, and reports if there is none.
func (l *loader) field(r *tomlfile.Reader, e tomlfile.Entry) *rules.Field {
	if f := rules.FieldByName(e.Key); f != nil {
		return f
	}
	plugin, key, ours, ok := CutPlugin(e.Key)
	switch {
	case !ours:
		r.Errorf(e.Pos, FieldHint(e.Key), "there is no field %q", e.Key)
		return nil
	case !ok:
		r.Errorf(e.Pos, "the fact of a plugin is written plugin.NAME.KEY; the names have lower-case letters, digits and \"_\"", "there is no field %q", e.Key)
		return nil
	}
	offer, ok := l.offer(r, e, plugin, key)
	if !ok {
		return nil
	}
	f, err := l.supplied.Field(plugin, key, offer.Kind, offer.Meaning)
	if err != nil {
		r.Errorf(e.Pos, "", "%s: %v", e.Key, err)
		return nil
	}
	return f
}

// offer is what a plugin says of its fact or, if it cannot be asked, what the
// rules make of it.
func (l *loader) offer(r *tomlfile.Reader, e tomlfile.Entry, plugin, key string) (Offer, bool) {
	if l.opts.Plugins == nil {
		return Offer{Kind: l.guessed[e.Key]}, true
	}
	p, ok := l.opts.Plugins[plugin]
	if !ok {
		names := slices.Sorted(maps.Keys(l.opts.Plugins))
		hint := tomlfile.DidYouMean(plugin, names)
		if hint == "" {
			hint = "add [plugin." + plugin + "] to the configuration"
		}
		r.Errorf(e.Pos, hint, "%s: the configuration has no plugin %q", e.Key, plugin)
		return Offer{}, false
	}
	if p.Offers == nil {
		return Offer{Kind: l.guessed[e.Key]}, true
	}
	offer, ok := p.Offers[key]
	if !ok {
		names := slices.Sorted(maps.Keys(p.Offers))
		hint := tomlfile.DidYouMean(key, names)
		if hint == "" {
			hint = "it offers " + strings.Join(names, ", ")
		}
		r.Errorf(e.Pos, hint, "%s: the plugin %q offers no fact %q", e.Key, plugin, key)
	}
	return offer, ok
}

// guess finds out of which kind the facts of plugins are by what all conditions
// on them compare them with, for those plugins that cannot be asked.
func (l *loader) guess() {
	values := map[string][]any{}
	for _, t := range l.rules {
		l.valuesOf(values, t)
		e, _ := t.Get("except")
		except, _ := e.Value.([]*tomlfile.Table)
		for _, t := range except {
			l.valuesOf(values, t)
		}
	}
	l.guessed = map[string]rules.Kind{}
	for name, vs := range values {
		l.guessed[name] = guessKind(vs)
	}
}

// valuesOf adds what the conditions of one table compare the facts of plugins with.
func (l *loader) valuesOf(values map[string][]any, t *tomlfile.Table) {
	e, _ := t.Get("when")
	when, ok := e.Value.(*tomlfile.Table)
	if !ok {
		return
	}
	for _, e := range Flatten("", when) {
		if _, _, _, ok := CutPlugin(e.Key); ok {
			values[e.Key] = l.entriesOf(values[e.Key], e.Value)
		}
	}
}

// explainGuess adds to findings in a condition why its field is of its kind, if
// that is a guess.
func (l *loader) explainGuess(f *rules.Field, found tomlfile.Diagnostics) {
	if kind, guessed := l.guessed[f.Name]; !guessed || kind == rules.KindName || l.known(f) {
		return
	}
	for i := range found {
		if found[i].Hint == "" {
			found[i].Hint = "the plugin is not there to ask: by what rules compare " + f.Name + " with, it is " + f.Kind.A()
		}
	}
}

// known says whether the plugin of a field has told what it offers.
func (l *loader) known(f *rules.Field) bool {
	plugin, _, _ := f.Plugin()
	return l.opts.Plugins[plugin].Offers != nil
}

// entriesOf appends the entries of a condition, those of lists included.
func (l *loader) entriesOf(to []any, v any) []any {
	switch v := v.(type) {
	case tomlfile.Array:
		for _, e := range v {
			to = l.entriesOf(to, e.Value)
		}
		return to
	case string:
		if name, ok := l.listName(bare(v)); ok {
			if li := l.lists[name]; li != nil {
				for _, e := range li.entries {
					to = append(to, l.plain(e.Value))
				}
			}
			return to
		}
		return append(to, v)
	}
	return append(to, l.plain(v))
}

// guessKind is the kind that some entries tell of: boolean, number or time by an
// entry that goes with nothing else, address if all can be that, domain if one
// stands for subdomains, and else name.
func guessKind(entries []any) rules.Kind {
	below := false
	for _, e := range entries {
		switch v := e.(type) {
		case bool:
			return rules.KindBool
		case int64:
			return rules.KindNumber
		case time.Time:
			return rules.KindTime
		case string:
			v = bare(v)
			if bound, ok := cutOperator(v); ok {
				return orderedKind(bound)
			}
			below = below || strings.HasPrefix(v, ".") || strings.HasPrefix(v, "*.")
		}
	}
	switch {
	case len(entries) > 0 && goesWith(rules.KindAddress, entries):
		return rules.KindAddress
	case below && goesWith(rules.KindDomain, entries):
		return rules.KindDomain
	}
	return rules.KindName
}

// bare is an entry without its "!".
func bare(entry string) string {
	if rest, negated := strings.CutPrefix(entry, "!"); negated {
		return strings.TrimSpace(rest)
	}
	return entry
}

// goesWith says whether a condition on a kind of field takes all entries.
func goesWith(kind rules.Kind, entries []any) bool {
	s := rules.NewSet(kind)
	return !slices.ContainsFunc(entries, func(e any) bool { return s.Add(e) != nil })
}

// cutOperator returns the bound of a comparison.
func cutOperator(entry string) (bound string, ok bool) {
	bound = strings.TrimLeft(entry, "<>=")
	return strings.TrimSpace(bound), bound != entry && !strings.HasPrefix(entry, "=") && !strings.HasSuffix(entry, ">")
}

// orderedKind tells numbers from dates, which have a hyphen within.
func orderedKind(bound string) rules.Kind {
	if strings.LastIndexByte(bound, '-') > 0 {
		return rules.KindTime
	}
	return rules.KindNumber
}

// looksAt is the facts that a rule depends on, for those of plugins the facts
// that these look at, if they are known.
func (l *loader) looksAt(rule *rules.Rule) rules.FieldSet {
	need := l.factsOf(rule.When)
	if rule.Require != nil {
		need |= rule.Require.Needs()
	}
	return need
}

// factsOf is the same for some conditions.
func (l *loader) factsOf(when []rules.Condition) rules.FieldSet {
	var need rules.FieldSet
	for i := range when {
		f := when[i].Field
		need |= rules.SetOf(f.ID)
		if plugin, _, ok := f.Plugin(); ok && l.opts.Plugins[plugin].Needs != 0 {
			need = need&^rules.SetOf(f.ID) | l.opts.Plugins[plugin].Needs
		}
	}
	return need
}
