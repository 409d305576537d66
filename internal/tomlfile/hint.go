package tomlfile

import (
	"regexp"
	"strings"
	"time"
)

// slip is a mistake that people make who write TOML seldom, and what to write instead,
// by what the parts of the expression have found.
type slip struct {
	line *regexp.Regexp
	hint func(found []string) string
}

const (
	slipKey   = `([A-Za-z_][A-Za-z0-9_.-]*)`
	slipValue = `("[^"]*"|'[^']*'|[^\s",}\]]*)`
)

func slips() []slip {
	say := func(hint string) func([]string) string { return func([]string) string { return hint } }
	return []slip{
		{regexp.MustCompile(`[“”„‟‘’«»]`), say(`quotes are the plain ones: "text"`)},
		{regexp.MustCompile(slipKey + `\s*(>=|<=|>|<)\s*` + slipValue), func(f []string) string {
			return "a comparison stands in the value: " + f[1] + ` = "` + f[2] + " " + unquoted(f[3]) + `"`
		}},
		{regexp.MustCompile(slipKey + `\s*!=\s*` + slipValue), unequal},
		{regexp.MustCompile(slipKey + `\s*==`), func(f []string) string { return "write one =: " + f[1] + " = ..." }},
		{regexp.MustCompile(`=\s*(?:(?i:yes|on)|True|TRUE)\s*(?:$|[,}#])`), say(`write true, or put text between quotes`)},
		{regexp.MustCompile(`=\s*(?:(?i:no|off)|False|FALSE)\s*(?:$|[,}#])`), say(`write false, or put text between quotes`)},
		{regexp.MustCompile(`=\s*(\d{1,2}[-./]\d{1,2}[-./]\d{4}|\d{4}[./]\d{1,2}[./]\d{1,2}|\d{4}-\d{1,2}-\d{1,2})`), func(f []string) string {
			if _, err := time.Parse(time.DateOnly, f[1]); err == nil {
				return "" // as it should be
			}
			return DateHint("", f[1])
		}},
		{regexp.MustCompile(`=\s*(TLSv?1[.0-9]*|SSLv?[23])(?:$|[\s,}#])`), func(f []string) string {
			return `write "` + strings.TrimSuffix(f[1], ".0") + `"`
		}},
		{regexp.MustCompile(`^\s*` + slipKey + `\s*:`), func(f []string) string { return "write " + f[1] + " = ..." }},
	}
}

func unequal(f []string) string {
	switch value := unquoted(f[2]); value {
	case "true":
		return "write " + f[1] + " = false"
	case "false":
		return "write " + f[1] + " = true"
	default:
		return "an exclusion stands in the value: " + f[1] + ` = "!` + value + `"`
	}
}

func unquoted(value string) string { return strings.Trim(value, `"'`) }

// closed matches strings that are closed on their line.
var closed = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)

// slipHint finds the slip in a line, "" if there is none that is known. What stands
// in strings and comments is no slip.
func slipHint(line string) string {
	masked := closed.ReplaceAllStringFunc(line, func(s string) string {
		return s[:1] + strings.Repeat(" ", len(s)-2) + s[len(s)-1:]
	})
	masked, _, _ = strings.Cut(masked, "#")
	for _, s := range slips() {
		for _, at := range s.line.FindAllStringSubmatchIndex(masked, -1) {
			var found []string
			for i := 0; i < len(at); i += 2 {
				found = append(found, line[max(at[i], 0):max(at[i+1], 0)])
			}
			if hint := s.hint(found); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// DateHint says how to write a date that stands in a form that people use, after a
// key; "" if it is in none that can be read in one way only.
func DateHint(key, text string) string {
	for _, form := range []string{"2.1.2006", "2006/1/2", "2006.1.2", "2006-1-2", "2 January 2006", "2 Jan 2006", "January 2, 2006"} {
		if day, err := time.Parse(form, text); err == nil {
			return "write " + key + day.Format(time.DateOnly)
		}
	}
	// With "/" or "-" the month may come first: only where that cannot be.
	text = strings.ReplaceAll(text, "/", "-")
	dayFirst, err1 := time.Parse("2-1-2006", text)
	monthFirst, err2 := time.Parse("1-2-2006", text)
	switch {
	case err1 == nil && err2 != nil:
		return "write " + key + dayFirst.Format(time.DateOnly)
	case err1 != nil && err2 == nil:
		return "write " + key + monthFirst.Format(time.DateOnly)
	}
	return ""
}
