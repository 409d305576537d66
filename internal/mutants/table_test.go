package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTable shows that each change in the table fits the source, and changes it.
func TestTable(t *testing.T) {
	all, err := parse(table)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range all {
		text, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		changed, err := m.apply(string(text))
		if err != nil {
			t.Errorf("%s: %v", m, err)
		} else if changed == string(text) || seen[m.file+changed] {
			t.Errorf("%s: it changes nothing, or is there twice", m)
		}
		seen[m.file+changed] = true
	}
	if len(all) < 15 {
		t.Errorf("only %d changes", len(all))
	}
}
