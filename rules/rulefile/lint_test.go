package rulefile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// TestLint reads each archive in testdata/lint: rule files without errors, and in
// "want" all that Lint must find in them, word for word.
func TestLint(t *testing.T) {
	names, _ := filepath.Glob("testdata/lint/*.txt")
	if len(names) == 0 {
		t.Fatal("no archives")
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir, want := t.TempDir(), ""
			var files []string
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				file := filepath.Join(dir, f.Name)
				if err := os.WriteFile(file, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(file, ".toml") {
					files = append(files, file)
				}
			}
			res := LoadFiles(files, Options{Now: testNow, Zone: time.UTC})
			if res.Policy == nil {
				t.Fatal(res.Found)
			}
			res.Found = nil
			Lint(res.Policy, testNow, &res.Found)
			res.Found.Sort()
			var b strings.Builder
			for _, d := range res.Found {
				b.WriteString(strings.ReplaceAll(d.String(), dir+"/", "") + "\n")
			}
			if got := b.String(); *update {
				a.Files[len(a.Files)-1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// manyRules are rules of several shapes, each of which names domains, addresses
// or clients of its own, a list that all share, or a pattern.
func manyRules(n, listed int) string {
	var b strings.Builder
	b.WriteString("[list]\nmany = [\n")
	for i := range listed {
		fmt.Fprintf(&b, "\"d%d.example\",\n", i)
	}
	b.WriteString("]\n")
	forms := []string{
		`sender_domain = "s%d.example", tls = true`, `client = "10.%d.%d.0/24"`, `recipient = "user%d@example.com"`, `recipient_domain = ".r%d.example"`,
		`sender_domain = "@many", recipient = "u%d@example.com"`, `helo = "/^h%d$/"`, `size = "> %d", tls_version = "TLSv1"`,
	}
	for i := range n {
		form, args := forms[i%len(forms)], []any{i}
		if strings.Count(form, "%d") == 2 {
			args = []any{i >> 8 & 255, i & 255}
		}
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nwhen = { %s }\nrequire = \"bcp195\"\notherwise = \"reject\"\n", i, fmt.Sprintf(form, args...))
	}
	return b.String()
}

// TestLintLarge runs Lint on thousands of rules with a list of 100,000 entries;
// BenchmarkLint tells how long that takes.
func TestLintLarge(t *testing.T) {
	res := Load([]Source{{"many.toml", []byte(manyRules(2000, 100_000))}}, Options{})
	if res.Policy == nil {
		t.Fatal(res.Found[0])
	}
	Lint(res.Policy, testNow, &res.Found)
	if len(res.Found) == 0 {
		t.Error("nothing was found")
	}
}

func BenchmarkLint(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		res := Load([]Source{{"many.toml", []byte(manyRules(n, 100_000))}}, Options{})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				res.Found = nil
				Lint(res.Policy, testNow, &res.Found)
			}
		})
	}
}
