package main

import (
	"encoding/json"
	"io"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// writeJSON prints what a command has to say for programs. Members are added
// over time and never renamed.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// diagnostic is a finding as check --json prints it.
type diagnostic struct {
	Severity string `json:"severity"` // "error", "warning" or "ok"
	File     string `json:"file"`
	Line     int    `json:"line"` // from 1; 0 is the file as a whole
	Message  string `json:"message"`
	Hint     string `json:"hint"`
}

func diagnostics(found tomlfile.Diagnostics) []diagnostic {
	out := []diagnostic{}
	for _, d := range found {
		out = append(out, diagnostic{d.Severity.String(), d.File, d.Line, d.Message, d.Hint})
	}
	return out
}

// ruleRef names a rule.
type ruleRef struct {
	Order int    `json:"order"` // from 1, in the order of reading
	Name  string `json:"name"`
	File  string `json:"file"` // "": the built-in rule
	Line  int    `json:"line"`
}

func refOf(r *rules.Rule) *ruleRef {
	if r == nil {
		return nil
	}
	return &ruleRef{r.Index() + 1, r.Name, r.File, r.Line}
}

// lastDay is the day that an expiry, which is the end of it, was given as.
func lastDay(expires rules.Fact[time.Time]) string {
	t, ok := expires.Get()
	if !ok {
		return ""
	}
	return t.Add(-time.Second).In(time.Local).Format(time.DateOnly)
}
