package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestPaint shows what takes colours: a character device, as a terminal is, where the
// environment permits, and nothing else.
func TestPaint(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if !paintFor(device) || paintFor(file) || paintFor(&bytes.Buffer{}) {
		t.Error("colours are not for terminals alone")
	}
	t.Setenv("TERM", "dumb")
	if paintFor(device) {
		t.Error("a dumb terminal gets colours")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if paintFor(device) {
		t.Error("colours come in spite of NO_COLOR")
	}
	if got := paint(true).action("quarantine") + paint(false).action("tag"); got != "\x1b[1;35mquarantine\x1b[0mtag" {
		t.Errorf("%q", got)
	}
}
