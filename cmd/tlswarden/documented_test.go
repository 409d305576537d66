package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// printed is a block of a document that shows what a command prints, and names
	// the command: in a comment of Markdown or of mdoc(7).
	printed = regexp.MustCompile(`(?m)^<!-- printed by: (.+) -->\n\n((?:    .*\n|\n)+)|^\.\\" printed by: (.+)\n\.Bd .*\n((?s:.*?))^\.Ed$`)
	// filePlace is a file with the number of a line.
	filePlace = regexp.MustCompile(`([\w./-]+\.(?:toml|txt)):(\d+)`)
	// plainText undoes what mdoc(7) needs of a line.
	plainText = strings.NewReplacer(`\(aq`, `'`, `\(ga`, "`", `\e`, `\`, `\&`, ``)
)

// mistaken is the rule file of which tlswarden-check(1) shows what is said.
const mistaken = "[[rule]]\nname      = \"everyone\"\nrequires  = \"any-tls\"\notherwise = \"reject\"\n"

// TestDocumentedOutput runs the commands that documents name as those that print what
// they show, and compares it with what is printed now. A place in a file that is shown
// elsewhere must be that of a rule or an exception of a how-to.
func TestDocumentedOutput(t *testing.T) {
	documents := documentTexts(t)
	stage(t)
	outputs := 0
	for name, text := range documents {
		for _, m := range printed.FindAllStringSubmatch(text, -1) {
			outputs++
			shows(t, name, plainText.Replace(m[1]+m[3]), plainText.Replace(m[2]+m[4]))
		}
		for _, m := range filePlace.FindAllStringSubmatch(printed.ReplaceAllString(text, ""), -1) {
			if out, err := tlswarden("tlswarden rules --json " + m[1]); err != nil || !strings.Contains(joined(out), `"file": "`+m[1]+`", "line": `+m[2]+`,`) {
				t.Errorf("%s: %s is not where a rule or an exception of a how-to stands (%v)", name, m[0], err)
			}
		}
	}
	if outputs < 7 {
		t.Errorf("the documents show what %d commands print", outputs)
	}
}

// shows compares what a document shows with what the command prints: each line, and
// of it each part between "...", in this order. Where the last line stops before the
// end of one that is printed, it ends with "...".
func shows(t *testing.T, document, command, text string) {
	out, err := tlswarden(command)
	if len(out) == 0 {
		t.Errorf("%s: %s prints nothing (%v)", document, command, err)
	}
	rest := string(out)
	for line := range strings.Lines(text) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "...") {
			part = strings.TrimSpace(part)
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: %s does not print %q there:\n%s", document, command, part, out)
				return
			}
			rest = after
		}
		end, _, _ := strings.Cut(rest, "\n")
		if !strings.HasSuffix(strings.TrimSpace(line), "...") && strings.TrimSpace(line) != "" && strings.TrimRight(end, `\n `) != "" {
			t.Errorf("%s: %s goes on after %q by %q", document, command, line, end)
		}
		rest = strings.TrimPrefix(rest, end)
	}
}

// tlswarden runs a command of a document on what stage has laid out.
func tlswarden(command string) (string, error) {
	out, err := exec.Command("sh", "-c", strings.ReplaceAll(command, "/etc/tlswarden", "etc/tlswarden")).CombinedOutput()
	return strings.ReplaceAll(string(out), "etc/tlswarden", "/etc/tlswarden"), err
}

func joined(s string) string { return strings.Join(strings.Fields(s), " ") }

// stage lays out, in a directory that it makes the current one, what documents are
// about: the rules of the README, the configuration that ships, and the how-tos.
func stage(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(string(readme), "```toml\n")
	first, _, _ = strings.Cut(first, "```")
	dir := t.TempDir()
	for name, from := range map[string]string{"etc/tlswarden": "../../packaging/etc", ".": "../../docs/howto"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	if err := os.Mkdir("rules.d", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"rules.d/10-site.toml": first, "10-site.toml": mistaken} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// documentTexts are the documents by name: Markdown, and the manual pages.
func documentTexts(t *testing.T) map[string]string {
	texts := map[string]string{}
	document := regexp.MustCompile(`\.md$|^docs/man/.*\.[1-8]$`)
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && document.MatchString(path) {
			var data []byte
			data, err = fs.ReadFile(root, path)
			texts[path] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
