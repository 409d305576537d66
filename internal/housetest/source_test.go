package housetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// The sizes that source keeps to. The tail is policed, not the median.
const (
	maxFileLines = 500
	maxFuncLines = 100
)

// TestPackageDocs shows that each package says what it is, and each library
// package what it logs, what fails and what is silent.
func TestPackageDocs(t *testing.T) {
	docs, names := map[string]string{}, map[string]string{}
	goFiles(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", path), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		names[pkg] = file.Name.Name
		if file.Doc != nil {
			docs[pkg] += file.Doc.Text()
		}
	})
	for pkg, name := range names {
		switch doc := docs[pkg]; {
		case doc == "":
			t.Errorf("%s has no package comment", pkg)
		case name != "main" && !strings.Contains(doc, "# Diagnostics"):
			t.Errorf("the package comment of %s has no paragraph \"# Diagnostics\"", pkg)
		}
	}
}

// TestSizes shows that files and functions stay small, that nothing registers
// itself, and that nothing below cmd exits.
func TestSizes(t *testing.T) {
	goFiles(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_gen.go") || strings.HasSuffix(path, ".pb.go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join("..", "..", path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		if n := set.Position(file.End()).Line; n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxFileLines)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				checkFunc(t, path, file.Name.Name, set, f)
			}
		}
	})
}

func checkFunc(t *testing.T, path, pkg string, set *token.FileSet, f *ast.FuncDecl) {
	if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFuncLines {
		t.Errorf("%s: %s has %d lines, more than %d", path, f.Name.Name, n, maxFuncLines)
	}
	if f.Name.Name == "init" && f.Recv == nil {
		t.Errorf("%s registers something by init", path)
	}
	if pkg == "main" {
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "os" && sel.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(sel.Sel.Name, "Fatal")) {
				t.Errorf("%s: %s ends the process", path, f.Name.Name)
			}
		}
		if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" {
			t.Errorf("%s: %s panics", path, f.Name.Name)
		}
		return true
	})
}
