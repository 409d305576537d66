package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const howtoDir = "../../docs/howto"

var (
	// howtoRow is a row of the table of how-tos: file, and how it gets on with the
	// rules that ship.
	howtoRow = regexp.MustCompile(`(?m)^\| \[((\d\d)-[a-z-]+\.toml)\]\(.*\| (beside it|in its place) \|$`)
	// apart are two how-tos that do not go together.
	apart = regexp.MustCompile(`(?m)^- \*\*(\d+) and (\d+)\*\*: `)
	// listFile is a list that a rule file reads.
	listFile = regexp.MustCompile(`file = "([a-z-]+\.txt)"`)
)

// TestHowtosBesideShipped copies each how-to to the configuration that ships, as the
// page of how-tos tells, and checks the whole; and so for each pair that goes beside
// the rules that ship. Pairs that are said not to go together do not.
func TestHowtosBesideShipped(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(howtoDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(howtoDir, "*.toml"))
	rows := howtoRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) != len(files) {
		t.Fatalf("the table has %d rows, and there are %d files", len(rows), len(files))
	}
	var without []string
	for _, m := range apart.FindAllStringSubmatch(string(page), -1) {
		without = append(without, pad(m[1])+" "+pad(m[2]))
	}
	tried := 0
	for i, row := range rows {
		if out, code := checkShipped(t, row[3] == "in its place", row[1]); code != exitOK || !strings.Contains(out, "ok: ") || strings.Contains(out, "warning: ") && row[2] != "05" {
			t.Errorf("%s %s: code %d: %s", row[1], row[3], code, out)
		}
		for _, other := range rows[i+1:] {
			if row[3] != "beside it" || other[3] != "beside it" {
				continue
			}
			out, code := checkShipped(t, false, row[1], other[1])
			if excepted := slices.Contains(without, row[2]+" "+other[2]); excepted != (code != exitOK) {
				t.Errorf("%s and %s, said not to go together: %t: code %d: %s", row[1], other[1], excepted, code, out)
			} else if excepted {
				tried++
			}
		}
	}
	if tried != len(without) || tried == 0 {
		t.Errorf("of %q %d were tried", without, tried)
	}
}

func pad(number string) string { return strings.Repeat("0", 2-len(number)) + number }

// checkShipped runs check on the configuration that ships, with how-tos beside its
// rules or in their place.
func checkShipped(t *testing.T, inPlace bool, names ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../packaging/etc")); err != nil {
		t.Fatal(err)
	}
	if inPlace {
		if err := os.Truncate(filepath.Join(dir, "rules.d", "10-site.toml"), 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		text := copyHowto(t, dir, name)
		for _, m := range listFile.FindAllStringSubmatch(text, -1) {
			copyHowto(t, dir, m[1])
		}
	}
	var out bytes.Buffer
	code := run([]string{"check", "--config", filepath.Join(dir, "tlswarden.toml")}, strings.NewReader(""), &out, &out)
	return out.String(), code
}

func copyHowto(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(howtoDir, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rules.d", name), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
