package rulefile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// testNow is when the files in testdata are read.
var testNow = time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)

var update = flag.Bool("update", false, "write what the bad files give into testdata")

// TestBad reads each archive in testdata/bad: its rule files, and in "want" all
// that must be found in them, word for word.
func TestBad(t *testing.T) {
	names, _ := filepath.Glob("testdata/bad/*.txt")
	if len(names) == 0 {
		t.Fatal("no bad files")
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var sources []Source
			want, at := "", -1
			for i, f := range a.Files {
				if f.Name == "want" {
					want, at = string(f.Data), i
					continue
				}
				sources = append(sources, Source{Name: f.Name, Data: f.Data})
			}
			res := Load(sources, Options{Now: testNow, Zone: time.UTC})
			var b strings.Builder
			for _, d := range res.Found {
				b.WriteString(d.String() + "\n")
			}
			if *update {
				if at < 0 {
					a.Files = append(a.Files, txtar.File{Name: "want"})
					at = len(a.Files) - 1
				}
				a.Files[at].Data = []byte(b.String())
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := b.String(); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if (res.Policy == nil) != res.Found.HasErrors() {
				t.Errorf("policy %v with %d findings", res.Policy != nil, len(res.Found))
			}
		})
	}
}

// TestSeveralFiles shows that lists and profiles of one file serve another, and
// that rules are read in the order of the files.
func TestSeveralFiles(t *testing.T) {
	res := Load([]Source{
		{"10.toml", []byte("[[rule]]\nname = \"a\"\nwhen = { client = \"@l\" }\nrequire = \"p\"\notherwise = \"defer\"\n")},
		{"20.toml", []byte("[list]\nl = [\"192.0.2.0/24\"]\n[profile.p]\nbase = \"q\"\n[[rule]]\nname = \"b\"\naction = \"tag\"\n")},
		{"30.toml", []byte("[profile.q]\nmin_version = \"TLSv1.2\"\n")},
	}, Options{})
	if len(res.Found) > 0 {
		t.Fatal(res.Found)
	}
	var names []string
	for _, r := range res.Policy.Rules() {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "local a b" {
		t.Errorf("rules are %q", got)
	}
	if got := res.Policy.Rules()[1].Require.Required(); got != "TLSv1.2 or newer" {
		t.Errorf("the profile demands %q", got)
	}
}

func TestLoadFiles(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "a.toml")
	if err := os.WriteFile(good, []byte("[[rule]]\nname = \"a\"\naction = \"tag\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := LoadFiles([]string{good}, Options{}); res.Policy == nil || len(res.Found) > 0 {
		t.Errorf("a good file: %v", res.Found)
	}
	missing := filepath.Join(dir, "b.toml")
	res := LoadFiles([]string{good, missing, dir}, Options{})
	if res.Policy != nil || len(res.Found) != 2 {
		t.Fatalf("a missing file and a directory: %v", res.Found)
	}
	if got := res.Found[0].String(); got != missing+": error: cannot be read: no such file or directory" {
		t.Error(got)
	}
	if got := res.Found[1].String(); got != dir+": error: is a directory" {
		t.Error(got)
	}
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"20.toml", "10.toml", "30.txt"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Glob(dir, []string{"*.toml", "missing.toml"})
	want := filepath.Join(dir, "10.toml") + " " + filepath.Join(dir, "20.toml") + " " + filepath.Join(dir, "missing.toml")
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v %v", got, err)
	}
	if _, err := Glob(dir, []string{"[.toml"}); err == nil {
		t.Error("a bad pattern is taken")
	}
}

// TestSuppliers shows that a fact which no enabled front end supplies is an
// error, unless the rule says what to do without it.
func TestSuppliers(t *testing.T) {
	rule := "[[rule]]\nname = \"r\"\nwhen = { requiretls = true }\naction = \"tag\"\n"
	res := Load([]Source{{"r.toml", []byte(rule)}}, Options{NoMilter: true})
	want := "r.toml:1: error: rule \"r\": the rule needs requiretls, which only the milter can supply, and it is not enabled\n\thint: enable it, or set on_unknown"
	if len(res.Found) != 1 || res.Found[0].String() != want {
		t.Errorf("%v", res.Found)
	}
	if res := Load([]Source{{"r.toml", []byte(rule + "on_unknown = \"tag\"\n")}}, Options{NoMilter: true}); res.Policy == nil {
		t.Errorf("with on_unknown: %v", res.Found)
	}
	if res := Load([]Source{{"r.toml", []byte(rule)}}, Options{NoPolicy: true}); res.Policy == nil {
		t.Errorf("with a milter: %v", res.Found)
	}
	if res := Load([]Source{{"r.toml", []byte(rule)}}, Options{}); res.Policy == nil || len(res.Found) > 0 {
		t.Errorf("with both: %v", res.Found)
	}
	res = Load([]Source{{"r.toml", []byte("[[rule]]\nname = \"r\"\nwhen = { message.encrypted = \"smime\" }\naction = \"accept\"\n")}}, Options{NoMilter: true})
	want = "r.toml:1: error: rule \"r\": the rule needs message.encrypted, which only the milter can supply, and it is not enabled\n\thint: enable it, or set on_unknown"
	if len(res.Found) != 1 || res.Found[0].String() != want {
		t.Errorf("a fact of the message without a milter: %v", res.Found)
	}
}

// TestNameless shows that check tells of what Postfix does not tell a milter.
func TestNameless(t *testing.T) {
	const known = "[profile.known]\nclient_cert = \"trusted\"\n[[rule]]\nname = \"r\"\nrequire = \"known\"\notherwise = \"reject\"\n"
	const want = "r.toml:3: warning: rule \"r\": the rule needs cert_verified: Postfix does not tell a milter of a verified certificate without common name and organization, which is taken for none\n\thint: enable the policy service beside the milter, unless the mail server is Sendmail"
	for name, c := range map[string]struct {
		rules   string
		options Options
		want    string
	}{
		"milter alone": {known, Options{NoPolicy: true}, want},
		"both":         {known, Options{}, ""},
		"policy alone": {known, Options{NoMilter: true}, ""},
		"a condition": {"[[rule]]\nname = \"r\"\nwhen = { cert_issuer = \"x\", cert_subject = \"y\" }\naction = \"reject\"\n", Options{NoPolicy: true},
			strings.Replace(strings.Replace(want, "r.toml:3", "r.toml:1", 1), "cert_verified", "cert_subject, cert_issuer", 1)},
		"no certificate": {"[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"tag\"\n", Options{NoPolicy: true}, ""},
	} {
		got := ""
		for _, d := range Load([]Source{{"r.toml", []byte(c.rules)}}, c.options).Found {
			got += d.String()
		}
		if got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// FuzzLoad shows that no file makes the reader panic or hang, that findings have
// a line of the file, and that what it accepts evaluates.
func FuzzLoad(f *testing.F) {
	for _, glob := range []string{"testdata/bad/*.txt", "../ruletest/testdata/*.txt"} {
		names, _ := filepath.Glob(glob)
		for _, name := range names {
			a, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range a.Files {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		res := Load([]Source{{"fuzz.toml", data}}, Options{})
		lines := strings.Count(string(data), "\n") + 1
		for _, d := range res.Found {
			if d.Line < 0 || d.Line > lines || d.Message == "" {
				t.Errorf("%+v in a file of %d lines", d, lines)
			}
		}
		if (res.Policy == nil) != res.Found.HasErrors() {
			t.Error("a policy with errors, or none without")
		}
		checkPolicy(t, res.Policy)
	})
}
