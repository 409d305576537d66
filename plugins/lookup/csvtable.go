package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// csvTable is what a CSV file says. It is never changed.
type csvTable struct {
	names  []string         // of the columns that are facts
	rows   map[rowKey][]any // by what stands in the table
	folded map[rowKey][]any // by the other names that its domains may have
	bits   [2][]int         // the lengths of networks that occur, IPv4 and IPv6, longest first
}

// reading is a table that is being read.
type reading struct {
	*csvTable
	data  []byte // the whole file
	lines map[rowKey]int
}

// rowKey is what a row is found by.
type rowKey struct {
	texts   string       // all keys but client, each with its length before it
	network netip.Prefix // of client; zero if that is no key
}

// maxTold is how many mistakes in a file are told of at once.
const maxTold = 10

// parseCSV reads a table: its first line names the columns, which are the keys, the
// facts, and others that do not count. Lines that begin with "#" are comments. The error
// joins one for each value that is not in order.
func parseCSV(data []byte, key []string, c columns) (*csvTable, error) {
	data, err := readable(data)
	if err != nil {
		return nil, err
	}
	wanted := append(slices.Clone(key), c.names()...)
	r, names, err := head(data, wanted)
	if err != nil {
		return nil, err
	}
	t := reading{&csvTable{names: c.names(), rows: map[rowKey][]any{}, folded: map[rowKey][]any{}}, data, map[rowKey]int{}}
	var found []error
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t.csvTable, errors.Join(found...)
		}
		broken := err != nil // what follows cannot be read
		line := 0
		if broken {
			line, err = t.misquoted(err)
		} else {
			line, _ = r.FieldPos(0)
			err = t.add(line, names, trimmed(record), key, c)
		}
		for _, e := range each(err) {
			found = append(found, inLine(line, r.Comma, e))
		}
		if broken || len(found) >= maxTold {
			return nil, errors.Join(found[:min(len(found), maxTold)]...)
		}
	}
}

// inLine says where an error is.
func inLine(line int, comma rune, err error) error {
	where := ""
	if comma != ',' {
		where = fmt.Sprintf(" (columns are separated by %q)", comma)
	}
	return fmt.Errorf("line %d%s: %w", line, where, err)
}

// misquoted is the line of an error of package csv, which is about quotes, and what to
// write there.
func (t *reading) misquoted(err error) (int, error) {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return 0, err
	}
	lines := strings.Split(string(t.data), "\n")
	text := strings.TrimSuffix(lines[min(parse.StartLine, len(lines))-1], "\r")
	return parse.StartLine, fmt.Errorf(`%.100q has a double quote without its pair, or within a value that does not begin with one; `+
		`write a value with a double quote in it between double quotes, and that one twice: "the ""best"" partner"`, text)
}

func trimmed(record []string) []string {
	list := make([]string, len(record))
	for i, s := range record {
		list[i] = strings.TrimSpace(s)
	}
	return list
}

// add takes one row, whose values are checked here. Rows and columns beyond the table that
// are empty do not count: spreadsheets leave them behind.
func (t *reading) add(line int, names, record, key []string, c columns) error {
	last := len(record)
	for last > 0 && record[last-1] == "" {
		last--
	}
	switch {
	case last == 0:
		return nil
	case len(record) < len(names) || last > len(names):
		return fmt.Errorf("has %d values for %d columns; a value with the separator in it stands between double quotes", max(last, min(len(record), len(names))), len(names))
	}
	found, err := taken(names, record, key)
	row, wrong := t.cells(names, record, c)
	if err = errors.Join(slices.Concat(each(err), each(wrong))...); err != nil {
		return err
	}
	own := found[0]
	if before, twice := t.lines[own]; twice {
		return fmt.Errorf("%s: line %d has the same key; remove one of them", described(names, record, key), before)
	}
	t.lines[own], t.rows[own] = line, row
	for _, other := range found[1:] {
		if _, there := t.folded[other]; !there {
			t.folded[other] = row
		}
	}
	t.note(own.network)
	return nil
}

// described is the key of a row, as it stands there.
func described(names, record, key []string) string {
	var list []string
	for _, name := range key {
		list = append(list, fmt.Sprintf("%s %.100q", name, record[slices.Index(names, name)]))
	}
	return strings.Join(list, ", ")
}

// cells are the facts of a row, in the order of their names.
func (t *csvTable) cells(names, record []string, c columns) ([]any, error) {
	row := make([]any, len(t.names))
	var wrong []error
	for i, name := range t.names {
		cell := record[slices.Index(names, name)]
		if cell == "" {
			continue // says nothing
		}
		value, err := c[name].text(cell)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
		row[i] = value
	}
	return row, errors.Join(wrong...)
}

// taken is what a row is found by: first what stands there, and then what other names of
// its domains make of that.
func taken(names, record, key []string) ([]rowKey, error) {
	found := []rowKey{{}}
	var wrong []error
	for _, name := range key {
		value := record[slices.Index(names, name)]
		var entries []string
		var of netip.Prefix
		var err error
		if keys()[name] == network {
			of, err = prefix(value)
		} else {
			entries, err = keys()[name].entries(value)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s %.100q %w", name, value, err))
			continue
		}
		found = extended(found, entries, of)
	}
	return found, errors.Join(wrong...)
}

// extended are keys with one value more: with each entry of a text, or with a network.
func extended(found []rowKey, entries []string, of netip.Prefix) []rowKey {
	if of.IsValid() {
		for i := range found {
			found[i].network = of
		}
		return found
	}
	var all []rowKey
	for _, entry := range entries {
		for _, k := range found {
			all = append(all, rowKey{texts: k.texts + joined(entry), network: k.network})
		}
	}
	return all
}

// joined is a text that no other text can begin with.
func joined(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }

// note remembers which lengths of networks occur.
func (t *csvTable) note(p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	list := &t.bits[family(p.Addr())]
	if i, there := slices.BinarySearchFunc(*list, p.Bits(), func(a, b int) int { return b - a }); !there {
		*list = slices.Insert(*list, i, p.Bits())
	}
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// find returns the row for the values of the keys, of several networks that of the
// smallest; nil if there is none. A row that names a domain itself comes before one whose
// domain mail servers may fold to it.
func (t *csvTable) find(key, values []string) map[string]any {
	var k rowKey
	var client netip.Addr
	for i, name := range key {
		if f := keys()[name]; f != network {
			k.texts += joined(f.normal(values[i]))
			continue
		}
		a, err := netip.ParseAddr(values[i])
		if err != nil {
			return nil
		}
		client = a.Unmap().WithZone("")
	}
	for _, rows := range []map[rowKey][]any{t.rows, t.folded} {
		if !client.IsValid() {
			if cells, ok := rows[k]; ok {
				return t.row(cells)
			}
			continue
		}
		for _, bits := range t.bits[family(client)] {
			k.network, _ = client.Prefix(bits)
			if cells, ok := rows[k]; ok {
				return t.row(cells)
			}
		}
	}
	return nil
}

// row is a row by the names of its columns.
func (t *csvTable) row(cells []any) map[string]any {
	row := make(map[string]any, len(cells))
	for i, name := range t.names {
		row[name] = cells[i]
	}
	return row
}
