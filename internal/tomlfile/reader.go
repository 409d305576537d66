package tomlfile

import (
	"fmt"
	"slices"
)

// Reader takes the entries of one table, checks their kinds, and in the end
// reports those that nobody asked for. Its findings start with the table's
// subject, such as `rule "x": `.
type Reader struct {
	table   *Table
	subject string
	found   *Diagnostics
	known   []string
}

// Read returns a reader of a table. The subject may be empty.
func Read(t *Table, subject string, found *Diagnostics) *Reader {
	return &Reader{table: t, subject: subject, found: found}
}

// Pos is where the table stands.
func (r *Reader) Pos() Pos { return r.table.Pos }

// Errorf reports an error about the table.
func (r *Reader) Errorf(p Pos, hint, format string, args ...any) {
	r.found.add(Error, p, hint, r.subject+fmt.Sprintf(format, args...))
}

// Warnf reports a warning about the table.
func (r *Reader) Warnf(p Pos, hint, format string, args ...any) {
	r.found.add(Warning, p, hint, r.subject+fmt.Sprintf(format, args...))
}

// Entry takes an entry of any kind.
func (r *Reader) Entry(key string) (Entry, bool) {
	r.known = append(r.known, key)
	return r.table.Get(key)
}

// take takes an entry of one kind; another kind is an error.
func take[T any](r *Reader, key, want string) (T, Pos, bool) {
	e, ok := r.Entry(key)
	if !ok {
		var zero T
		return zero, Pos{}, false
	}
	v, ok := e.Value.(T)
	if !ok {
		r.Errorf(e.Pos, "", "%s must be %s, not %s", key, want, KindName(e.Value))
	}
	return v, e.Pos, ok
}

// String takes a string.
func (r *Reader) String(key string) (string, Pos, bool) { return take[string](r, key, "a string") }

// Bool takes a boolean.
func (r *Reader) Bool(key string) (bool, Pos, bool) {
	return take[bool](r, key, "true or false")
}

// Int takes an integer.
func (r *Reader) Int(key string) (int64, Pos, bool) { return take[int64](r, key, "an integer") }

// Table takes a table.
func (r *Reader) Table(key string) (*Table, Pos, bool) { return take[*Table](r, key, "a table") }

// Tables takes an array of tables: [[key]], or inline tables in an array.
func (r *Reader) Tables(key string) []*Table {
	e, ok := r.Entry(key)
	if !ok {
		return nil
	}
	if ts, ok := e.Value.([]*Table); ok {
		return ts
	}
	var ts []*Table
	a, ok := e.Value.(Array)
	for _, x := range a {
		t, is := x.Value.(*Table)
		ok = ok && is
		ts = append(ts, t)
	}
	if !ok {
		r.Errorf(e.Pos, "write [["+key+"]] above each", "%s must be an array of tables, not %s", key, KindName(e.Value))
		return nil
	}
	return ts
}

// List takes an array, or a single value as an array of one.
func (r *Reader) List(key string) (Array, bool) {
	e, ok := r.Entry(key)
	if !ok {
		return nil, false
	}
	if a, ok := e.Value.(Array); ok {
		return a, true
	}
	return Array{{e.Pos, e.Value, e.Span}}, true
}

// Strings takes an array of strings, or a single string.
func (r *Reader) Strings(key string) (Array, bool) {
	a, ok := r.List(key)
	for _, e := range a {
		if _, is := e.Value.(string); !is {
			r.Errorf(e.Pos, "", "%s takes strings, not %s", key, KindName(e.Value))
			ok = false
		}
	}
	return a, ok
}

// Done reports the entries that were not taken, each with the nearest key that
// was asked for.
func (r *Reader) Done() {
	for _, e := range r.table.Entries {
		if slices.Contains(r.known, e.Key) {
			continue
		}
		r.Errorf(e.Pos, DidYouMean(e.Key, r.known), "unknown key %q", e.Key)
	}
}
