package tomlfile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// documents reads pairs of a document and what is expected of it.
func documents(t *testing.T, file string, pair func(document, want txtar.File)) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) == 0 || len(archive.Files)%2 != 0 {
		t.Fatalf("%s has %d files, want pairs", file, len(archive.Files))
	}
	for i := 0; i < len(archive.Files); i += 2 {
		pair(archive.Files[i], archive.Files[i+1])
	}
}

func TestLines(t *testing.T) {
	documents(t, "testdata/lines.txtar", func(document, want txtar.File) {
		for _, end := range []string{"\n", "\r\n"} {
			text := strings.ReplaceAll(string(document.Data), "\n", end)
			t.Run(fmt.Sprintf("%s%q", document.Name, end), func(t *testing.T) {
				root, ds := Parse("f.toml", []byte(text))
				if root == nil {
					t.Fatal(ds)
				}
				// A long string keeps the line ends of the file.
				got := strings.ReplaceAll(dump(root), `\r\n`, `\n`)
				if got != string(want.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
				}
			})
		}
	})
}

func TestErrors(t *testing.T) {
	documents(t, "testdata/errors.txtar", func(document, want txtar.File) {
		for _, end := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s%q", document.Name, end), func(t *testing.T) {
				text := strings.ReplaceAll(string(document.Data), "\n", end)
				checkError(t, document.Name, text, strings.TrimSuffix(string(want.Data), "\n"))
			})
		}
	})
}

// TestErrorsOfText has the documents that a text archive cannot hold.
func TestErrorsOfText(t *testing.T) {
	array := func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct{ name, text, want string }{
		{"nul", "a = 1\nb = \"\x00\"\n", "f:2: error: TOML files cannot contain control characters: '0x00'"},
		{"utf-8", "a = 1\n# \xff\n", "f:2: error: invalid UTF-8 byte: 0xff"},
		{"utf-16", "\xff\xfea\x00", "f:1: error: files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8"},
		{"after BOM", "\xef\xbb\xbfa = 1\nb = \"x\r\n", "f:2: error: the string is not closed on its line\n\thint: end it with the quote that it begins with; text of several lines stands between \"\"\" and \"\"\""},
		{"escape of a line end", "\na = \"\\\n", "f:2: error: invalid escape in string '\\'\n\thint: a backslash between \"...\" is written twice, or use '...' where it stands for itself"},
		{"escape at the end", "\na = \"\\", "f:2: error: invalid escape in string '\\'\n\thint: a backslash between \"...\" is written twice, or use '...' where it stands for itself"},
		{"too large", strings.Repeat("\n", MaxSize+1), "f: error: the file is larger than 16 MiB"},
		{"arrays", "\n" + array(maxDepth), "f:2: error: tables and arrays are nested more than 100 deep"},
		{"open arrays", "a = " + strings.Repeat("[", 1<<20), "f:1: error: tables and arrays are nested more than 100 deep"},
		{"open inline tables", "a = " + strings.Repeat("{a=", 1<<20), "f:1: error: tables and arrays are nested more than 100 deep"},
		{"dotted key", "[a]\nb" + strings.Repeat(".b", 1<<20) + " = 1", "f:2: error: tables and arrays are nested more than 100 deep"},
		{"header", "[a" + strings.Repeat(".b", maxDepth) + "]", "f:1: error: tables and arrays are nested more than 100 deep"},
		{"long header", "[a]\n['" + strings.Repeat("b", maxPath) + "']", "f:2: error: the key is, together with the tables around it, longer than 1024 bytes"},
		{"long path", "[" + strings.Repeat("b", maxPath-8) + "]\nabc=1\nabc=1\nabcdefgh=1", "f:4: error: the key is, together with the tables around it, longer than 1024 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkError(t, "f", test.text, test.want) })
	}
	if root, ds := Parse("f", []byte(array(maxDepth-1))); root == nil {
		t.Errorf("nesting up to the limit: %v", ds)
	}
}

func checkError(t *testing.T, file, text, want string) {
	t.Helper()
	root, ds := Parse(file, []byte(text))
	if root != nil || len(ds) != 1 {
		t.Fatalf("got %v, %v; want no tree and one error", root, ds)
	}
	if got := ds[0].String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestByteOrderMark(t *testing.T) {
	for _, bom := range []string{"", "\xef\xbb\xbf", "\xff\xfe"} {
		root, ds := Parse("f", []byte(bom+"[a]\nb = 1\n"))
		if root == nil {
			t.Fatalf("%q: %v", bom, ds)
		}
		if got, want := dump(root), "1 a = table 1\n2 a/b = 1\n"; got != want {
			t.Errorf("%q: got:\n%s\nwant:\n%s", bom, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	for _, n := range []int{1, smallTable, smallTable + 1, 1000} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "key%d = %d\n", i, i)
		}
		root, ds := Parse("f", []byte(text.String()))
		if root == nil {
			t.Fatal(ds)
		}
		for i := range n {
			e, ok := root.Get(fmt.Sprint("key", i))
			e.Span = Span{}
			if want := (Entry{Key: fmt.Sprint("key", i), Pos: Pos{"f", i + 1}, Value: int64(i)}); !ok || e != want {
				t.Errorf("got %v, %v; want %v", e, ok, want)
			}
		}
		for _, key := range []string{"", "Key0", "key", fmt.Sprint("key", n)} {
			if e, ok := root.Get(key); ok {
				t.Errorf("%q: got %v; want none", key, e)
			}
		}
	}
	byHand := Table{Entries: []Entry{{Key: "a", Value: true}}}
	if e, ok := byHand.Get("a"); !ok || e.Value != true {
		t.Errorf("table made by hand: got %v, %v", e, ok)
	}
}

// dump writes a tree, one value a line.
func dump(root *Table) string {
	var b strings.Builder
	dumpTable(&b, "", root)
	return b.String()
}

func dumpTable(b *strings.Builder, prefix string, table *Table) {
	for _, e := range table.Entries {
		dumpValue(b, prefix+e.Key, e.Pos, e.Value)
	}
}

func dumpValue(b *strings.Builder, path string, pos Pos, value any) {
	line := func(format string, args ...any) {
		fmt.Fprintf(b, "%d %s = %s\n", pos.Line, path, fmt.Sprintf(format, args...))
	}
	switch v := value.(type) {
	case *Table:
		line("table %d", v.Pos.Line)
		dumpTable(b, path+"/", v)
	case Array:
		line("array")
		for i, e := range v {
			dumpValue(b, fmt.Sprintf("%s[%d]", path, i), e.Pos, e.Value)
		}
	case []*Table:
		line("array of tables")
		for i, table := range v {
			dumpValue(b, fmt.Sprintf("%s[%d]", path, i), table.Pos, table)
		}
	default:
		line("%s", dumpScalar(v))
	}
}

func dumpScalar(value any) string {
	date := func(d LocalDate) string { return fmt.Sprintf("date %04d-%02d-%02d", d.Year, d.Month, d.Day) }
	clock := func(c LocalTime) string {
		return fmt.Sprintf("time %d:%d:%d.%09d", c.Hour, c.Minute, c.Second, c.Nanosecond)
	}
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case int64, bool:
		return fmt.Sprint(v)
	case float64:
		if s := fmt.Sprint(v); strings.ContainsAny(s, ".eI") {
			return s
		}
		return fmt.Sprintf("%.1f", v)
	case time.Time:
		return "moment " + v.UTC().Format(time.RFC3339Nano)
	case LocalDate:
		return date(v)
	case LocalTime:
		return clock(v)
	case LocalDateTime:
		return date(v.Date) + " " + clock(v.Time)
	}
	return fmt.Sprintf("unexpected %T", value)
}
