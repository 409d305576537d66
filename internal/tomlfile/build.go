package tomlfile

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// builder makes the tree: structure and lines from the marks of the text, names
// from the decoder's list of keys, values from the decoded document.
type builder struct {
	file  string
	marks []mark     // what is still to come
	keys  []toml.Key // one for each header and key in marks
	fault *fault     // the first thing on which marks and document disagree
}

// branch is a table of the tree with its decoded counterpart.
type branch struct {
	table  *Table
	values map[string]any
}

// newBranch makes the table for decoded values, with room for all of them.
func newBranch(p Pos, values map[string]any) branch {
	return branch{&Table{Pos: p, Entries: make([]Entry, 0, len(values))}, values}
}

// build makes the tree of a document that the decoder has accepted.
func build(file string, marks []mark, values map[string]any, keys []toml.Key) (*Table, *fault) {
	b := &builder{file: file, marks: marks, keys: keys}
	root := newBranch(Pos{file, 1}, values)
	at := root
	for len(b.marks) > 0 && b.fault == nil {
		switch m := b.take(); m.kind {
		case markHeader, markArrayHeader:
			at = b.header(root, m)
		default:
			b.key(at, m)
		}
	}
	if b.fault == nil && len(b.keys) > 0 {
		b.fail(Pos{}, "", "the keys of the file cannot be told apart")
	}
	if b.fault != nil {
		return nil, b.fault
	}
	return root.table, nil
}

// take returns the next mark. At the end of the marks it returns a markEnd.
func (b *builder) take() mark {
	if len(b.marks) == 0 {
		return mark{kind: markEnd}
	}
	m := b.marks[0]
	b.marks = b.marks[1:]
	return m
}

// span is the place of what the next mark begins.
func (b *builder) span() Span {
	if len(b.marks) == 0 {
		return Span{}
	}
	return b.marks[0].span
}

// names returns the names of the key at m as they stand there, without those of
// the tables around it. There is at least one.
func (b *builder) names(m mark) []string {
	n := int(m.parts)
	if n == 0 || len(b.keys) == 0 || len(b.keys[0]) < n {
		b.fail(b.pos(m), "", "this key cannot be told apart from others")
		return []string{""}
	}
	key := b.keys[0]
	b.keys = b.keys[1:]
	return key[len(key)-n:]
}

func (b *builder) pos(m mark) Pos { return Pos{b.file, int(m.line)} }

// fail keeps the first fault.
func (b *builder) fail(p Pos, hint, format string, args ...any) {
	if b.fault == nil {
		b.fault = &fault{p.Line, fmt.Sprintf(format, args...), hint}
	}
}

// twice is the fault of a key that has a value already. The decoder notices
// most of these itself, but drops the second value without a word if a dotted
// key made the first, here or in an earlier table of an array of tables.
func (b *builder) twice(p Pos, key string, first *Entry) {
	b.fail(p, "", "the key %q is given twice, first in line %d", key, first.Pos.Line)
}

// lost is the fault of a key whose value the decoder has dropped. Where it has
// another value instead, that was given further down, as in "a.b = 1" followed by
// "a = []". Where it has none, it mistook a dotted key for the beginning of a new
// table: it does so after an array of the same name in an earlier table of an
// array of tables, and beside an empty key. This is also what is said if the
// marks do not agree with the document.
func (b *builder) lost(at branch, key string, p Pos) {
	if _, ok := at.values[key]; ok {
		b.fail(p, "", "the key %q is given again further down", key)
		return
	}
	b.fail(p, "write the table that it belongs to in one piece, as name = { ... }",
		"the key %q cannot be read as it is written here", key)
}

// header enters the table of a [header], or adds one for an [[array header]].
func (b *builder) header(at branch, m mark) branch {
	names, pos := b.names(m), b.pos(m)
	last := len(names) - 1
	for _, name := range names[:last] {
		at = b.enter(at, name, pos)
	}
	if m.kind == markArrayHeader {
		return b.append(at, names[last], pos)
	}
	at = b.enter(at, names[last], pos)
	at.table.Pos = pos
	return at
}

// enter goes to the table of that name, or to the last one of an array of
// tables, and makes the table if it is not there yet.
func (b *builder) enter(at branch, name string, pos Pos) branch {
	e := at.table.entry(name)
	switch values := at.values[name].(type) {
	case map[string]any:
		if e == nil {
			made := newBranch(pos, values)
			at.table.add(Entry{Key: name, Pos: pos, Value: made.table})
			return made
		}
		if table, ok := e.Value.(*Table); ok {
			return branch{table, values}
		}
	case []map[string]any:
		if e == nil {
			break
		}
		if tables, ok := e.Value.([]*Table); ok && len(tables) <= len(values) {
			return branch{tables[len(tables)-1], values[len(tables)-1]}
		}
	}
	return b.clash(at, name, pos)
}

// append adds a table to the array of tables of that name.
func (b *builder) append(at branch, name string, pos Pos) branch {
	e := at.table.entry(name)
	values, ok := at.values[name].([]map[string]any)
	if ok && e == nil && len(values) > 0 {
		made := newBranch(pos, values[0])
		at.table.add(Entry{Key: name, Pos: pos, Value: append(make([]*Table, 0, len(values)), made.table)})
		return made
	}
	if ok && e != nil {
		if tables, ok := e.Value.([]*Table); ok && len(tables) < len(values) {
			made := newBranch(pos, values[len(tables)])
			e.Value = append(tables, made.table)
			return made
		}
	}
	return b.clash(at, name, pos)
}

// clash is the fault of a table that the document does not have, or has as
// something else. It returns a table to go on with.
func (b *builder) clash(at branch, name string, pos Pos) branch {
	if e := at.table.entry(name); e != nil {
		b.twice(pos, name, e)
	} else {
		b.lost(at, name, pos)
	}
	return newBranch(pos, nil)
}

// key adds a key and its value to the table.
func (b *builder) key(at branch, m mark) {
	names, pos := b.names(m), b.pos(m)
	last := len(names) - 1
	for _, name := range names[:last] {
		at = b.enter(at, name, pos)
	}
	decoded, ok := at.values[names[last]]
	if e := at.table.entry(names[last]); e != nil {
		b.twice(pos, names[last], e)
		return
	}
	span := b.span()
	value, same := b.value(decoded)
	if !ok || !same {
		b.lost(at, names[last], pos)
		return
	}
	at.table.add(Entry{names[last], pos, value, span})
}

// value makes the value at the next mark, and reports whether it is of the
// decoded kind.
func (b *builder) value(decoded any) (any, bool) {
	m := b.take()
	switch decoded := decoded.(type) {
	case map[string]any:
		if m.kind != markTable {
			return nil, false
		}
		at := newBranch(b.pos(m), decoded)
		for b.fault == nil {
			if m = b.take(); m.kind == markEnd {
				break
			}
			b.key(at, m)
		}
		return at.table, true
	case []any:
		if m.kind != markArray {
			return nil, false
		}
		return b.array(decoded)
	case []map[string]any:
		return nil, false
	}
	return scalar(decoded), m.kind == markValue
}

// array makes an array whose opening bracket was taken.
func (b *builder) array(decoded []any) (Array, bool) {
	array := make(Array, 0, len(decoded))
	for b.fault == nil && len(b.marks) > 0 {
		pos, span := b.pos(b.marks[0]), b.span()
		if b.marks[0].kind == markEnd {
			b.take()
			break
		}
		if len(array) == len(decoded) {
			return nil, false
		}
		value, ok := b.value(decoded[len(array)])
		if !ok {
			return nil, false
		}
		array = append(array, Element{pos, value, span})
	}
	return array, len(array) == len(decoded)
}
