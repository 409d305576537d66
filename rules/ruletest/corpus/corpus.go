// Package corpus loads the session cases that are run three ways: by the engine
// alone, through the policy protocol, and through the milter protocol. It is for
// tests.
//
// # Diagnostics
//
// Nothing is logged. A case that cannot be read is an error with file and line.
package corpus

import (
	"fmt"
	"path/filepath"

	"golang.org/x/tools/txtar"

	"tlswarden/rules"
	"tlswarden/rules/rulefile"
	"tlswarden/rules/ruletest"
)

// Case is one session case of the corpus with the policy that judges it.
type Case struct {
	Name   string // archive, file in it and test
	Policy *rules.Policy
	Test   ruletest.Test
}

// Load returns the cases of the txtar archives (*.txt) in a directory. Each file of an
// archive is a rule file with [[test]] tables.
func Load(dir string) ([]Case, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no corpus in %s", dir)
	}
	var cases []Case
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			return nil, err
		}
		for _, f := range a.Files {
			cs, err := corpusFile(filepath.Base(name), f)
			if err != nil {
				return nil, err
			}
			cases = append(cases, cs...)
		}
	}
	return cases, nil
}

func corpusFile(archive string, f txtar.File) ([]Case, error) {
	name := archive + "/" + f.Name
	res := rulefile.Load([]rulefile.Source{{Name: name, Data: f.Data}}, rulefile.Options{})
	tests := ruletest.Parse(res.Tests, res.Policy, &res.Found)
	if res.Found.HasErrors() {
		return nil, fmt.Errorf("%s", res.Found[0])
	}
	var cases []Case
	for _, t := range tests {
		cases = append(cases, Case{Name: name + "/" + t.Name, Policy: res.Policy, Test: t})
	}
	return cases, nil
}
