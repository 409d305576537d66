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

// TestPageIsCurrent shows that the committed page is what would be written now.
func TestPageIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != reference() {
		t.Errorf("%s is not up to date: go run ./docs/gen", page)
	}
}

func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	var stderr bytes.Buffer
	if code := run([]string{file}, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("code %d: %s", code, &stderr)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != reference() {
		t.Errorf("the page was not written: %v", err)
	}
	if code := run([]string{filepath.Join(file, "x")}, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), "gen: ") {
		t.Errorf("code %d: %q", code, &stderr)
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

// TestPluginKeys holds the keys of [plugin.NAME] against those that are read, and
// loads the example of each.
func TestPluginKeys(t *testing.T) {
	asked := map[string]bool{}
	keysOf(t, "../../internal/daemon/config_plugin.go", asked)
	delete(asked, "plugin") // the table itself
	for _, k := range pluginTable().keys {
		if !asked[k.name] {
			t.Errorf("nobody reads the key %s", k.name)
		}
		delete(asked, k.name)
		text := strings.ReplaceAll(pluginTable().around, "KEY", k.example)
		if k.name != "path" {
			text += "path = \"/p\"\n"
		}
		file := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found := daemon.LoadConfig(file); len(found) > 0 {
			t.Errorf("%s: %v", k.name, found)
		}
	}
	for k := range asked {
		t.Errorf("docs/gen/plugins.go does not describe the key %s", k)
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
func isReader(x ast.Expr) bool { return isIdent(x, "r") || isIdent(x, "s") || isIdent(x, "top") }

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
	if tab.title == "`[[test]]`" {
		text = onlyLast(text, k.name)
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
func onlyLast(text, name string) string {
	head, body, _ := strings.Cut(text, "[[test]]\n")
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	var kept []string
	for i, line := range lines {
		if i == len(lines)-1 || !strings.HasPrefix(line, name+" ") {
			kept = append(kept, line)
		}
	}
	return head + "[[test]]\n" + strings.Join(kept, "\n") + "\n"
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
