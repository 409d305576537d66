package mtatest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Case is a scenario: servers and front ends to run it with, the rules, what
// the client does, and what is to come of it. README.md describes its file.
type Case struct {
	// Name is the file's name without ".txt".
	Name string
	// Servers and Fronts are all to be combined, as far as a server has the
	// front end.
	Servers, Fronts []string
	// Service is the service that the client connects to.
	Service string
	// Files go beside the daemon's configuration, by name.
	Files map[string]string
	// Listen is further keys of the daemon's listen entries.
	Listen string
	// Config is text for the daemon's configuration file.
	Config string

	file       string
	steps      []step
	deliveries *deliveries // nil: not looked at
	log        []logMatcher
}

// LoadCases reads all *.txt files of a directory, in order of their names. It
// fails if there are none, or one is wrong.
func LoadCases(dir string) ([]*Case, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no case files in %s", dir)
	}
	var cases []*Case
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		parsed, err := ParseCase(filepath.Base(path), data)
		if err != nil {
			return nil, err
		}
		cases = append(cases, parsed)
	}
	return cases, nil
}

// ParseCase reads a case file. Errors begin with file:line.
func ParseCase(file string, data []byte) (*Case, error) {
	c := &Case{
		Name:    strings.TrimSuffix(file, ".txt"),
		Service: "smtp",
		Files:   map[string]string{},
		file:    file,
	}
	seen := map[string]bool{}
	for _, section := range split(data) {
		if seen[section.name] {
			return nil, fmt.Errorf("%s:%d: a second section %q", file, section.first-1, section.name)
		}
		seen[section.name] = true
		if err := c.parseSection(section); err != nil {
			return nil, err
		}
	}
	switch {
	case len(c.Servers) == 0:
		return nil, fmt.Errorf("%s:1: no line \"mta:\"", file)
	case len(c.Fronts) == 0:
		return nil, fmt.Errorf("%s:1: no line \"front:\"", file)
	case c.Files["rules.toml"] == "":
		return nil, fmt.Errorf("%s:1: no section rules.toml", file)
	case len(c.steps) == 0:
		return nil, fmt.Errorf("%s:1: no section session, or an empty one", file)
	}
	return c, nil
}

func (c *Case) parseSection(section source) error {
	lines := section.lines(c.file)
	var err error
	switch {
	case section.name == "":
		return c.parseHead(lines)
	case section.name == "session":
		c.steps, err = parseSteps(lines)
	case section.name == "delivered":
		var parsed deliveries
		parsed, err = parseDeliveries(lines)
		c.deliveries = &parsed
	case section.name == "log":
		for _, line := range lines {
			expected, err := parseLogMatcher(line)
			if err != nil {
				return err
			}
			c.log = append(c.log, expected)
		}
	case section.name == configName:
		c.Config = section.data
	case strings.Contains(section.name, ".") && filepath.IsLocal(section.name):
		c.Files[section.name] = section.data
	default:
		err = fmt.Errorf("%s:%d: section %q is none of session, delivered, log, or a file's name with a dot",
			c.file, section.first-1, section.name)
	}
	return err
}

// parseHead reads what stands above the first section.
func (c *Case) parseHead(lines []sourceLine) error {
	for _, line := range lines {
		key, value, _ := strings.Cut(line.text, ":")
		words := strings.Fields(value)
		var err error
		switch key {
		case "mta":
			c.Servers = words
			err = onlyFrom(words, servers())
		case "front":
			c.Fronts = words
			err = onlyFrom(words, fronts())
		case "service":
			if len(words) != 1 {
				err = fmt.Errorf("one service, please")
				break
			}
			c.Service = words[0]
		case "listen":
			c.Listen = strings.TrimSpace(value)
		default:
			err = fmt.Errorf("%q is not KEY: VALUE with a key of mta, front, service, listen", line.text)
		}
		if err != nil {
			return line.errorf("%w", err)
		}
	}
	return nil
}

func onlyFrom(words, allowed []string) error {
	if len(words) == 0 {
		return fmt.Errorf("nothing named; there are %s", strings.Join(allowed, " "))
	}
	for _, word := range words {
		if !slices.Contains(allowed, word) {
			return fmt.Errorf("%q is none of %s", word, strings.Join(allowed, " "))
		}
	}
	return nil
}

func (c *Case) runsOn(server string) bool { return slices.Contains(c.Servers, server) }
