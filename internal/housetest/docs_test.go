package housetest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tomlfile"
	"tlswarden/packaging"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// tomlBlock is a fenced block of TOML. A block that begins with the comment
// "# tlswarden.toml" is the daemon's configuration, any other a rule file.
var tomlBlock = regexp.MustCompile("(?ms)^```toml\n(.*?)^```")

// TestDocumentedTOML loads every TOML block of the documentation as the daemon
// would, runs the tests in it, and lets no warning pass.
func TestDocumentedTOML(t *testing.T) {
	blocks := 0
	for _, name := range documents(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tomlBlock.FindAllSubmatchIndex(data, -1) {
			blocks++
			block := data[m[2]:m[3]]
			// Empty lines above it make the findings carry the document's lines.
			padded := append([]byte(strings.Repeat("\n", strings.Count(string(data[:m[2]]), "\n"))), block...)
			for _, d := range loadBlock(t, name, padded, strings.HasPrefix(string(block), "# tlswarden.toml")) {
				t.Error(d)
			}
		}
	}
	if blocks == 0 {
		t.Error("the documentation has no TOML block")
	}
}

func loadBlock(t *testing.T, name string, block []byte, config bool) tomlfile.Diagnostics {
	if config {
		file := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.WriteFile(file, block, 0o600); err != nil {
			t.Fatal(err)
		}
		_, found := daemon.LoadConfig(file)
		return found
	}
	res := rulefile.Load([]rulefile.Source{{Name: name, Data: block}}, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	if res.Policy != nil {
		ruletest.Report(tests, res.Policy, time.Now(), &res.Found)
	}
	return res.Found
}

// documents are the project's Markdown files.
func documents(t *testing.T) []string {
	var names []string
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// direct is a line of go.mod that names a direct dependency.
var direct = regexp.MustCompile(`(?m)^(?:require |\t)([^\s]+) v[^\s]+$`)

// TestDependenciesAreJustified shows that CONTRIBUTING.md gives the reason for
// each direct dependency.
func TestDependenciesAreJustified(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	found := direct.FindAllStringSubmatch(string(mod), -1)
	if len(found) == 0 {
		t.Error("go.mod names no direct dependency")
	}
	for _, m := range found {
		if !regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(m[1]) + "` \\| .+ \\|$").Match(text) {
			t.Errorf("CONTRIBUTING.md does not say why %s is needed", m[1])
		}
	}
}

// TestExample loads the configuration that is shipped as an example, with the
// rules that it names, as check and make run do. There is nothing to say of them.
func TestExample(t *testing.T) {
	c, found := daemon.LoadConfig("../../packaging/etc/tlswarden.toml")
	loaded := c.LoadRules(time.Now())
	found = append(found, loaded.Found...)
	if loaded.Policy == nil || len(loaded.Tests) < 3 {
		t.Errorf("a policy with %d tests", len(loaded.Tests))
	} else {
		rulefile.Lint(loaded.Policy, time.Now(), &found)
	}
	for _, d := range found {
		t.Error(d)
	}
}

// TestUnits shows that the socket units and the configuration that ships name the
// same addresses: those that have passed = true, and those on loopback.
func TestUnits(t *testing.T) {
	c, found := daemon.LoadConfig("../../packaging/etc/tlswarden.toml")
	if found.HasErrors() {
		t.Fatal(found)
	}
	listened := map[string]bool{}
	for _, l := range append(c.Milter, c.Policy...) {
		if l.Passed != (l.Network == "unix") {
			t.Errorf("passed of %s is %t", l, l.Passed)
		}
		listened[l.Address] = true
	}
	for _, known := range []string{packaging.MilterAddress, packaging.PolicyAddress, packaging.PostfixMilterSocket, packaging.PostfixPolicySocket, packaging.SendmailMilterSocket} {
		if !listened[known] {
			t.Errorf("tlswarden.toml does not listen on %s", known)
		}
	}
	units, _ := filepath.Glob("../../packaging/systemd/*.socket")
	streams := 0
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^ListenStream=(.+)$`).FindAllStringSubmatch(string(text), -1) {
			streams++
			if !listened[m[1]] {
				t.Errorf("%s opens %s, which tlswarden.toml does not name", unit, m[1])
			}
		}
	}
	if streams != len(listened) {
		t.Errorf("the units open %d addresses, and tlswarden.toml names %d", streams, len(listened))
	}
}

// TestReadmeShowsTheSnippets shows that the README gives the lines that ship,
// and that are tested with real mail servers.
func TestReadmeShowsTheSnippets(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{packaging.PostfixMilter(), packaging.PostfixPolicy(), packaging.SendmailMilter()} {
		if !strings.Contains(string(readme), line) {
			t.Errorf("the README lacks %q", line)
		}
	}
	for name, own := range map[string]string{daemon.DefaultMilter: packaging.MilterAddress, daemon.DefaultPolicy: packaging.PolicyAddress} {
		if name != "inet:"+own {
			t.Errorf("the snippets name %s, and the default is %s", own, name)
		}
	}
}

// TestCopyright shows that the packages name each module that is in their programs.
func TestCopyright(t *testing.T) {
	text, err := os.ReadFile("../../packaging/deb/copyright")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "../../cmd/tlswarden", "../../plugins/dns", "../../plugins/lookup")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	if len(modules) == 0 {
		t.Fatal("the programs have no modules")
	}
	for _, m := range modules {
		if m != "tlswarden" && !strings.Contains(string(text), "\nFiles: "+m+"/*\n") {
			t.Errorf("packaging/deb/copyright lacks %s, which is linked into a program", m)
		}
	}
}
