package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tlswarden/internal/daemon"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// TestPagesAreCurrent shows that the committed pages are what would be written now.
func TestPagesAreCurrent(t *testing.T) {
	dir := copied(t)
	var stderr bytes.Buffer
	if code := run([]string{dir}, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("code %d: %s", code, &stderr)
	}
	for _, page := range append([]string{"reference.md"}, manualFiles()...) {
		want, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join("..", page)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not up to date: go run ./docs/gen (%v)", page, err)
		}
	}
}

// manualFiles are the manual pages that are made, below docs.
func manualFiles() []string {
	var out []string
	for _, name := range manuals {
		out = append(out, filepath.Join("man", name))
	}
	return out
}

// copied is a directory with the sources of the manual pages.
func copied(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "man"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range manualFiles() {
		data, err := os.ReadFile(filepath.Join("..", name+".in"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".in"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestRun shows what becomes of a directory and of sources that are not in order.
func TestRun(t *testing.T) {
	dir := copied(t)
	source := filepath.Join(dir, "man", manuals[0]+".in")
	for text, want := range map[string]string{
		"{{keys":            "unclosed action",
		`{{keys "[rule]"}}`: `there is no table "[rule]"`,
		`{{settings "x"}}`:  `there is no table "x"`,
	} {
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		if code := run([]string{dir}, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), "gen: ") || !strings.Contains(stderr.String(), want) {
			t.Errorf("code %d: %q, want %q", code, &stderr, want)
		}
	}
	var stderr bytes.Buffer
	if code := run([]string{filepath.Join(dir, "none")}, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), "gen: ") {
		t.Errorf("code %d: %q", code, &stderr)
	}
}

// TestManualHasAllTables shows that no table is missing from the manual pages.
func TestManualHasAllTables(t *testing.T) {
	var pages strings.Builder
	for _, name := range manualFiles() {
		data, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		pages.Write(data)
	}
	has := func(what, text string) {
		if !strings.Contains(pages.String(), text) {
			t.Errorf("the manual pages lack %s", what)
		}
	}
	for _, tab := range tables() {
		text, err := manKeys(plain(tab.title))
		if err != nil {
			t.Fatal(err)
		}
		has(tab.title, text)
	}
	for _, tab := range configTables() {
		text, err := manSettings(plain(tab.title))
		if err != nil {
			t.Fatal(err)
		}
		has(tab.title, text)
	}
	for what, text := range map[string]string{
		"actions": manActions(), "placeholders": manPlaceholders(), "fields": manFields(), "forms": manForms(), "profiles": manProfiles(),
	} {
		has(what, text)
	}
}

func TestMdoc(t *testing.T) {
	for text, want := range map[string]string{
		"One. Two (`three`, [four](#five)).":      "One.\nTwo\n.Ic ( three ,\nfour).\n",
		"By `sendmail(1)`; by `a b`s, `\"x\\`.":   "By\n.Xr sendmail 1 ;\nby\n.Ql a\\~b Ns No s,\n.Ql \\(dqx\\e .\n",
		"m\u00fcller .org `no` `a`-`b` 'x' x=`y`": "m\\[u00FC]ller .org\n.Ic \\&no\n.Ic \\&a Ns No -b\n\\&'x'\n.No x= Ns Ic \\&y\n",
		strings.Repeat("long ", 20):               strings.Repeat("long ", 14) + "long\n" + strings.Repeat("long ", 4) + "long\n",
		"":                                        "",
	} {
		if got := mdoc(text); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", text, got, want)
		}
	}
	for example, want := range map[string]string{
		`a = '\d'`: `a = \(aq\ed\(aq`,
		`ciphers = ["` + strings.Repeat("x", 30) + `", "` + strings.Repeat("y", 30) + `"]`: "ciphers = [\n  \"" + strings.Repeat("x", 30) + "\",\n  \"" + strings.Repeat("y", 30) + "\",\n]",
		`sha256 = "` + strings.Repeat("0a", 32) + `"`:                                      `sha256 = "0a0a0a0a0a0a..."`,
	} {
		if got := literalBlock(example); got != ".Bd -literal -compact\n"+want+"\n.Ed\n" {
			t.Errorf("%s\ngot %q", example, got)
		}
	}
}

// TestEveryKeyIsDescribed compares the keys here with those that the readers of
// rule files ask for in their source.
func TestEveryKeyIsDescribed(t *testing.T) {
	asked, described := askedKeys(t), map[string]bool{}
	for _, tab := range tables() {
		for _, k := range tab.keys {
			described[k.name] = true
			if !asked[k.name] {
				t.Errorf("%s: nobody reads the key %s", tab.title, k.name)
			}
		}
	}
	for k := range asked {
		if !described[k] {
			t.Errorf("docs/gen/keys.go does not describe the key %s", k)
		}
	}
}

// TestConfigKeys holds the keys of tlswarden.toml against those that are read, and
// loads the example of each.
func TestConfigKeys(t *testing.T) {
	asked := map[string]bool{}
	names, _ := filepath.Glob("../../internal/daemon/*.go")
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			keysOf(t, name, asked)
		}
	}
	described := map[string]bool{}
	for _, tab := range configTables() {
		for _, s := range tab.settings {
			described[s.name] = true
			if !asked[s.name] {
				t.Errorf("%s: nobody reads the key %s", tab.title, s.name)
				continue
			}
			configExample(t, tab, s)
		}
	}
	for k := range asked {
		if !described[k] {
			t.Errorf("docs/gen does not describe the key %s of the configuration", k)
		}
	}
}

// configExample loads the example of a setting in its table, without a finding.
func configExample(t *testing.T, tab configTable, s setting) {
	t.Helper()
	example := s.example
	if strings.HasPrefix(example, "[") {
		return // a heading; what stands below it is a table of its own here
	}
	text := tab.around
	switch s.name {
	case "address":
		text = strings.ReplaceAll(text, "address = \"unix:/run/tlswarden/milter\", KEY", "KEY")
	case "listen":
		text = "[milter]\nKEY\n" // one address is for one front end
	}
	if tab.title == pluginTitle && s.name != "path" {
		example += "\npath = \"/p\""
	}
	file := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "KEY", example)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found := daemon.LoadConfig(file); len(found) > 0 {
		t.Errorf("%s: %s: %v", tab.title, s.name, found)
	}
}

// askedKeys finds the calls that take an entry from a reader: its methods, and
// functions whose first argument is the reader and the second the key.
func askedKeys(t *testing.T) map[string]bool {
	keys := map[string]bool{}
	for _, dir := range []string{"rulefile", "ruletest"} {
		names, _ := filepath.Glob("../../rules/" + dir + "/*.go")
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			keysOf(t, name, keys)
		}
	}
	return keys
}

// keysOf does so in one file.
func keysOf(t *testing.T, name string, keys map[string]bool) {
	t.Helper()
	methods := []string{"String", "Bool", "Int", "Table", "Tables", "List", "Strings", "Entry"}
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		sel, _ := call.Fun.(*ast.SelectorExpr)
		switch {
		case sel != nil && isReader(sel.X):
			if slices.Contains(methods, sel.Sel.Name) {
				addLiteral(keys, call.Args[0])
			}
		case sel != nil && isIdent(sel.X, "strings"): // its first argument is text
		case len(call.Args) > 1 && isReader(call.Args[0]):
			addLiteral(keys, call.Args[1])
		}
		return true
	})
}

// isReader goes by the names that readers have there.
func isReader(x ast.Expr) bool {
	return isIdent(x, "r") || isIdent(x, "s") || isIdent(x, "tr") || isIdent(x, "top")
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

func addLiteral(keys map[string]bool, x ast.Expr) {
	if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			keys[s] = true
		}
	}
}

// TestExamplesLoad reads the example of each key in a rule file: in its table,
// and without a finding.
func TestExamplesLoad(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("mx.example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tab := range tables() {
		for _, k := range tab.keys {
			if strings.HasPrefix(k.example, "[") {
				continue // a heading; what stands below it is a table of its own here
			}
			text := strings.ReplaceAll(fileWith(tab, k), "LIST", list)
			res := rulefile.Load([]rulefile.Source{{Name: "example.toml", Data: []byte(text)}}, rulefile.Options{})
			ruletest.Parse(res.Tests, res.Policy, &res.Found)
			for _, d := range res.Found {
				if !strings.Contains(d.Message, "expire") {
					t.Errorf("%s: %s: %s\n%s", tab.title, k.name, d, text)
				}
			}
		}
	}
}

// fileWith is a rule file with the example of a key in its table, and with what
// else the table then needs.
func fileWith(tab table, k key) string {
	text := strings.ReplaceAll(tab.around, "from = 2027-01-01, KEY", "from = 2027-01-01, "+k.example)
	if k.name == "from" {
		text = strings.ReplaceAll(tab.around, "from = 2027-01-01, KEY", k.example)
	}
	if k.name == "file" {
		text = strings.ReplaceAll(tab.around, ", KEY", "")
	}
	example := k.example
	if tab.title == "`[[rule]]`" {
		for _, other := range ruleNeeds(k.name) {
			example += "\n" + other
		}
	}
	text = strings.ReplaceAll(text, "KEY", example)
	if tab.title == "`[[test]]`" || tab.title == "`[[rule.except]]`" {
		text = onlyLast(text, strings.Trim(tab.title, "`"), k.name)
	}
	return text
}

// ruleNeeds are the keys without which a rule with this one is not complete.
func ruleNeeds(name string) []string {
	needs := []string{`name = "r"`, `require = "bcp195"`, `otherwise = "reject"`}
	switch name {
	case "action":
		needs = append(needs[:1], `when = { tls = true }`)
	case "tag":
		needs[2] = `otherwise = "tag"`
	}
	return slices.DeleteFunc(needs, func(line string) bool { return strings.HasPrefix(line, name+" ") })
}

// onlyLast drops the lines within the test that set a key, but the last.
func onlyLast(text, title, name string) string {
	head, body, _ := strings.Cut(text, title+"\n")
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	var kept []string
	for i, line := range lines {
		if i == len(lines)-1 || !strings.HasPrefix(line, name+" ") {
			kept = append(kept, line)
		}
	}
	return head + title + "\n" + strings.Join(kept, "\n") + "\n"
}

// TestForms shows that each kind of field has its forms, and that conditions
// take them.
func TestForms(t *testing.T) {
	have := map[rules.Kind]bool{}
	for _, f := range forms() {
		have[f.kind] = true
		compares := false
		for _, e := range f.entries {
			if err := rules.NewSet(f.kind).Add(e); err != nil {
				t.Errorf("%s: %v: %v", f.kind, e, err)
			}
			s, _ := e.(string)
			compares = compares || s != "<>" && strings.HasPrefix(s, "<") || strings.HasPrefix(s, ">")
		}
		if compares != f.kind.Ordered() {
			t.Errorf("%s: the examples compare: %v", f.kind, compares)
		}
	}
	for _, f := range rules.Fields() {
		if !have[f.Kind] {
			t.Errorf("the kind %s of %s has no forms", f.Kind, f.Name)
		}
	}
}

// TestWords compares the lists of words here with those of the engine.
func TestWords(t *testing.T) {
	var names []string
	for _, a := range actions() {
		names = append(names, a[0])
	}
	if !slices.Equal(names, rules.ActionNames()) {
		t.Errorf("actions: %v", names)
	}
	_, err := rules.ParseTemplate("{no such}")
	for _, p := range placeholders() {
		if _, err := rules.ParseTemplate("{" + p[0] + "}"); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(err.Error(), "{") - 1; n != len(placeholders()) {
		t.Errorf("there are %d placeholders, and %d are described: %v", n, len(placeholders()), err)
	}
	if since("", "2.3") != "no" || since("2.2", "2.3") != "yes" || since("3.12", "2.3") != "3.12" || since("2.9", "2.3") != "2.9" || since("all", "") != "yes" {
		t.Error("releases are worded wrongly")
	}
}

// TestRows shows that no cell breaks out of its row.
func TestRows(t *testing.T) {
	for line := range strings.Lines(reference()) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") < 3 {
			t.Errorf("a row of one cell: %s", line)
		}
	}
	var b strings.Builder
	row(&b, "a|b", "c")
	if b.String() != "| a\\|b | c |\n" {
		t.Error(b.String())
	}
}
