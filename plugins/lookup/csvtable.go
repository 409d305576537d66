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
	names []string // of the columns that are facts
	rows  map[rowKey][]any
	bits  [2][]int // the lengths of networks that occur, IPv4 and IPv6, longest first
}

// rowKey is what a row is found by.
type rowKey struct {
	texts   string       // all keys but client, each with its length before it
	network netip.Prefix // of client; zero if that is no key
}

// maxTold is how many lines of a file that are not in order are told of at once.
const maxTold = 10

// parseCSV reads a table: its first line names the columns, which are the keys, the
// facts, and others that do not count. Lines that begin with "#" are comments. The error
// joins one for each line that is not in order.
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
	t := &csvTable{names: c.names(), rows: map[rowKey][]any{}}
	var found []error
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, errors.Join(found...)
		}
		broken := err != nil // what follows cannot be read
		if !broken {
			err = t.add(names, trimmed(record), key, c)
		}
		if err != nil {
			found = append(found, inLine(r, err))
		}
		if broken || len(found) == maxTold {
			return nil, errors.Join(found...)
		}
	}
}

// inLine says where an error is. Errors of package csv say so themselves.
func inLine(r *csv.Reader, err error) error {
	where := ""
	if r.Comma != ',' {
		where = fmt.Sprintf(" (columns are separated by %q)", r.Comma)
	}
	if errors.As(err, new(*csv.ParseError)) {
		return fmt.Errorf("%w%s", err, where)
	}
	line, _ := r.FieldPos(0)
	return fmt.Errorf("line %d%s: %w", line, where, err)
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
func (t *csvTable) add(names, record, key []string, c columns) error {
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
	found := []rowKey{{}}
	for _, name := range key {
		value := record[slices.Index(names, name)]
		var err error
		if found, err = taken(found, name, value); err != nil {
			return fmt.Errorf("%s %.100q %w", name, value, err)
		}
	}
	row, err := t.cells(names, record, c)
	if err != nil {
		return err
	}
	for _, k := range found {
		if _, twice := t.rows[k]; twice {
			return fmt.Errorf("%s: there was a row with the same key before; remove one of them", described(names, record, key))
		}
		t.rows[k] = row
		t.note(k.network)
	}
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
	for i, name := range t.names {
		cell := record[slices.Index(names, name)]
		if cell == "" {
			continue // says nothing
		}
		value, err := c[name].text(cell)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		row[i] = value
	}
	return row, nil
}

// taken adds the value of one key to what a row is found by so far.
func taken(found []rowKey, name, value string) ([]rowKey, error) {
	f := keys()[name]
	if f == network {
		p, err := prefix(value)
		for i := range found {
			found[i].network = p
		}
		return found, err
	}
	entries, err := f.entries(value)
	var all []rowKey
	for _, k := range found {
		for _, entry := range entries {
			all = append(all, rowKey{texts: k.texts + joined(entry), network: k.network})
		}
	}
	return all, err
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
// smallest; nil if there is none.
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
	if !client.IsValid() {
		return t.row(k)
	}
	for _, bits := range t.bits[family(client)] {
		k.network, _ = client.Prefix(bits)
		if row := t.row(k); row != nil {
			return row
		}
	}
	return nil
}

// row is a row by the names of its columns; nil if there is none.
func (t *csvTable) row(k rowKey) map[string]any {
	cells, ok := t.rows[k]
	if !ok {
		return nil
	}
	row := make(map[string]any, len(cells))
	for i, name := range t.names {
		row[name] = cells[i]
	}
	return row
}
