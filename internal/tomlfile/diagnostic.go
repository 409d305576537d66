package tomlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Severity is how bad a finding is.
type Severity uint8

// An Error keeps the file from being used, a Warning does not.
const (
	Error Severity = iota
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText returns the severity as String does, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText returns.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Error, Warning} {
		if string(text) == known.String() {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("%q is not a severity", text)
}

// Diagnostic is what is wrong with a configuration file.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file"`
	Line     int      `json:"line"`    // from 1; 0 is the file as a whole
	Message  string   `json:"message"` // what is wrong, one line without a full stop
	Hint     string   `json:"hint"`    // what to do about it; may be empty
}

// String returns "file:line: error: message", followed by a second line with the
// hint, if there is one. A line of 0 is left out.
func (d Diagnostic) String() string {
	s := d.File
	if d.Line > 0 {
		s += ":" + strconv.Itoa(d.Line)
	}
	s += ": " + d.Severity.String() + ": " + d.Message
	if d.Hint != "" {
		s += "\n\thint: " + d.Hint
	}
	return s
}

// Diagnostics collects findings.
type Diagnostics []Diagnostic

// Errorf adds an error at p. The hint may be empty.
func (ds *Diagnostics) Errorf(p Pos, hint string, format string, args ...any) {
	ds.add(Error, p, hint, fmt.Sprintf(format, args...))
}

// Warnf adds a warning at p. The hint may be empty.
func (ds *Diagnostics) Warnf(p Pos, hint string, format string, args ...any) {
	ds.add(Warning, p, hint, fmt.Sprintf(format, args...))
}

func (ds *Diagnostics) add(s Severity, p Pos, hint, message string) {
	*ds = append(*ds, Diagnostic{Severity: s, File: p.File, Line: p.Line, Message: message, Hint: hint})
}

// HasErrors reports whether one of the findings is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders the findings by file and line. Findings of the same line keep
// their order.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
