package rulefile

import (
	"errors"
	"path/filepath"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// list is a named list of entries. Which forms are right depends on what it is
// used for, so it is compiled once for each of these.
type list struct {
	name    string
	pos     tomlfile.Pos
	entries []listEntry
	sets    map[setOf]*rules.Set
}

// setOf is what a set is for: a kind of field, or one field, whose values are
// listed or are in other bounds.
type setOf struct {
	kind  rules.Kind
	field *rules.Field
}

func setFor(f *rules.Field) setOf {
	_, _, ofPlugin := f.Plugin()
	if f.Values() != nil || ofPlugin && f.Kind == rules.KindNumber {
		return setOf{f.Kind, f}
	}
	return setOf{kind: f.Kind}
}

func (l *loader) takeLists(t *tomlfile.Table) {
	for _, e := range t.Entries {
		if at, ok := l.lists[e.Key]; ok {
			l.found.Errorf(e.Pos, "", "list %q stands at %s:%d already", e.Key, at.pos.File, at.pos.Line)
			continue
		}
		l.lists[e.Key] = &list{name: e.Key, pos: e.Pos, entries: l.listEntries(e), sets: map[setOf]*rules.Set{}}
	}
}

// listEntries reads the entries where they stand, or from the file that holds
// them.
func (l *loader) listEntries(e tomlfile.Entry) []listEntry {
	switch v := e.Value.(type) {
	case tomlfile.Array:
		if len(v) == 0 {
			l.emptyList(e)
		}
		return l.scalars(e.Key, v)
	case *tomlfile.Table:
		return l.fileEntries(e, v)
	}
	hint := ""
	if text, ok := e.Value.(string); ok {
		hint = "write " + e.Key + " = [" + quote(text) + "]"
		if strings.HasSuffix(text, ".txt") || strings.Contains(text, "/") && rules.CheckEntry(text) != nil {
			hint = "write " + e.Key + " = { file = " + quote(text) + " }"
		}
	}
	l.found.Errorf(e.Pos, hint, "list %q must be an array of entries, or a table with file, not %s", e.Key, tomlfile.KindName(e.Value))
	return nil
}

// scalars drops the entries that no kind of field takes.
func (l *loader) scalars(name string, entries tomlfile.Array) []listEntry {
	var out []listEntry
	for _, e := range entries {
		switch l.plain(e.Value).(type) {
		case string, int64, bool, time.Time:
			out = l.takeEntry(out, name, e)
		default:
			l.found.Errorf(e.Pos, "", "list %q: no condition takes %s", name, tomlfile.KindName(e.Value))
		}
	}
	return out
}

func (l *loader) emptyList(e tomlfile.Entry) {
	l.found.Errorf(e.Pos, "", "list %q is empty: no condition on it would ever hold", e.Key)
}

// fileEntries reads { file = "partners.txt" }: one entry a line, with comments
// from "#" on. The name is relative to the rule file.
func (l *loader) fileEntries(e tomlfile.Entry, t *tomlfile.Table) []listEntry {
	r := tomlfile.Read(t, "list "+quote(e.Key)+": ", &l.found)
	name, pos, ok := r.String("file")
	allowEmpty, _, _ := r.Bool("allow_empty")
	r.Done()
	if !ok {
		if _, there := r.Entry("file"); !there {
			r.Errorf(e.Pos, "", "a table without file")
		}
		return nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(e.Pos.File), name)
	}
	data, err := l.opts.read(name)
	if err != nil {
		r.Errorf(pos, "", "%s %v", name, err)
		return nil
	}
	l.read = append(l.read, Source{Name: name, Data: data})
	if line, wrong, hint := notText(data); wrong != "" {
		l.found.Errorf(tomlfile.Pos{File: name, Line: line}, hint, "list %q: %s", e.Key, wrong)
		return nil
	}
	var entries []listEntry
	for _, line := range listLines(name, string(data)) {
		entries = l.takeEntry(entries, e.Key, line)
	}
	if len(entries) == 0 && !allowEmpty {
		r.Errorf(pos, "set allow_empty = true if that is meant", "%s has no entry: no condition on it would ever hold", name)
	}
	return entries
}

func listLines(file, data string) tomlfile.Array {
	var entries tomlfile.Array
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(data, "\ufeff")) {
		number++
		if i := strings.IndexByte(line, '#'); i >= 0 && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
		}
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, tomlfile.Element{Pos: tomlfile.Pos{File: file, Line: number}, Value: line})
		}
	}
	return entries
}

// maxPerList bounds the findings in one list: a file of the wrong form has as
// many as lines.
const maxPerList = 20

// listSet compiles the list for one use.
func (l *loader) listSet(li *list, use setOf) *rules.Set {
	if s, ok := li.sets[use]; ok {
		return s
	}
	s := l.newSet(use)
	li.sets[use] = s
	bad := 0
	for _, e := range li.entries {
		if bad == maxPerList {
			l.found.Errorf(e.Pos, "", "list %q: there are more lines like these", li.name)
			break
		}
		if err := e.addTo(s, l.plain(e.Value)); err != nil {
			l.badEntry(li, e, err)
			bad++
		}
	}
	return s
}

// set compiles the value of a condition or of a profile's key.
func (l *loader) set(use setOf, entries tomlfile.Array, r *tomlfile.Reader, at tomlfile.Entry) *rules.Set {
	s, key := l.newSet(use), at.Key
	if len(entries) == 0 {
		r.Errorf(at.Pos, "", "%s is an empty list", key)
	}
	for _, e := range entries {
		text, _ := e.Value.(string)
		bare, negated := strings.CutPrefix(text, "!")
		if name, ok := l.listName(bare); ok {
			li := l.lists[name]
			if li == nil {
				r.Errorf(e.Pos, l.noListHint(use.kind, name), "%s: there is no list %q", key, name)
				continue
			}
			s.AddSet(l.listSet(li, use), negated)
			continue
		}
		if err := s.Add(l.plain(e.Value)); err != nil {
			r.Errorf(e.Pos, hintFor(err), "%s: %v", key, err)
		}
	}
	return s
}

// listName is the list that an entry names. In Postfix tables "@example.org" is a
// pattern for all addresses of a domain; so it is here, unless a list is called that.
func (l *loader) listName(entry string) (name string, ok bool) {
	name, ok = strings.CutPrefix(strings.TrimSpace(entry), "@")
	return name, ok && (l.lists[name] != nil || !rules.LooksLikeDomain(name))
}

// noListHint helps with a list that does not exist: it may be misspelt, or a host.
func (l *loader) noListHint(kind rules.Kind, name string) string {
	if hint := tomlfile.DidYouMean(name, l.listNames()); hint != "" || kind != rules.KindMailbox || name == "" {
		return hint
	}
	return "for all addresses of a host write " + quote("*@"+name)
}

func (l *loader) listNames() []string {
	var names []string
	for name := range l.lists {
		names = append(names, name)
	}
	return names
}

func hintFor(err error) string {
	var unknown *rules.UnknownCipherError
	if errors.As(err, &unknown) && unknown.Nearest != "" {
		return "did you mean " + unknown.Nearest + "?"
	}
	var version *rules.UnknownVersionError
	if errors.As(err, &version) && version.Meant != "" {
		return "write " + quote(version.Meant)
	}
	var date *rules.BadDateError
	if errors.As(err, &date) {
		return tomlfile.DateHint("", date.Text)
	}
	var value *rules.UnknownValueError
	if !errors.As(err, &value) {
		return ""
	}
	if hint := tomlfile.DidYouMean(value.Entry, value.Values); hint != "" {
		return hint
	}
	if f := rules.FieldByName(value.Field); f != nil && ofOthers.Has(f.ID) {
		return "if the filter writes any other word, the fact is unknown: use on_unknown for such mail"
	}
	return ""
}

// implausible reports entries of a list that nothing uses which no field could ever
// equal.
func (l *loader) implausible(li *list) {
	bad := 0
	for _, e := range li.entries {
		text, ok := e.Value.(string)
		if !ok {
			continue
		}
		if err := rules.CheckEntry(text); err != nil && bad < maxPerList {
			l.badEntry(li, e, err)
			bad++
		}
	}
}

// badEntry reports an entry, in the words of where it stands: a rule file, or a file
// of its own with an entry a line.
func (l *loader) badEntry(li *list, e listEntry, err error) {
	hint, message := hintFor(err), err.Error()
	if e.Pos.File != li.pos.File {
		text, _ := e.Value.(string)
		var several *rules.SeveralError
		switch {
		case strings.HasSuffix(text, ",") || strings.HasSuffix(text, ";"):
			hint = "leave " + quote(text[len(text)-1:]) + " out"
		case strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'"):
			hint = "leave the quotes out"
		case strings.Contains(text, " ;") || strings.Contains(text, " //"):
			hint = "a comment begins with #"
		case errors.As(err, &several):
			message = quote(text) + " is more than one entry; put each on a line of its own"
		}
	}
	l.found.Errorf(e.Pos, hint, "list %q: %s", li.name, message)
}
