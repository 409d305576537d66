package mtatest

import (
	"bytes"
	"fmt"
	"strings"
)

// sourceLine is a line of a case file that is neither empty nor a comment.
type sourceLine struct {
	file     string
	number   int    // from 1
	text     string // without blanks at its ends and without comment
	indented bool
}

// errorf makes an error that says where in the case file it is.
func (l sourceLine) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", l.file, l.number, fmt.Errorf(format, args...))
}

// source is one section of a case file, with the number of its first line.
type source struct {
	name  string // "" for what stands above the first section
	first int
	data  string
}

// split cuts a case file into sections as txtar does: a section begins with a
// line "-- name --". The txtar package does not tell line numbers.
func split(data []byte) []source {
	sections := []source{{first: 1}}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if name, ok := sectionName(string(line)); ok {
			sections = append(sections, source{name: name, first: number + 1})
			continue
		}
		sections[len(sections)-1].data += string(line)
	}
	return sections
}

func sectionName(line string) (string, bool) {
	if rest, ended := strings.CutSuffix(line, "\n"); ended {
		line = strings.TrimSuffix(rest, "\r")
	}
	if !strings.HasPrefix(line, "-- ") || !strings.HasSuffix(line, " --") || len(line) < 7 {
		return "", false
	}
	name := strings.TrimSpace(line[3 : len(line)-3])
	return name, name != ""
}

// lines returns the lines of a section. A comment begins with # at the
// beginning of a line or with a # between blanks. Lines whose first character
// is "|" are text of a message and have no comments.
func (s source) lines(file string) []sourceLine {
	var lines []sourceLine
	number := s.first - 1
	for raw := range strings.Lines(s.data) {
		number++
		raw = strings.TrimRight(raw, "\r\n")
		text := strings.TrimSpace(raw)
		if !strings.HasPrefix(text, "|") {
			if strings.HasPrefix(text, "#") {
				continue
			}
			text, _, _ = strings.Cut(text, " # ")
			text = strings.TrimSpace(text)
		}
		if text == "" {
			continue
		}
		indented := strings.TrimLeft(raw, " \t") != raw
		lines = append(lines, sourceLine{file, number, text, indented})
	}
	return lines
}
