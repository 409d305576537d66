package housetest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tlswarden/packaging"
)

// manDir is where the manual pages are.
const manDir = "../../docs/man"

// manPages are the manual pages, without the sources of those that are made.
func manPages(t *testing.T) []string {
	names, err := filepath.Glob(manDir + "/*.[1-8]")
	if err != nil || len(names) == 0 {
		t.Fatalf("there is no manual page (%v)", err)
	}
	return names
}

var (
	// display is a block that is shown as it is. The comment TOML before it marks it
	// as a rule file or, if it begins with "# tlswarden.toml", as a configuration.
	display = regexp.MustCompile(`(?ms)^(\.\\" TOML\n)?\.Bd -literal(?: -offset \S+)?\n(.*?)^\.Ed$`)
	// tomlLine is a line that only TOML has.
	tomlLine = regexp.MustCompile(`(?m)^(\[[a-z\[]|[a-z_]+ += )`)
	// roff undoes what mdoc(7) needs of a line.
	roff = strings.NewReplacer(`\(aq`, `'`, `\(ga`, "`", `\e`, `\`, `\&`, ``)
)

// TestManualTOML loads the TOML of the manual pages as that of the other
// documentation, and finds what is not marked as such.
func TestManualTOML(t *testing.T) {
	blocks := 0
	for _, name := range manPages(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range display.FindAllSubmatchIndex(data, -1) {
			block := roff.Replace(string(data[m[4]:m[5]]))
			line := strings.Count(string(data[:m[4]]), "\n")
			if m[2] < 0 {
				if !strings.Contains(block, "smtpd_") && tomlLine.MatchString(block) {
					t.Errorf(`%s:%d: a block of TOML without .\" TOML before it`, name, line)
				}
				continue
			}
			blocks++
			padded := []byte(strings.Repeat("\n", line) + block)
			for _, d := range loadBlock(t, name, padded, strings.HasPrefix(block, "# tlswarden.toml")) {
				t.Error(d)
			}
		}
	}
	if blocks < 9 {
		t.Errorf("the manual pages have %d blocks of TOML", blocks)
	}
}

var (
	heading   = regexp.MustCompile(`(?m)^\.Dd ([A-Z][a-z]+ \d{1,2}, \d{4})\n\.Dt ([A-Z.-]+) (\d)\n\.Os\n\.Sh NAME\n\.Nm (\S+)\n\.Nd [^A-Z].*[^.]$`)
	reference = regexp.MustCompile(`(?m)^\.(?:It )?Xr (tlswarden\S*) (\d)`)
)

// TestManualPages shows that each page begins as it should, and that the pages of
// ours that it refers to are there.
func TestManualPages(t *testing.T) {
	there := map[string]bool{}
	for _, name := range manPages(t) {
		there[filepath.Base(name)] = true
	}
	for name := range there {
		data, err := os.ReadFile(filepath.Join(manDir, name))
		if err != nil {
			t.Fatal(err)
		}
		m := heading.FindStringSubmatch(string(data))
		if m == nil || m[4]+"."+m[3] != name || m[2] != strings.ToUpper(m[4]) {
			t.Errorf("%s does not begin with .Dd, .Dt, .Os, .Nm and .Nd of its own: %q", name, m)
		}
		for _, ref := range reference.FindAllStringSubmatch(string(data), -1) {
			if page := ref[1] + "." + ref[2]; !there[page] {
				t.Errorf("%s refers to %s, which there is not", name, page)
			}
		}
	}
}

// TestManualShowsTheSnippets shows that tlswarden-setup(8) gives the lines that
// ship, though broken to fit a terminal.
func TestManualShowsTheSnippets(t *testing.T) {
	page, err := os.ReadFile(manDir + "/tlswarden-setup.8")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(roff.Replace(string(page))), " ")
	for _, line := range []string{packaging.PostfixMilter(), packaging.PostfixPolicy(), packaging.SendmailMilter()} {
		if !strings.Contains(text, line) {
			t.Errorf("tlswarden-setup.8 lacks %q", line)
		}
	}
}
