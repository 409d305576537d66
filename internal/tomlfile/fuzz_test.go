package tomlfile

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// FuzzParse proves that the lines are those of the decoder's keys: for every
// document that the decoder accepts, the scan finds the same keys in the same
// order, and the tree equals the decoded document, or else a value was dropped.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/lines.txtar", "testdata/errors.txtar"} {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(archive.Files); i += 2 {
			f.Add(archive.Files[i].Data)
			f.Add(bytes.ReplaceAll(archive.Files[i].Data, []byte("\n"), []byte("\r\n")))
		}
	}
	f.Add([]byte("\xef\xbb\xbfa = 1"))
	f.Add([]byte("a = {x = 1}\na.y = {}\n[a.b]\nc = [[], [{}]]"))
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}

// FuzzFragments puts documents together from pieces of TOML, so that many more
// of them are valid, or are nearly so, than of those that FuzzParse tries.
func FuzzFragments(f *testing.F) {
	fragments := []string{
		"\n[a]\n", "\n[a.b]\n", "\n[[a]]\n", "\n[[a.b]]\n", "\n[b.'a']\r\n", "\n[[b]]\n", "\n[\"a\".b.a] # [c]\n", "[", "]", "[[", "]]",
		"a = ", "b = ", "a.b = ", "b.a =", "b . \"a\" . b\t= ", "\na = ", "\nb = ", "\na.a = ", "\nb.b = ", "\n'a' = ", "=", ".", "a", "b",
		"{", "}", "{ a = ", "{ b = ", "{ a.b = ", "{}", "[]", ", ", ",\n", ", b = ", ", a = ", ", b.a = ", ", b.b = ", "[ {", "} ]", "[{ a = ", "}, { a = ",
		"1", "\"b\"", "'a'", "true", "2027-01-31", "2027-01-31 10:00", "1e3", "0x1f", "-inf", "\"\\\"\"", "'\\'",
		"\"\"\"", "\"\"\"\n[[a]]\nb = ", "\\\"\"\"", "\\\n", "\\\\", "\"\"\"\"", "\"\"", "\"", "\"\"\"\"\"", "\\u0061", "\\ ",
		"'''", "'''\r\n[b]\na = ", "''''", "''", "'", "'''''",
		"# }]\"", "# a = [\n", "\n", "\r\n", " ", "\t", "\xc3\xa4", "\"\xc3\xa4\" = ", "\xef\xbb\xbf",
	}
	f.Add([]byte{2, 15, 41, 2, 10, 41})
	f.Fuzz(func(t *testing.T, picks []byte) {
		var text []byte
		for _, pick := range picks {
			text = append(text, fragments[int(pick)%len(fragments)]...)
		}
		checkParse(t, text)
	})
}

func checkParse(t *testing.T, data []byte) {
	t.Helper()
	root, ds := Parse("f", data)
	switch {
	case root == nil && len(ds) != 1, root != nil && len(ds) > 0:
		t.Fatalf("got %v, %v; want a tree or one error", root, ds)
	case root == nil:
		checkRefusal(t, data, ds[0])
	default:
		checkTree(t, data, root)
	}
}

// checkRefusal proves that a document was refused for a reason.
func checkRefusal(t *testing.T, data []byte, d Diagnostic) {
	t.Helper()
	lines := 1 + bytes.Count(data, []byte{'\n'})
	if d.Severity != Error || d.File != "f" || d.Line < 1 || d.Line > lines || strings.ContainsFunc(d.Message, isControl) {
		t.Errorf("bad diagnostic %#v in %d lines", d, lines)
	}
	x := scan(data)
	if x.fault != nil {
		return
	}
	values, keys, err := decode(data)
	if err != nil {
		if strings.Contains(err.Error(), "BUG") || strings.Contains(err.Error(), "runtime") {
			t.Errorf("the decoder panicked: %v", err)
		}
		return
	}
	checkMarks(t, data, x, len(keys))
	if !strings.HasPrefix(d.Message, "the key ") {
		t.Errorf("accepted by the decoder, refused with %v", d)
	}
	marked := 0
	for _, m := range x.marks {
		if m.kind == markValue {
			marked++
		}
	}
	text := strings.Split(string(data), "\n")[d.Line-1]
	if marked == countValues(values) && !strings.ContainsAny(text, "[{") {
		t.Errorf("nothing was dropped, but refused with %v", d)
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// countValues counts the values that are neither tables nor arrays.
func countValues(decoded any) int {
	n := 0
	switch v := decoded.(type) {
	case map[string]any:
		for _, e := range v {
			n += countValues(e)
		}
	case []map[string]any:
		for _, e := range v {
			n += countValues(e)
		}
	case []any:
		for _, e := range v {
			n += countValues(e)
		}
	default:
		n = 1
	}
	return n
}

// checkMarks proves that the scan of a valid document found all of its keys.
func checkMarks(t *testing.T, data []byte, x index, keys int) {
	t.Helper()
	marked := 0
	for _, m := range x.marks {
		if m.kind == markHeader || m.kind == markArrayHeader || m.kind == markKey {
			marked++
		}
	}
	if marked != keys || x.end != len(data) {
		t.Fatalf("scanned %d keys in %d bytes of %d, the decoder lists %d keys", marked, x.end, len(data), keys)
	}
}

// checkTree proves that a tree is the decoded document, and that its lines are
// those of its keys.
func checkTree(t *testing.T, data []byte, root *Table) {
	t.Helper()
	values, keys, err := decode(data)
	if err != nil {
		t.Fatalf("refused by the decoder: %v", err)
	}
	x := scan(data)
	checkMarks(t, data, x, len(keys))
	marks, at := x.marks, 0
	for i := 0; len(marks) > 0; {
		if n := int(marks[0].parts); marks[0].kind != markKey {
			at, marks, i = n, marks[1:], i+1
		} else {
			marks, i = checkDepth(t, marks, at, i, keysLen(keys))
		}
	}
	c := comparison{t, strings.Split(string(data), "\n")}
	c.equal("", Pos{"f", 1}, root, values)
}

func keysLen[K ~[]string](keys []K) []int {
	n := make([]int, len(keys))
	for i := range keys {
		n[i] = len(keys[i])
	}
	return n
}

// checkDepth proves for the key at marks[0] and the keys in its value that the
// decoder lists them as deep as the scan found them.
func checkDepth(t *testing.T, marks []mark, at, i int, depths []int) ([]mark, int) {
	t.Helper()
	stack := []int{at}
	for len(marks) > 0 {
		m := marks[0]
		switch m.kind {
		case markKey:
			at = stack[len(stack)-1] + int(m.parts)
			if at != depths[i] {
				t.Fatalf("key %d in line %d is %d deep, decoded %d deep", i, m.line, at, depths[i])
			}
			i++
		case markTable, markArray:
			stack = append(stack, at)
		case markEnd:
			at = stack[len(stack)-1]
			stack = stack[:len(stack)-1]
		}
		marks = marks[1:]
		if len(stack) == 1 && m.kind != markKey {
			break
		}
	}
	return marks, i
}

// comparison compares a tree with a decoded document.
type comparison struct {
	t     *testing.T
	lines []string
}

func (c comparison) position(path string, p Pos) {
	c.t.Helper()
	if p.File != "f" || p.Line < 1 || p.Line > len(c.lines) {
		c.t.Errorf("%s: position %v in %d lines", path, p, len(c.lines))
	}
}

func (c comparison) equal(path string, p Pos, value, decoded any) {
	c.t.Helper()
	c.position(path, p)
	switch d := decoded.(type) {
	case map[string]any:
		table, ok := value.(*Table)
		if !ok || len(table.Entries) != len(d) {
			c.t.Fatalf("%s: %s, decoded %v", path, KindName(value), d)
		}
		c.position(path, table.Pos)
		c.entries(path, table, d)
	case []map[string]any:
		tables, ok := value.([]*Table)
		if !ok || len(tables) != len(d) {
			c.t.Fatalf("%s: %s, decoded %v", path, KindName(value), d)
		}
		for i := range tables {
			c.equal(fmt.Sprintf("%s[%d]", path, i), tables[i].Pos, tables[i], d[i])
		}
	case []any:
		array, ok := value.(Array)
		if !ok || len(array) != len(d) {
			c.t.Fatalf("%s: %s, decoded %v", path, KindName(value), d)
		}
		for i := range array {
			c.equal(fmt.Sprintf("%s[%d]", path, i), array[i].Pos, array[i].Value, d[i])
		}
	default:
		if !sameScalar(value, decoded) {
			c.t.Errorf("%s: got %#v, decoded %#v", path, value, decoded)
		}
	}
}

func (c comparison) entries(path string, table *Table, decoded map[string]any) {
	c.t.Helper()
	for _, e := range table.Entries {
		v, ok := decoded[e.Key]
		if !ok {
			c.t.Fatalf("%s: key %q is not in the decoded table", path, e.Key)
		}
		c.equal(path+"/"+e.Key, e.Pos, e.Value, v)
		if got, ok := table.Get(e.Key); !ok || got.Pos != e.Pos {
			c.t.Errorf("%s: Get(%q) gives %v, %v", path, e.Key, got, ok)
		}
		bare := !strings.ContainsFunc(e.Key, func(r rune) bool { return r > 0x7f || !isBare(byte(r)) })
		text := c.lines[e.Pos.Line-1]
		if bare && !strings.Contains(text, e.Key) && !strings.Contains(text, `\`) {
			c.t.Errorf("%s: key %q is not in line %d: %q", path, e.Key, e.Pos.Line, text)
		}
	}
}

func sameScalar(value, decoded any) bool {
	switch d := decoded.(type) {
	case float64:
		v, ok := value.(float64)
		return ok && math.Float64bits(v) == math.Float64bits(d)
	case time.Time:
		switch v := value.(type) {
		case LocalDate:
			return v.In(d.Location()).Equal(d)
		case LocalDateTime:
			return v.In(d.Location()).Equal(d)
		case LocalTime:
			return LocalDateTime{LocalDate{0, 1, 1}, v}.In(d.Location()).Equal(d)
		}
	}
	return value == decoded
}
