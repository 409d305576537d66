package tomlfile

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestSpans shows that the place of each value has the text of this value and no more.
func TestSpans(t *testing.T) {
	documents(t, "testdata/lines.txtar", func(document, _ txtar.File) {
		for _, end := range []string{"\n", "\r\n"} {
			text := "\xef\xbb\xbf" + strings.ReplaceAll(string(document.Data), "\n", end)
			root, ds := Parse("f", []byte(text))
			if root == nil {
				t.Fatal(ds)
			}
			s := spans{t: t, text: text}
			s.table(root)
			if s.seen == 0 && strings.Contains(text, "=") {
				t.Errorf("%s: no value has a place", document.Name)
			}
		}
	})
}

// spans counts the values that have a place.
type spans struct {
	t    *testing.T
	text string
	seen int
}

func (s *spans) table(table *Table) {
	for _, e := range table.Entries {
		s.value(e.Value, e.Span)
	}
}

func (s *spans) value(value any, at Span) {
	if at != (Span{}) {
		s.seen++
		part := s.text[at.Start:at.End]
		alone, ds := Parse("f", []byte("v = "+part))
		if alone == nil || len(alone.Entries) != 1 || part != strings.TrimSpace(part) {
			s.t.Fatalf("%q: %v", part, ds)
		}
		if got, want := shape(alone.Entries[0].Value), shape(value); got != want {
			s.t.Errorf("%q is %s, not %s", part, got, want)
		}
	}
	switch value := value.(type) {
	case *Table:
		s.table(value)
	case []*Table:
		for _, t := range value {
			s.table(t)
		}
	case Array:
		for _, e := range value {
			if e.Span == (Span{}) {
				s.t.Errorf("an element of an array has no place: %v", e.Value)
			}
			s.value(e.Value, e.Span)
		}
	}
}

// shape is a value without its lines.
func shape(value any) string {
	var b strings.Builder
	dumpValue(&b, "v", Pos{}, value)
	var out []string
	for line := range strings.Lines(b.String()) {
		_, rest, _ := strings.Cut(line, " ")
		if name, _, ok := strings.Cut(rest, " = table "); ok {
			rest = name + " = table\n"
		}
		out = append(out, rest)
	}
	return fmt.Sprint(out)
}
