package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tlswarden/plugins"
)

// columns are the facts that rows give, by their names.
type columns map[string]column

// column is one fact: its type, and what it is where a row does not say.
type column struct {
	kind      plugins.Type
	otherwise any // nil: unknown
}

// types are the types of facts as settings call them.
func types() map[string]plugins.Type {
	return map[string]plugins.Type{
		"text": plugins.Text, "name": plugins.Name, "domain": plugins.Domain, "number": plugins.Number,
		"boolean": plugins.Boolean, "address": plugins.Address, "mailbox": plugins.Mailbox, "time": plugins.Time,
	}
}

// newColumns reads the tables "facts" and "default" of the settings.
func newColumns(facts map[string]string, defaults map[string]any) (columns, error) {
	c := columns{}
	var found []error
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		kind, ok := types()[facts[key]]
		switch {
		case !plugins.ValidKey(key):
			found = append(found, plugins.Problem("facts."+key, "a fact is named by lower-case letters, digits and \"_\""))
		case key == foundKey:
			found = append(found, plugins.Problem("facts."+key, "this fact is always there"))
		case !ok:
			found = append(found, plugins.Problem("facts."+key, "takes %s, not %q", strings.Join(slices.Sorted(maps.Keys(types())), ", "), facts[key]))
		default:
			c[key] = column{kind: kind}
		}
	}
	if len(facts) >= plugins.MaxFacts {
		found = append(found, plugins.Problem("facts", "has more than %d facts", plugins.MaxFacts-1))
	}
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		col, ok := c[key]
		if !ok {
			found = append(found, plugins.Problem("default."+key, "is not among the facts"))
			continue
		}
		value, err := col.value(defaults[key])
		if err != nil {
			found = append(found, plugins.Problem("default."+key, "%v", err))
			continue
		}
		col.otherwise = value
		c[key] = col
	}
	return c, errors.Join(found...)
}

// names are the names of all columns, sorted.
func (c columns) names() []string { return slices.Sorted(maps.Keys(c)) }

// offered are the facts as the daemon is told.
func (c columns) offered() []plugins.Fact {
	list := []plugins.Fact{{Key: foundKey, Type: plugins.Boolean, Meaning: "the table has a row for this session"}}
	for _, name := range c.names() {
		list = append(list, plugins.Fact{Key: name, Type: c[name].kind, Meaning: "column " + name + " of the table"})
	}
	return list
}

// none are the facts of a session for which there is no row.
func (c columns) none() plugins.Facts {
	facts := plugins.Facts{foundKey: false}
	for name, col := range c {
		facts[name] = col.otherwise
	}
	return facts
}

// facts are those of a row. A value of another type leaves its fact unknown, and so
// does a column that is gone: that is not the same as a row that does not say.
func (c columns) facts(row map[string]any) (plugins.Facts, error) {
	facts := plugins.Facts{foundKey: true}
	var wrong []error
	for _, name := range c.names() {
		col := c[name]
		cell, there := row[name]
		if !there {
			wrong = append(wrong, fmt.Errorf("column %s: the query does not have it any more", name))
			continue
		}
		value, err := col.value(cell)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("column %s: %w", name, err))
		case value == nil:
			facts[name] = col.otherwise
		default:
			facts[name] = value
		}
	}
	return facts, errors.Join(wrong...)
}
