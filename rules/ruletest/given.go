package ruletest

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// With returns the facts with others added or put in their place, which are
// given as text: true and false, decimal numbers, dates as in rule files. They
// are held to what holds for the session of a test under a policy. The error names
// all that is wrong with them.
func (f Facts) With(p *rules.Policy, given map[string]string) (Facts, error) {
	t := &tomlfile.Table{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if _, replaced := given[name]; !replaced {
			t.Entries = append(t.Entries, tomlfile.Entry{Key: name, Value: f[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		t.Entries = append(t.Entries, tomlfile.Entry{Key: name, Value: givenValue(p, fieldOf(p, name), given[name])})
	}
	var found tomlfile.Diagnostics
	facts := parseFacts(tomlfile.Read(t, "", &found), t, p)
	if !found.HasErrors() {
		return facts, nil
	}
	var wrong []string
	for _, d := range found {
		if d.Hint != "" {
			d.Message += " (" + d.Hint + ")"
		}
		wrong = append(wrong, d.Message)
	}
	return nil, errors.New(strings.Join(wrong, "; "))
}

// givenValue types a text by the kind of its field. What is not of the kind's
// form stays a text, which is then refused as that of a test would be.
func givenValue(p *rules.Policy, field *rules.Field, text string) any {
	if field == nil {
		return text
	}
	switch field.Kind {
	case rules.KindBool:
		if text == "true" || text == "false" {
			return text == "true"
		}
	case rules.KindNumber:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case rules.KindTime:
		if t, ok := civil.Parse(text, zoneOf(p)); ok {
			return t
		}
	}
	return text
}
