package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// manDir is where the manual pages are.
const manDir = "../../docs/man"

// item is an entry of a list that describes an option: "-c" or "--config", and
// what it takes.
var item = regexp.MustCompile(`^\.It ((?:Fl \S+ , )*Fl \S+)( Ar \S+)?$`)

// usage is a line of a command's help: letter and name of an option, and what it
// takes.
var usage = regexp.MustCompile(`(?m)^ +(?:-(\w), )?--([a-z0-9-]+)( \S+)?(?:  |$)`)

// TestManualOfCommands holds commands and manual pages against each other: each
// command has a page and is listed in tlswarden(8), each page has its command, and
// the options of both are the same, down to whether they take a value.
func TestManualOfCommands(t *testing.T) {
	overview, err := os.ReadFile(filepath.Join(manDir, "tlswarden.8"))
	if err != nil {
		t.Fatal(err)
	}
	pages := commandPages(t)
	for _, cmd := range rootCommand().Commands() {
		page, ok := pages[cmd.Name()]
		if !ok {
			t.Errorf("the command %s has no page in docs/man", cmd.Name())
			continue
		}
		delete(pages, cmd.Name())
		base := filepath.Base(page)
		name, section, _ := strings.Cut(base, ".")
		if !strings.Contains(string(overview), ".It Xr "+name+" "+section+"\n") {
			t.Errorf("tlswarden.8 does not list %s", base)
		}
		compareFlags(t, base, describedFlags(t, page), flagsOf(cmd))
	}
	for _, page := range pages {
		t.Errorf("%s: there is no such command", page)
	}
}

// commandPages finds the pages of commands by the names of these.
func commandPages(t *testing.T) map[string]string {
	pages := map[string]string{}
	for _, section := range []string{"1", "8"} {
		names, err := filepath.Glob(manDir + "/tlswarden-*." + section)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			command := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "tlswarden-"), "."+section)
			pages[command] = name
		}
	}
	return pages
}

// flagsOf maps the options of a command and of those below it to whether they
// take a value.
func flagsOf(cmd *cobra.Command) map[string]bool {
	flags := map[string]bool{}
	for _, m := range usage.FindAllStringSubmatch(cmd.LocalFlags().FlagUsages(), -1) {
		for _, name := range [...]string{m[1], "-" + m[2]} {
			if name != "" {
				flags[name] = m[3] != ""
			}
		}
	}
	for _, sub := range cmd.Commands() {
		for name, takes := range flagsOf(sub) {
			flags[name] = takes
		}
	}
	return flags
}

// describedFlags are the options that a page has entries for.
func describedFlags(t *testing.T, page string) map[string]bool {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, ".It Fl ") {
			continue
		}
		m := item.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%s: an option is not described as in .It Fl c , Fl -config Ar file: %s", filepath.Base(page), line)
			continue
		}
		for name := range strings.SplitSeq(m[1], " , ") {
			flags[strings.TrimPrefix(name, "Fl ")] = m[2] != ""
		}
	}
	return flags
}

func compareFlags(t *testing.T, page string, described, flags map[string]bool) {
	for name, takes := range flags {
		if does, there := described[name]; !there {
			t.Errorf("%s does not describe -%s", page, name)
		} else if does != takes {
			t.Errorf("%s says wrongly whether -%s takes a value", page, name)
		}
	}
	for name := range described {
		if _, there := flags[name]; !there {
			t.Errorf("%s describes -%s, which there is not", page, name)
		}
	}
}
