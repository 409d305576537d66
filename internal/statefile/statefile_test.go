package statefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestReplace shows that a file is replaced as a whole, may be read by nobody else,
// and that nothing else is left in the directory.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir, "f"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Join(dir, "f")) {
		t.Errorf("reading what is not there: %v", err)
	}
	for _, text := range []string{"one\n", "", strings.Repeat("x", mostBytes)} {
		if err := os.WriteFile(filepath.Join(dir, ".f.new"), []byte("left by one that was killed"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Write(dir, "f", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(dir, "f"); err != nil || string(got) != text {
			t.Errorf("%d bytes come back as %d, %v", len(text), len(got), err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "f")); err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got := names(t, dir); got != "f" {
		t.Errorf("the directory has %s", got)
	}
}

// TestFailures shows that what cannot be written leaves the file as it was, that
// what is no usable file is not read, and what is said of each.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := Write(dir, "long", make([]byte, mostBytes+1)); err == nil || err.Error() != at("long")+": longer than 67108864 bytes" {
		t.Errorf("%v", err)
	}
	if err := os.Mkdir(at("directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, "directory", []byte("x")); err == nil || !strings.HasPrefix(err.Error(), at("directory")+": ") || names(t, dir) != "directory" {
		t.Errorf("%v, the directory has %s", err, names(t, dir))
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("large"), bytes.Repeat([]byte("x"), mostBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"directory": "not a regular file", "pipe": "not a regular file", "large": "longer than 67108864 bytes"} {
		if _, err := Read(dir, name); err == nil || err.Error() != at(name)+": "+want {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := filepath.Join(dir, "gone")
	if err := Write(gone, "f", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

// TestLinks shows that links lead to nothing outside of the directory: neither the
// file nor the temporary one beside it.
func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{"f", ".f.new"} {
		if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if name == "f" {
			if got, err := Read(dir, "f"); err == nil {
				t.Errorf("it reads %q", got)
			}
		}
		if err := Write(dir, "f", []byte("new")); err != nil {
			t.Errorf("%s is a link: %v", name, err)
		}
		if got, _ := os.ReadFile(outside); string(got) != "precious" {
			t.Errorf("%s is a link, and what it leads to is %q now", name, got)
		}
		if got, err := Read(dir, "f"); err != nil || string(got) != "new" {
			t.Errorf("it reads %q, %v", got, err)
		}
	}
	if got := names(t, dir); got != "f" {
		t.Errorf("the directory has %s", got)
	}
}
