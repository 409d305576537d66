package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/plugins/plugintest"
)

// tiered is a database whose partner bank.example has a tier.
func tiered(t *testing.T, tier string) string {
	return liteFile(t, "UPDATE partners SET tier = '"+tier+"' WHERE domain = 'bank.example'")
}

// watchedLite is a database, with what it logs.
func watchedLite(t *testing.T) (*sqliteFile, *bytes.Buffer) {
	f := sourceOf(t, partnersBy("sqlite", "file", liteFile(t))).(*sqliteFile)
	log := &bytes.Buffer{}
	f.log = log
	return f, log
}

// lookNow makes the next lookup look at the file.
func (f *sqliteFile) lookNow() {
	f.looking.Lock()
	f.looked = time.Time{}
	f.looking.Unlock()
}

// TestReplaced shows that a database which was renamed over the old one is asked,
// that one which is broken or gone is told of once, and that the one from before stays
// then.
func TestReplaced(t *testing.T) {
	f, log := watchedLite(t)
	for i, step := range []struct {
		file, want, logged string // no file: it is gone; "same": as it was
	}{
		{"same", "gold", ""},
		{tiered(t, "iron"), "iron", ""},
		{"same", "iron", ""},
		{write(t, "text", strings.Repeat("no database\n", 100)), "iron", "file is not a database"},
		{write(t, "text", strings.Repeat("no database\n", 100)), "iron", ""},
		{tiered(t, "silver"), "silver", ""},
		{liteFile(t, "DROP TABLE partners"), "silver", "no such table"},
		{"", "silver", "no such file or directory"},
		{"", "silver", ""},
		{tiered(t, "lead"), "lead", ""},
	} {
		log.Reset()
		var err error
		switch step.file {
		case "same":
		case "":
			_ = os.Remove(f.path)
		default:
			err = os.Rename(step.file, f.path)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.lookNow()
		row, err := f.find(t.Context(), []string{"bank.example"})
		if err != nil || row["tier"] != step.want || (log.Len() == 0) != (step.logged == "") || !strings.Contains(log.String(), step.logged) {
			t.Errorf("step %d: %v, %v, %q; want %s, %s", i, row, err, log, step.want, step.logged)
		}
	}
}

// TestLookedAtOnce shows that the file is not looked at for each lookup.
func TestLookedAtOnce(t *testing.T) {
	f, _ := watchedLite(t)
	f.looked = time.Now().Add(time.Hour) // it was, just now
	if err := os.Rename(tiered(t, "iron"), f.path); err != nil {
		t.Fatal(err)
	}
	if row, err := f.find(t.Context(), []string{"bank.example"}); err != nil || row["tier"] != "gold" {
		t.Errorf("%v, %v", row, err)
	}
}

// TestReplacedTogether shows that no lookup fails while the file is replaced, and that
// what was open before is closed.
func TestReplacedTogether(t *testing.T) {
	f, _ := watchedLite(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if row, err := f.find(context.Background(), []string{"bank.example"}); err != nil || row == nil {
					t.Errorf("%v, %v", row, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		if err := os.Rename(tiered(t, fmt.Sprint(i)), f.path); err != nil {
			t.Fatal(err)
		}
		f.lookNow()
	}
	close(stop)
	wg.Wait()
	f.lookNow()
	if row, err := f.find(t.Context(), []string{"bank.example"}); err != nil || row["tier"] != "19" {
		t.Errorf("in the end %v, %v", row, err)
	}
	testkit.Until(t, func() bool { return deleted(t, f.path) == 0 }, "no file is open that is gone")
}

// deleted is how many files are open that were at a path.
func deleted(t *testing.T, path string) int {
	t.Helper()
	names, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(names) == 0 {
		t.Skip("no /proc")
	}
	n := 0
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil && to == path+" (deleted)" {
			n++
		}
	}
	return n
}

// TestPipe shows that a pipe in the place of a file is an error at once, rather than
// waited for.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	csv := map[string]any{"driver": "csv", "file": pipe, "key": []string{"sender_domain"}, "facts": map[string]any{}}
	for _, set := range []map[string]any{csv, partnersBy("sqlite", "file", pipe)} {
		answer := make(chan error, 1)
		go func() { answer <- plugintest.Configure(t, plugin(), text(t, set)) }()
		select {
		case err := <-answer:
			if err == nil || err.Error() != "file: "+pipe+" is not a regular file" {
				t.Error(err)
			}
		case <-time.After(testkit.Patience):
			t.Fatal("the plugin waits for somebody to write into the pipe")
		}
	}
}
