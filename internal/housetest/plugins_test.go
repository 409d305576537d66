package housetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block with its language.
var block = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```")

// tutorial is docs/plugins.md as somebody follows it, in a directory of its own.
type tutorial struct {
	t      *testing.T
	dir    string
	blocks map[string][]string // by language
	places *strings.Replacer
}

func newTutorial(t *testing.T) *tutorial {
	data, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: the daemon runs no program that others could write.
	dir, err := os.MkdirTemp("", "tutorial-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	x := &tutorial{t: t, dir: dir, blocks: map[string][]string{}, places: strings.NewReplacer("/usr/local/src/tlswarden", root, "/usr/local/libexec", filepath.Join(dir, "libexec"))}
	for _, m := range block.FindAllStringSubmatch(string(data), -1) {
		x.blocks[m[1]] = append(x.blocks[m[1]], x.places.Replace(m[2]))
	}
	for language, want := range map[string]int{"sh": 2, "go": 2, "toml": 2, "text": 1} {
		if got := len(x.blocks[language]); got != want {
			t.Fatalf("%d blocks of %s, expected %d", got, language, want)
		}
	}
	return x
}

// run runs a script, which ends at the first command that fails.
func (x *tutorial) run(dir, script string) string {
	x.t.Helper()
	cmd := exec.Command("sh", "-euc", "umask 022\n"+script)
	cmd.Dir = filepath.Join(x.dir, dir)
	// Not with the flags that the tests of this module have, but so that what make
	// build compiled need not be compiled again.
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

func (x *tutorial) write(name, text string) {
	x.t.Helper()
	if err := os.WriteFile(filepath.Join(x.dir, name), []byte(text), 0o600); err != nil {
		x.t.Fatal(err)
	}
}

// TestPluginTutorial does what docs/plugins.md says: it makes the plugin, runs its
// tests, configures it, and has the real program check and explain with it.
func TestPluginTutorial(t *testing.T) {
	x := newTutorial(t)
	x.run(".", x.blocks["sh"][0])
	x.write("groups/main.go", x.blocks["go"][0])
	x.write("groups/main_test.go", x.blocks["go"][1])
	if out := x.run("groups", "gofmt -l ."); out != "" {
		t.Errorf("not formatted: %s", out)
	}
	x.run("groups", x.blocks["sh"][1])

	x.write("tlswarden.toml", x.blocks["toml"][0])
	x.write("rules.toml", x.blocks["toml"][1])
	x.run(".", "cd "+x.places.Replace("/usr/local/src/tlswarden")+" && go build -o "+x.dir+" ./cmd/tlswarden")
	if out := x.run(".", "./tlswarden check --strict --config tlswarden.toml"); !strings.HasPrefix(out, "ok: ") {
		t.Errorf("check says\n%s", out)
	}
	out := x.run(".", "./tlswarden explain --config tlswarden.toml --plugins --recipient root@example.com --tls false")
	_, out, _ = strings.Cut(out, "\nplugins\n")
	out, _, _ = strings.Cut(out, "\nrules\n")
	took := regexp.MustCompile(`\([0-9.]+[mµ]?s\)`)
	if want := x.blocks["text"][0]; took.ReplaceAllString("plugins\n"+out+"\n", "(1ms)") != want {
		t.Errorf("explain says\n%s\nand the page\n%s", out, want)
	}

	x.write("rules.toml", strings.ReplaceAll(x.blocks["toml"][1], "groups.member ", "groups.members "))
	x.refused(`rules.toml:3: error: rule "mail to the board": plugin.groups.members: the plugin "groups" offers no fact "members"`)
	x.write("tlswarden.toml", strings.Replace(x.blocks["toml"][0], "group = ", "gruop = ", 1))
	x.refused("tlswarden.toml:12: error: [plugin.groups.settings] gruop: unknown key")
}

// refused shows that check finds what is wrong.
func (x *tutorial) refused(want string) {
	x.t.Helper()
	if out := x.run(".", "! ./tlswarden check --config tlswarden.toml"); !strings.Contains(out, want) {
		x.t.Errorf("check lacks %q:\n%s", want, out)
	}
}
