package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tlswarden/rules"
)

// written are the keys of one kind of line as the program writes them, each with the
// values that stand in its source.
type written map[string][]string

// linesOf finds what the methods of a line in internal/gate are called with, by the
// function that calls them.
func linesOf(t *testing.T, names ...string) written {
	t.Helper()
	found := written{}
	files, err := filepath.Glob("../../internal/gate/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && slices.Contains(names, f.Name.Name) && !strings.HasSuffix(name, "_test.go") {
				found.add(f)
			}
		}
	}
	delete(found, "msg")
	return found
}

func (w written) add(f *ast.FuncDecl) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isIdent(sel.X, "l") {
			return true
		}
		for _, key := range literals(call.Args[0]) {
			w[key] = append(w[key], literals(call.Args[1])...)
		}
		return true
	})
}

func literals(x ast.Expr) []string {
	found := map[string]bool{}
	addLiteral(found, x)
	return slices.Collect(maps.Keys(found))
}

// sources finds a pattern in the program's source.
func sources(t *testing.T, glob, pattern string) []string {
	t.Helper()
	var found []string
	files, _ := filepath.Glob(glob)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(data), -1) {
			found = append(found, m[1])
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no %s", glob, pattern)
	}
	return found
}

// TestLogLines holds what the reference says of the log against what writes it: the
// keys of each kind of line, and their values where there is a choice.
func TestLogLines(t *testing.T) {
	decisions := linesOf(t, "decision", "failure", "ref", "who", "encryption", "envelope", "end")
	for _, key := range append(sources(t, "../../policyd/instance.go", `"(pid|queue_id)="`), sources(t, "../../milter/envelope.go", `"(queue_id)="`)...) {
		decisions[key] = nil // how the mail server names the session
	}
	decisions["action"] = append(append(decisions["action"], rules.ActionNames()...), sources(t, "../../internal/gate/*n.go", `recordFailure\("(\w+)"`)...)
	decisions["would"] = rules.ActionNames()[1:]
	decisions["softened"] = strings.Split(rules.Softening(255).String(), ",")
	decisions["front"] = sources(t, "../../internal/gate/gate.go", ` Front = "(\w+)"`)
	counts := linesOf(t, "LogCounts", "logExceptions")
	for _, key := range sources(t, "../../internal/gate/counts.go", `rules\.\w+: +"(\w+)"`) {
		counts[key] = nil
	}
	plugins := written{}
	call := sources(t, "../../internal/daemon/plugins.go", `(?s)log\.Info\("plugin", ("plugin".*?)\)\n`)[0]
	for _, m := range regexp.MustCompile(`"(\w+)", `).FindAllStringSubmatch(call, -1) {
		plugins[m[1]] = nil
	}
	plugins["state"] = sources(t, "../../internal/pluginhost/supervisor.go", ` State = "([\w ]+)"`)
	for i, want := range []written{decisions, counts, plugins} {
		compareLine(t, logLines()[i], want)
	}
}

func compareLine(t *testing.T, l logLine, want written) {
	t.Helper()
	described := map[string]bool{}
	for _, k := range l.keys {
		described[k[0]] = true
		values, ok := want[k[0]]
		if !ok {
			t.Errorf("msg=%s: nothing writes the key %s", l.msg, k[0])
		}
		for _, v := range values {
			if !strings.Contains(k[1], "`"+v+"`") {
				t.Errorf("msg=%s: the value %s of %s is not described", l.msg, v, k[0])
			}
		}
	}
	for key := range want {
		if !described[key] {
			t.Errorf("msg=%s: the key %s is not described", l.msg, key)
		}
	}
}

// TestManualNamesSoftenings shows that tlswarden-serve(8) names all reasons for a defer
// in the place of a reject.
func TestManualNamesSoftenings(t *testing.T) {
	page, err := os.ReadFile("../man/tlswarden-serve.8")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Split(rules.Softening(255).String(), ",") {
		if !regexp.MustCompile(`(?m)^\.Li ` + name + `$`).Match(page) {
			t.Errorf("tlswarden-serve.8 does not name %s", name)
		}
	}
}
