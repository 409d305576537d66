package main

import (
	_ "embed"
	"fmt"
	"path"
	"strings"
)

// table is the list of changes. Its head says how it is written.
//
//go:embed mutants.txt
var table string

// mutant is a change of one file that should not go unnoticed.
type mutant struct {
	file     string
	what     string // it does then
	from, to string // whole lines
}

func (m mutant) String() string { return m.file + ": " + m.what }

// parse reads a table.
func parse(text string) ([]mutant, error) {
	var all []mutant
	number := 0
	for line := range strings.Lines(text) {
		number++
		switch at := len(all) - 1; {
		case line == "\n" || line[0] == '#':
		case line[0] == '-' && at >= 0:
			all[at].from += line[1:]
		case line[0] == '+' && at >= 0:
			all[at].to += line[1:]
		default:
			file, what, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				return nil, fmt.Errorf("mutants.txt:%d: a line is \"FILE: what it does\", or begins with -, + or #", number)
			}
			all = append(all, mutant{file: file, what: what})
		}
	}
	return all, nil
}

// apply makes the change. What it takes away must be there once.
func (m mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.from); m.from == "" || n != 1 {
		return "", fmt.Errorf("DOES NOT FIT: the old lines are %d times in the file", n)
	}
	return strings.Replace(text, m.from, m.to, 1), nil
}

// users are packages whose tests notice what goes wrong in others, too.
var users = map[string][]string{
	"rules":             {"./internal/gate", "./milter", "./policyd"},
	"internal/message":  {"./milter"},
	"internal/gate":     {"./internal/daemon"},
	"internal/mailaddr": {"./rules", "./milter", "./policyd"},
}

// tests are the packages to test, those of the next group only if the ones before
// noticed nothing.
func (m mutant) tests() [][]string {
	dir := path.Dir(m.file)
	groups := [][]string{{"./" + dir + "/..."}}
	if also := users[dir]; also != nil {
		groups = append(groups, also)
	}
	return groups
}
