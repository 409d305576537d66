package rulefile

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// listEntry is an entry of a list, and what stands behind it: until and owner.
type listEntry struct {
	tomlfile.Element
	until time.Time // from then on it does not count; zero: it always does
	owner string
}

func (e *listEntry) addTo(s *rules.Set, value any) error {
	if e.until.IsZero() {
		return s.Add(value)
	}
	return s.AddUntil(value, e.until)
}

// takeEntry appends an entry without what stands behind it.
func (l *loader) takeEntry(to []listEntry, list string, e tomlfile.Element) []listEntry {
	text, ok := e.Value.(string)
	if !ok {
		return append(to, listEntry{Element: e})
	}
	entry := listEntry{Element: e}
	rest, wrong, hint := l.attributes(text, &entry)
	bare := strings.TrimSpace(strings.TrimPrefix(rest, "!"))
	if name, ok := strings.CutPrefix(bare, "@"); ok && !rules.LooksLikeDomain(name) {
		wrong = "a list cannot name another list"
	}
	if wrong != "" {
		l.found.Errorf(e.Pos, hint, "list %q: %s", list, wrong)
		return to
	}
	entry.Value = rest
	l.entryEnds(list, &entry)
	return append(to, entry)
}

// attributes takes until= and owner= from the end of a line.
func (l *loader) attributes(text string, e *listEntry) (rest, wrong, hint string) {
	for {
		text = strings.TrimSpace(text)
		i := strings.LastIndexAny(text, " \t")
		key, value, ok := strings.Cut(text[i+1:], "=")
		if !ok || key != "until" && key != "owner" {
			return text, "", ""
		}
		switch {
		case i < 0:
			return "", key + "= stands without an entry before it", "write it behind the entry, as in example.org " + key + "=" + value
		case value == "":
			return "", key + "= has no value", ""
		case key == "owner" && e.owner != "", key == "until" && !e.until.IsZero():
			return "", key + "= stands twice behind an entry", ""
		case key == "owner":
			e.owner = value
		default:
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				return "", fmt.Sprintf("until= takes a date such as 2027-01-31, not %q", value), tomlfile.DateHint("until=", value)
			}
			e.until = civil.EndOfDay(day.Year(), day.Month(), day.Day(), l.zone)
		}
		text = text[:i]
	}
}

// entryEnds warns of an entry that does not count any more, or soon will not.
func (l *loader) entryEnds(list string, e *listEntry) {
	if e.until.IsZero() {
		return
	}
	owner := ""
	if e.owner != "" {
		owner = " (owner " + e.owner + ")"
	}
	l.config.Ends = append(l.config.Ends, rules.Ending{At: e.until, Entry: fmt.Sprint(e.Value), Owner: e.owner, File: e.Pos.File, Line: e.Pos.Line})
	switch {
	case !l.now.Before(e.until):
		l.found.Warnf(e.Pos, "remove the entry, or give it a new date", "list %q: %q has expired%s", list, e.Value, owner)
	case EndsSoon(e.until, l.now):
		l.found.Warnf(e.Pos, "", "list %q: %q expires on %s%s", list, e.Value, e.until.Add(-time.Second).Format(time.DateOnly), owner)
	}
}

// notText finds what keeps a file from being read line by line in UTF-8.
func notText(data []byte) (line int, wrong, hint string) {
	const convert = "save it in UTF-8, or convert it: iconv -f %s -t UTF-8"
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data, 0) >= 0:
		return 0, "the file is in UTF-16", fmt.Sprintf(convert, "UTF-16")
	}
	for i, c := range bytes.Split(data, []byte("\n")) {
		switch c := bytes.TrimSuffix(c, []byte("\r")); {
		case bytes.IndexByte(c, '\r') >= 0:
			return i + 1, "lines end with CR alone", "save the file with the line ends of Unix, or convert it: tr '\\r' '\\n'"
		case !utf8.Valid(c):
			return i + 1, "the line is not in UTF-8", fmt.Sprintf(convert, "WINDOWS-1252")
		}
	}
	return 0, "", ""
}
