package tomlfile

import (
	"strings"
	"testing"
)

// TestReader reads one table with all that can be wrong in it.
func TestReader(t *testing.T) {
	const text = `s = 1
b = "true"
i = 2.5
t = [1]
a = { x = 1 }
mixed = ["x", 2]
one = "x"
nmae = "x"
inline = [{ x = 1 }, 2]
[[tables]]
x = 1
`
	root, found := Parse("f.toml", []byte(text))
	if root == nil {
		t.Fatal(found)
	}
	r := Read(root, "the 100% thing: ", &found)
	if _, _, ok := r.String("s"); ok {
		t.Error("a number is taken for a string")
	}
	r.Bool("b")
	r.Int("i")
	r.Table("t")
	if ts := r.Tables("a"); ts != nil {
		t.Error("a table is taken for an array of tables")
	}
	if _, ok := r.Strings("mixed"); ok {
		t.Error("a number is taken for a string")
	}
	if a, ok := r.Strings("one"); !ok || len(a) != 1 {
		t.Error("a single string is no array of one")
	}
	if ts := r.Tables("inline"); ts != nil {
		t.Error("a number is taken for a table")
	}
	if ts := r.Tables("tables"); len(ts) != 1 {
		t.Error("an array of tables is not taken")
	}
	if _, _, ok := r.String("name"); ok {
		t.Error("a key that is not there is taken")
	}
	r.Done()
	var got []string
	for _, d := range found {
		got = append(got, d.String())
	}
	want := `f.toml:1: error: the 100% thing: s must be a string, not an integer
f.toml:2: error: the 100% thing: b must be true or false, not a string
f.toml:3: error: the 100% thing: i must be an integer, not a decimal number
f.toml:4: error: the 100% thing: t must be a table, not an array
f.toml:5: error: the 100% thing: a must be an array of tables, not a table
	hint: write [[a]] above each
f.toml:6: error: the 100% thing: mixed takes strings, not an integer
f.toml:9: error: the 100% thing: inline must be an array of tables, not an array
	hint: write [[inline]] above each
f.toml:8: error: the 100% thing: unknown key "nmae"
	hint: did you mean name?`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got:\n%s\nwant:\n%s", s, want)
	}
}
