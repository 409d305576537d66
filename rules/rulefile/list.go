package rulefile

import (
	"errors"
	"strings"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// list is a named list of entries. Which forms are right depends on the field
// that it is used for, so it is compiled once for each kind of field.
type list struct {
	name    string
	pos     tomlfile.Pos
	entries tomlfile.Array
	sets    map[rules.Kind]*rules.Set
}

func (l *loader) takeLists(t *tomlfile.Table) {
	for _, e := range t.Entries {
		if at, ok := l.lists[e.Key]; ok {
			l.found.Errorf(e.Pos, "", "list %q stands at %s:%d already", e.Key, at.pos.File, at.pos.Line)
			continue
		}
		a, ok := e.Value.(tomlfile.Array)
		if !ok {
			l.found.Errorf(e.Pos, "", "list %q must be an array of entries, not %s", e.Key, tomlfile.KindName(e.Value))
			a = nil
		} else if len(a) == 0 {
			l.found.Errorf(e.Pos, "", "list %q is empty: no condition on it would ever hold", e.Key)
		}
		l.lists[e.Key] = &list{name: e.Key, pos: e.Pos, entries: a, sets: map[rules.Kind]*rules.Set{}}
	}
}

// set compiles the list for one kind of field.
func (l *loader) listSet(li *list, kind rules.Kind) *rules.Set {
	if s, ok := li.sets[kind]; ok {
		return s
	}
	s := rules.NewSet(kind)
	li.sets[kind] = s
	for _, e := range li.entries {
		if text, ok := e.Value.(string); ok && strings.HasPrefix(strings.TrimPrefix(text, "!"), "@") {
			l.found.Errorf(e.Pos, "", "list %q: a list cannot name another list", li.name)
			continue
		}
		if err := s.Add(plain(e.Value)); err != nil {
			l.found.Errorf(e.Pos, hintFor(err), "list %q: %v", li.name, err)
		}
	}
	return s
}

// set compiles the value of a condition or of a profile's key.
func (l *loader) set(kind rules.Kind, entries tomlfile.Array, r *tomlfile.Reader, at tomlfile.Entry) *rules.Set {
	s, key := rules.NewSet(kind), at.Key
	if len(entries) == 0 {
		r.Errorf(at.Pos, "", "%s is an empty list", key)
	}
	for _, e := range entries {
		text, _ := e.Value.(string)
		bare, negated := strings.CutPrefix(text, "!")
		if name, ok := strings.CutPrefix(strings.TrimSpace(bare), "@"); ok {
			li := l.lists[name]
			if li == nil {
				r.Errorf(e.Pos, l.noListHint(kind, name), "%s: there is no list %q", key, name)
				continue
			}
			s.AddSet(l.listSet(li, kind), negated)
			continue
		}
		if err := s.Add(plain(e.Value)); err != nil {
			r.Errorf(e.Pos, hintFor(err), "%s: %v", key, err)
		}
	}
	return s
}

// noListHint helps with a list that does not exist. In Postfix tables "@domain"
// is a pattern for mailboxes, so that admins may expect it here.
func (l *loader) noListHint(kind rules.Kind, name string) string {
	if hint := suggest(name, l.listNames()); hint != "" || kind != rules.KindMailbox {
		return hint
	}
	return "for a whole domain put the condition on the domain's field"
}

func (l *loader) listNames() []string {
	var names []string
	for name := range l.lists {
		names = append(names, name)
	}
	return names
}

// suggest is the hint for a misspelt name.
func suggest(word string, names []string) string {
	if near := tomlfile.Suggest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

func hintFor(err error) string {
	var unknown *rules.UnknownCipherError
	if errors.As(err, &unknown) && unknown.Nearest != "" {
		return "did you mean " + unknown.Nearest + "?"
	}
	return ""
}
