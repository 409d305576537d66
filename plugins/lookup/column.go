package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tlswarden/internal/civil"
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

// facts are those of a row. A value of another type leaves its fact unknown.
func (c columns) facts(row map[string]any) (plugins.Facts, error) {
	facts := plugins.Facts{foundKey: true}
	var wrong []error
	for _, name := range c.names() {
		col := c[name]
		value, err := col.value(row[name])
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

// value makes of a value, as drivers, CSV files and settings have it, one of the
// column's type. Nothing said is nil.
func (c column) value(v any) (any, error) {
	if b, ok := v.([]byte); ok {
		v = string(b)
	}
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		v = int64(f)
	}
	var value any
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		return c.text(x)
	case bool:
		if c.kind == plugins.Boolean {
			value = x
		}
	case int64:
		value = c.number(x)
	case time.Time:
		if c.kind == plugins.Time {
			value = x
		}
	case netip.Addr: // a cell of a CSV file, which was read before
		if c.kind == plugins.Address {
			value = x
		}
	}
	if value == nil {
		return nil, fmt.Errorf("%s was expected, not %T", c.name(), v)
	}
	return value, nil
}

// number takes what a database has as a number; nil if it is none of the type.
func (c column) number(n int64) any {
	switch c.kind {
	case plugins.Number:
		return n
	case plugins.Time:
		return time.Unix(n, 0)
	case plugins.Boolean: // as SQLite has it
		if n == 0 || n == 1 {
			return n == 1
		}
	}
	return nil
}

// text reads what stands in a table as a text.
func (c column) text(s string) (any, error) {
	if len(s) > plugins.MaxText {
		return nil, fmt.Errorf("a text of %d octets; %d are the most", len(s), plugins.MaxText)
	}
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return nil, errors.New("a text that is not UTF-8, or has NUL octets")
	}
	var value any
	switch c.kind {
	case plugins.Text, plugins.Name, plugins.Domain, plugins.Mailbox:
		return s, nil
	}
	if s == "" {
		return nil, nil // says nothing
	}
	switch c.kind {
	case plugins.Boolean:
		value = truth(s)
	case plugins.Number:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			value = n
		}
	case plugins.Address:
		if a, err := netip.ParseAddr(s); err == nil {
			value = a
		}
	case plugins.Time:
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			value = at
		} else if day, err := time.Parse(time.DateOnly, s); err == nil {
			value = civil.At(day, time.Local)
		}
	}
	if value == nil {
		return nil, fmt.Errorf("%s was expected, not %.40q", c.name(), s)
	}
	return value, nil
}

// truth is what people write for true and false; nil if it is neither.
func truth(s string) any {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "1":
		return true
	case "false", "f", "no", "0":
		return false
	}
	return nil
}

func (c column) name() string {
	for name, kind := range types() {
		if kind == c.kind {
			return "a value of the type " + name
		}
	}
	return "another type"
}
