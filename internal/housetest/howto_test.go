package housetest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// howtoDir is where the how-tos are.
const howtoDir = "../../docs/howto"

// howtoWarnings are the warnings that a how-to must draw, each a part of its text
// and the reason. All others fail, as under check --strict.
var howtoWarnings = map[string]struct{ text, reason string }{
	"05-staged-rollout.toml": {"RFC 3207 section 4", "it refuses all plaintext in the end, and its page says why check warns"},
}

// TestHowtos loads each how-to alone and runs its tests: no error, no warning but
// the known ones, and tests that show both sides.
func TestHowtos(t *testing.T) {
	names, err := filepath.Glob(howtoDir + "/*.toml")
	if err != nil || len(names) != 13 {
		t.Fatalf("there must be thirteen how-tos, not %d (%v)", len(names), err)
	}
	readme, err := os.ReadFile(howtoDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		base := filepath.Base(name)
		t.Run(base, func(t *testing.T) {
			if !strings.Contains(string(readme), "]("+base+")") {
				t.Errorf("README.md has no link to it")
			}
			checkHowto(t, name)
		})
	}
}

// TestPluginRules holds the rules that each plugin shows to the same, and asks for
// more tests.
func TestPluginRules(t *testing.T) {
	names, err := filepath.Glob("../../plugins/*/rules.toml")
	if err != nil || len(names) != 3 {
		t.Fatalf("there must be rules of three plugins, not of %d (%v)", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			tests := checkHowto(t, name)
			objects := 0
			for i := range tests {
				if tests[i].Expect.Action.Or(rules.Accept) > rules.Accept {
					objects++
				}
			}
			if objects < 3 || len(tests)-objects < 2 {
				t.Errorf("of %d tests %d object", len(tests), objects)
			}
		})
	}
}

// checkHowto loads a rule file that is shown, runs its tests, and returns them.
func checkHowto(t *testing.T, name string) []ruletest.Test {
	res := rulefile.LoadFiles([]string{name}, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	if res.Policy != nil {
		rulefile.Lint(res.Policy, time.Now(), &res.Found)
		ruletest.Report(tests, res.Policy, time.Now(), &res.Found)
		// Years from now the tests must still pass: a copy is not read daily.
		ruletest.Report(tests, res.Policy, time.Date(2040, 1, 1, 12, 0, 0, 0, time.Local), &res.Found)
	}
	known, awaited := howtoWarnings[filepath.Base(name)]
	for _, d := range res.Found {
		if d.Severity == tomlfile.Error || known.text == "" || !strings.Contains(d.String(), known.text) {
			t.Error(d)
			continue
		}
		awaited = false
	}
	if awaited {
		t.Errorf("check does not warn of %q any more, which was let pass because %s", known.text, known.reason)
	}
	showsBothSides(t, tests)
	return tests
}

// showsBothSides asks for at least four tests, one of which lets mail pass
// without an objection, and one of which objects, be it under observe.
func showsBothSides(t *testing.T, tests []ruletest.Test) {
	var passes, objects bool
	for i := range tests {
		e := &tests[i].Expect
		action, known := e.Action.Get()
		bites := action > rules.Accept || e.Would.Or(rules.Accept) > rules.Accept
		passes = passes || known && !bites
		objects = objects || bites
	}
	if len(tests) < 4 || !passes || !objects {
		t.Errorf("it has %d tests, of which some must accept (%v) and some not (%v)", len(tests), passes, objects)
	}
}

// TestHowtoLists shows that each list file is one that a how-to reads.
func TestHowtoLists(t *testing.T) {
	lists, _ := filepath.Glob(howtoDir + "/*.txt")
	files, _ := filepath.Glob(howtoDir + "/*.toml")
	var all strings.Builder
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	if len(lists) == 0 {
		t.Error("there are no list files")
	}
	for _, name := range lists {
		if !strings.Contains(all.String(), `file = "`+filepath.Base(name)+`"`) {
			t.Errorf("no how-to reads %s", name)
		}
	}
}

// place is a file that the ledger of standards names.
var place = regexp.MustCompile("`([a-z]+(?:/[a-zA-Z0-9_.-]+)+\\.[a-z0-9]+)`")

// TestStandardsNamePlaces shows that what the ledger names is there.
func TestStandardsNamePlaces(t *testing.T) {
	data, err := os.ReadFile("../../docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	places := place.FindAllSubmatch(data, -1)
	if len(places) == 0 {
		t.Error("the ledger names no file")
	}
	for _, m := range places {
		if _, err := os.Stat(filepath.Join("../..", string(m[1]))); err != nil {
			t.Errorf("docs/standards.md names %s, which is not there", m[1])
		}
	}
}
