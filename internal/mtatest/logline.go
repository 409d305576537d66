package mtatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// logField is one key=value of a logfmt line.
type logField struct{ key, value string }

// parseLogLine splits a logfmt line: keys and values joined by "=", separated
// by blanks, values quoted as in Go where they need it. Words without "=" are
// left out; a quote that does not end is an error.
func parseLogLine(line string) ([]logField, error) {
	var fields []logField
	rest := strings.TrimSpace(line)
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return r == '=' || unicode.IsSpace(r) })
		if end < 0 {
			break
		}
		key := rest[:end]
		if rest[end] != '=' {
			rest = strings.TrimSpace(rest[end:])
			continue
		}
		value, tail, err := cutValue(rest[end+1:])
		if err != nil {
			return nil, fmt.Errorf("value of %s: %w", key, err)
		}
		fields = append(fields, logField{key, value})
		rest = strings.TrimSpace(tail)
	}
	return fields, nil
}

func cutValue(text string) (value, rest string, err error) {
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", "", err
		}
		value, err = strconv.Unquote(quoted)
		return value, text[len(quoted):], err
	}
	end := strings.IndexFunc(text, unicode.IsSpace)
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:], nil
}

// logMatcher is an expected line of the daemon's log: fields that it must
// have, among others.
type logMatcher struct {
	tags   tags
	line   sourceLine
	absent bool // no line may have all these fields
	fields []struct {
		key   string
		value matcher
	}
}

func parseLogMatcher(line sourceLine) (logMatcher, error) {
	limits, rest, err := cutTags(line.text)
	if err != nil {
		return logMatcher{}, line.errorf("%w", err)
	}
	expected := logMatcher{tags: limits, line: line}
	if after, found := strings.CutPrefix(rest, "no "); found {
		expected.absent, rest = true, after
	}
	fields, err := parseLogLine(rest)
	if err != nil {
		return logMatcher{}, line.errorf("%w", err)
	}
	if len(fields) == 0 {
		return logMatcher{}, line.errorf("%q has no key=value", rest)
	}
	for _, field := range fields {
		value, err := parseMatcher(field.value)
		if err != nil {
			return logMatcher{}, line.errorf("%s: %w", field.key, err)
		}
		expected.fields = append(expected.fields, struct {
			key   string
			value matcher
		}{field.key, value})
	}
	return expected, nil
}

// match says whether the line has all expected fields. "key=" expects that
// there is no such key, or an empty one.
func (m logMatcher) match(fields []logField) bool {
	for _, want := range m.fields {
		got := ""
		for _, field := range fields {
			if field.key == want.key {
				got = field.value
			}
		}
		if !want.value.match(got) {
			return false
		}
	}
	return true
}

// matchLog checks the log's lines. Each expected line must have a line of its
// own; their order does not matter, as the daemon writes a decision only when
// all is known that is to stand in its line.
func matchLog(log string, expected []logMatcher) error {
	var lines [][]logField
	for line := range strings.Lines(log) {
		if fields, err := parseLogLine(line); err == nil {
			lines = append(lines, fields) // what is not logfmt matches nothing
		}
	}
	var present []logMatcher
	for _, want := range expected {
		if !want.absent {
			present = append(present, want)
		} else if slices.ContainsFunc(lines, want.match) {
			return want.line.errorf("the log has a line that it should not have: %s", want.line.text)
		}
	}
	if missing := assign(lines, present, make([]bool, len(lines)), 0); missing < len(present) {
		return present[missing].line.errorf("the log has no line (left) with %s", present[missing].line.text)
	}
	return nil
}

// assign finds different lines for expected[next:], trying all ways. It returns
// how many of expected it could serve at best.
func assign(lines [][]logField, expected []logMatcher, used []bool, next int) int {
	best := next
	for i := 0; next < len(expected) && best < len(expected) && i < len(lines); i++ {
		if used[i] || !expected[next].match(lines[i]) {
			continue
		}
		used[i] = true
		best = max(best, assign(lines, expected, used, next+1))
		used[i] = false
	}
	return best
}
