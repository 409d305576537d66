package lastgood

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlswarden/rules/rulefile"
)

const ruleText = `[list]
partners = { file = "partners.txt" }
others   = { file = "partners.txt" }

[[rule]]
name   = "partners"
when   = { sender_domain = ["@partners", "@others"] }
action = "accept"
`

// TestCopy shows that rules load from the copy as they did from their files, when those
// are gone.
func TestCopy(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	name := filepath.Join(dir, "10.toml")
	for file, text := range map[string]string{name: ruleText, filepath.Join(dir, "partners.txt"): "bank.example\nbücher.example # <&>\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := rulefile.LoadFiles([]string{name}, rulefile.Options{})
	if read.Policy == nil || len(read.Files) != 3 {
		t.Fatalf("%v, files %d", read.Found, len(read.Files))
	}
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	before := Of([]string{name}, read.Files, now)
	if len(before.Files) != 2 {
		t.Errorf("a file that two lists name is in the copy twice: %v", before.Files)
	}
	if err := before.Save(state); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	c, err := Read(state)
	if err != nil || !c.Loaded.Equal(now) {
		t.Fatal(c.Loaded, err)
	}
	again := rulefile.LoadFiles(c.Rules, rulefile.Options{Read: c.File})
	if again.Policy == nil || again.Policy.Rules()[len(again.Policy.Rules())-1].File != name {
		t.Fatal(again.Found)
	}
	if rulefile.Hash(again.Files) != rulefile.Hash(read.Files) {
		t.Error("the files of the copy have another hash than those that it was made of")
	}
	if missing := rulefile.LoadFiles([]string{"x.toml"}, rulefile.Options{Read: c.File}); missing.Policy != nil || !strings.Contains(missing.Found[0].Message, "is not in the copy") {
		t.Error(missing.Found)
	}
}

// TestReadRefuses shows what is no copy.
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"":              "unexpected end",
		`{"version":2}`: "version 2, of another release",
	} {
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fileName) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
