package setup

import (
	"cmp"
	"errors"
	"reflect"
	"slices"

	"tlswarden/internal/tomlfile"
)

// edit is a part of a text with what takes its place.
type edit struct {
	tomlfile.Span
	text string
}

// fillIn puts keys into entries of the text that was read to root. The error says
// why that does not work.
func fillIn(text []byte, root *tomlfile.Table, front string, entries tomlfile.Array, keys []key) ([]byte, error) {
	var edits []edit
	for _, e := range entries {
		more, err := entryEdits(text, e, keys)
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.Start, a.Start) })
	out := slices.Clone(text)
	for _, e := range edits {
		out = slices.Replace(out, int(e.Start), int(e.End), []byte(e.text)...)
	}
	next, _ := tomlfile.Parse("", out)
	if next == nil || !reflect.DeepEqual(plain(next), expected(root, front, entries, keys)) {
		return nil, errors.New("its layout keeps it from being changed safely")
	}
	return out, nil
}

// entryEdits are those of one entry.
func entryEdits(text []byte, e tomlfile.Element, keys []key) ([]edit, error) {
	table, ok := e.Value.(*tomlfile.Table)
	switch {
	case !ok && written(keys) == "":
		return nil, nil
	case !ok:
		return []edit{{e.Span, inlineTable(string(text[e.Span.Start:e.Span.End]), keys)}}, nil
	}
	var edits []edit
	var end int32
	add := ""
	for _, entry := range table.Entries {
		end = max(end, entry.Span.End)
	}
	for _, k := range keys {
		switch there, ok := table.Get(k.name); {
		case ok && k.value != nil && there.Value != k.value:
			edits = append(edits, edit{there.Span, literal(k.value)})
		case !ok && k.wanted():
			add += ", " + k.String()
		}
	}
	if add != "" && e.Span == (tomlfile.Span{}) {
		return nil, errors.New("the entry is not written in one piece")
	}
	if add != "" {
		edits = append(edits, edit{tomlfile.Span{Start: end, End: end}, add})
	}
	return edits, nil
}

// plain is a value without its places, so that two can be compared.
func plain(v any) any {
	switch v := v.(type) {
	case *tomlfile.Table:
		m := map[string]any{}
		for _, e := range v.Entries {
			m[e.Key] = plain(e.Value)
		}
		return m
	case []*tomlfile.Table:
		var list []any
		for _, t := range v {
			list = append(list, plain(t))
		}
		return list
	case tomlfile.Array:
		var list []any
		for _, e := range v {
			list = append(list, plain(e.Value))
		}
		return list
	}
	return v
}

// expected is what the document must be after the change: all as it is, but for the
// keys of the entries.
func expected(root *tomlfile.Table, front string, entries tomlfile.Array, keys []key) any {
	document := plain(root).(map[string]any)
	table := document[front].(map[string]any)
	list, ok := table["listen"].([]any)
	if !ok {
		if len(entries) > 0 {
			table["listen"] = withKeys(table["listen"], keys)
		}
		return document
	}
	all := listenEntries(root, front)
	for i := range list {
		if slices.ContainsFunc(entries, func(e tomlfile.Element) bool { return e.Span == all[i].Span }) {
			list[i] = withKeys(list[i], keys)
		}
	}
	return document
}

// withKeys is an entry with the keys that it is to have.
func withKeys(entry any, keys []key) any {
	table, ok := entry.(map[string]any)
	if !ok {
		if written(keys) == "" {
			return entry
		}
		table = map[string]any{"address": entry}
	}
	for _, k := range keys {
		if _, there := table[k.name]; k.wanted() || there && k.value != nil {
			table[k.name] = k.value
		}
	}
	return table
}
