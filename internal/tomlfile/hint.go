package tomlfile

import (
	"regexp"
	"strings"
	"time"
)

// slip is a mistake that people make who write TOML seldom, and what to write instead.
type slip struct {
	line *regexp.Regexp
	hint func(found []string) string
}

func slips() []slip {
	say := func(hint string) func([]string) string { return func([]string) string { return hint } }
	return []slip{
		{regexp.MustCompile(`[“”„‟‘’«»]`), say(`quotes are the plain ones: "text"`)},
		{regexp.MustCompile(`=\s*(?:(?i:yes|on)|True|TRUE)\s*[,}\]#]*\s*(?:$|[,}#])`), say("write true")},
		{regexp.MustCompile(`=\s*(?:(?i:no|off)|False|FALSE)\s*[,}\]#]*\s*(?:$|[,}#])`), say("write false")},
		{regexp.MustCompile(`([A-Za-z_.]+)\s*(>=|<=|>|<)\s*"?([^",}\s]*)"?`), func(f []string) string {
			return "a comparison stands in the value: " + f[1] + ` = "` + f[2] + " " + f[3] + `"`
		}},
		{regexp.MustCompile(`([A-Za-z_.]+)\s*!=\s*"?([^",}\s]*)"?`), func(f []string) string {
			return `an exclusion stands in the value: ` + f[1] + ` = "!` + f[2] + `"`
		}},
		{regexp.MustCompile(`([A-Za-z_.]+)\s*==`), func(f []string) string { return "write one =: " + f[1] + " = ..." }},
		{regexp.MustCompile(`=\s*"?(\d{1,2}[./]\d{1,2}[./]\d{4}|\d{4}[./]\d{1,2}[./]\d{1,2}|\d{4}-\d{1,2}-\d{1,2})`), func(f []string) string {
			return DateHint("", f[1])
		}},
		{regexp.MustCompile(`=\s*(TLSv?1[.0-9]*|SSLv?[23])\b`), func(f []string) string { return `write "` + f[1] + `"` }},
		{regexp.MustCompile(`^\s*([A-Za-z_]+)\s*:`), func(f []string) string { return "write " + f[1] + " = ..." }},
	}
}

// slipHint finds the slip in a line, "" if there is none that is known.
func slipHint(line string) string {
	line, _, _ = strings.Cut(line, " #")
	for _, s := range slips() {
		if found := s.line.FindStringSubmatch(line); found != nil {
			return s.hint(found)
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
	return ""
}
