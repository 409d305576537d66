// Package tomlfile reads a TOML file into a tree in which every table, key and
// array element knows its line, so that what is wrong in a configuration file
// can be reported as "file:line: error: message", and each value its place in the
// text, so that a file can be edited without a change of its layout.
//
// The reading itself is done by github.com/BurntSushi/toml, which says nothing
// about the lines of what it read but lists all keys in the order of the
// document. This package scans the text for the lines of its keys and values,
// zips that index with the list of keys, and takes the values from the decoded
// document. Nothing is interpreted here: keys keep their exact spelling, tables
// their order, and local dates are given back without a time zone.
//
// # Limits
//
// A file has at most [MaxSize] bytes, keys and arrays nest [maxDepth] deep, and
// a key has, together with the keys above it, at most [maxPath] bytes. The text
// is scanned for these limits before it is decoded, because the decoder recurses
// for every bracket and stores the whole path of every key.
//
// The decoder is more liberal than TOML in some places (a dotted key may extend
// an inline table), and so is this package. In others it drops a value without a
// word: of "a.b = 1" and "a = 2" it keeps the first. This package reports such a
// value as an error. That refuses two valid documents, since the decoder drops
// values there too: dotted keys below a name that was an array in an earlier
// table of the same array of tables, and dotted keys beside an empty key.
//
// # Sources
//
// TOML 1.0 and 1.1 (https://toml.io/), as read by BurntSushi/toml v1.6.0.
//
// # Diagnostics
//
// Nothing is logged. A file that is not valid TOML, exceeds a limit, or has a
// key that the decoder drops gives no tree and exactly one error: the first one
// found, since what follows a syntax error cannot be told. There are no
// warnings, and what is said about a file that could be read is left to the
// caller.
package tomlfile

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"
)

// MaxSize is the size in bytes above which a file is not read.
const MaxSize = 16 << 20

// Pos is a place in a file. Line counts from 1; 0 is the file as a whole.
type Pos struct {
	File string
	Line int
}

// Table is one TOML table with its entries in the order of the document: an
// entry stands where its key is first mentioned.
type Table struct {
	// Pos is the line of the table's header or opening brace. For a table that
	// has neither, such as "a" in "a.b = 1", it is the first line to mention it.
	Pos     Pos
	Entries []Entry

	// index finds the entries of large tables. It is nil for small ones.
	index map[string]int
}

// Span is the place of a value in the text: its first byte, and the one behind its
// last. It is empty for a table that is not written in one piece.
type Span struct{ Start, End int32 }

// Entry is one key of a table.
type Entry struct {
	Key string // exactly as in the file, with quotes and escapes resolved
	Pos Pos    // the first line that mentions the key

	// Value is a string, int64, float64, bool, time.Time (a date and time with
	// offset), LocalDateTime, LocalDate, LocalTime, Array, *Table (of a header,
	// of an inline table or of a dotted key), or []*Table ("[[key]]").
	Value any
	Span  Span
}

// Array is a TOML array. Its elements may be of different kinds; inline tables
// in it are *Table.
type Array []Element

// Element is one element of an array.
type Element struct {
	Pos   Pos // the line on which the element begins
	Value any // as in Entry, except []*Table
	Span  Span
}

// smallTable is the number of entries up to which looking at each of them is
// as fast as a map.
const smallTable = 16

// Get returns the entry with exactly that key, and whether there is one.
func (t *Table) Get(key string) (Entry, bool) {
	if e := t.entry(key); e != nil {
		return *e, true
	}
	return Entry{}, false
}

// entry returns the entry with that key, or nil. It is valid until the next add.
func (t *Table) entry(key string) *Entry {
	if t.index != nil {
		if i, ok := t.index[key]; ok {
			return &t.Entries[i]
		}
		return nil
	}
	for i := range t.Entries {
		if t.Entries[i].Key == key {
			return &t.Entries[i]
		}
	}
	return nil
}

// add appends an entry whose key the table does not have yet.
func (t *Table) add(e Entry) {
	t.Entries = append(t.Entries, e)
	switch n := len(t.Entries); {
	case t.index != nil:
		t.index[e.Key] = n - 1
	case n > smallTable:
		t.index = make(map[string]int, 2*n)
		for i := range t.Entries {
			t.index[t.Entries[i].Key] = i
		}
	}
}

// Parse reads the TOML document in data. The name of the file is used for
// positions only. Where the document cannot be read, the table is nil and the
// diagnostics hold one error; otherwise there are no diagnostics.
func Parse(file string, data []byte) (*Table, Diagnostics) {
	root, f := parse(file, data)
	if f == nil {
		return root, nil
	}
	var ds Diagnostics
	ds.Errorf(Pos{File: file, Line: f.line}, f.hint, "%s", f.message)
	return nil, ds
}

// fault is why a document cannot be read.
type fault struct {
	line    int // 0: the file as a whole
	message string
	hint    string
}

func parse(file string, data []byte) (*Table, *fault) {
	if len(data) > MaxSize {
		return nil, &fault{message: fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20)}
	}
	x := scan(data)
	if x.fault != nil {
		return nil, x.fault
	}
	// The decoder never sees text that was not scanned for the limits.
	values, keys, err := decode(data[:x.end])
	if err != nil {
		return nil, syntaxFault(data[:x.end], err, x.open)
	}
	if x.end < len(data) {
		return nil, &fault{line: x.line, message: "this line cannot be read"}
	}
	return build(file, x.marks, values, keys)
}

// decode reads the document and lists its keys. Values are of the kinds that
// [toml.Decode] gives for an empty interface.
func decode(text []byte) (values map[string]any, keys []toml.Key, err error) {
	// The decoder panics where it meets a state that it thinks impossible.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the text cannot be read: %v", r)
		}
	}()
	var document any
	md, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&document)
	if err != nil {
		return nil, nil, err
	}
	values, _ = document.(map[string]any)
	return values, md.Keys(), nil
}
