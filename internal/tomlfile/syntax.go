package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// syntaxFault says in an admin's words what the decoder did not like. If the end
// of the text leaves something open, open is the line where that begins.
func syntaxFault(text []byte, err error, open int) *fault {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return &fault{message: err.Error()}
	}
	f := reword(pe.Message)
	f.line = errorLine(text, pe)
	lines := bytes.Split(text, []byte("\n"))
	if above := aboveItsTable(lines, f.line); above != nil {
		return above
	}
	if hint := slipHint(string(lines[min(f.line, len(lines))-1])); hint != "" && f.line > 0 {
		f.hint = hint
		return f
	}
	if open > 0 && open <= f.line {
		f.hint = fmt.Sprintf("the array, table or string that begins in line %d is not closed", open)
	}
	return f
}

// errorLine returns the line of an error. The decoder's line is one too low for
// strings that end with CRLF and for some errors at the end of the text, and one
// too high where it stumbles over a line end. Its offset is right in these
// cases, but may be that of the beginning of a long string in others.
func errorLine(text []byte, pe toml.ParseError) int {
	p := pe.Position
	start := min(max(p.Start+lenBOM(text), 0), len(text))
	line := 1 + bytes.Count(text[:start], []byte{'\n'})
	if strings.Contains(pe.Message, `'\n'`) || strings.Contains(pe.Message, "\n") {
		return line
	}
	return min(max(line, p.Line), 1+bytes.Count(text, []byte{'\n'}))
}

// wording is how a message of the decoder begins, what to say in place of that,
// and what to do about it.
type wording struct{ begins, instead, hint string }

// wordings lists the messages that say too little, or use words of a programmer.
func wordings() []wording {
	return []wording{
		{"expected value but found", "expected a value but found", `text stands between quotes: "text"`},
		{"unexpected EOF; expected value", "a value is missing here", ""},
		{"unexpected EOF; expected key separator", "expected", `a line is a [table], key = value, or a # comment`},
		{"unexpected EOF; expected", "the file ends before the closing", ""},
		{"strings cannot contain newlines", "the string is not closed on its line",
			`end it with the quote that it begins with; text of several lines stands between """ and """`},
		{"invalid escape", "", `a backslash between "..." is written twice, or use '...' where it stands for itself`},
		{"expected a top-level item to end with a newline, comment, or EOF, but got",
			"expected the end of the line but found", ""},
		{"unexpected '=': key name appears blank", "the key before '=' is missing", ""},
		{"expected '.' or '='", "", "write key = value; a key that has spaces or other signs in it stands between quotes"},
		{"floats must", "numbers must", ""},
		{"Invalid float value", "invalid number", ""},
		{"Invalid float", "invalid number", ""},
		{"invalid float", "invalid number", ""},
		{"invalid datetime", "invalid date or time", `a date is written 2027-01-31, a date and time 2027-01-31T10:00:00`},
	}
}

// reword turns a message of the decoder into a fault without a line.
func reword(message string) *fault {
	if key, ok := takenKey(message); ok {
		return &fault{message: fmt.Sprintf("the key %s is given twice", key), hint: "a key or table may stand only once"}
	}
	for _, end := range []string{" is out of range for int64", " is out of range for float64"} {
		if number, ok := strings.CutSuffix(message, end); ok {
			return &fault{message: "the number " + number + " is too large or too small"}
		}
	}
	message = strings.TrimSuffix(strings.Map(printable, message), " instead")
	message = strings.TrimSuffix(message, ".")
	for _, sign := range [][2]string{
		{`'\x00'`, "the end of the file"}, {`'\n'`, "the end of the line"}, {`'\r'`, "the end of the line"},
		{"but got end of file", "but got the end of the file"},
	} {
		message = strings.Replace(message, sign[0], sign[1], 1)
	}
	for _, w := range wordings() {
		if rest, ok := strings.CutPrefix(message, w.begins); ok {
			if w.instead == "" {
				w.instead = w.begins
			}
			return &fault{message: w.instead + rest, hint: w.hint}
		}
	}
	first, n := utf8.DecodeRuneInString(message)
	if message[n:] != "" && unicode.IsLower(rune(message[n])) {
		message = string(unicode.ToLower(first)) + message[n:]
	}
	return &fault{message: message}
}

// printable drops control characters.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}

// takenKey returns the key of a message that says that it is in use already.
func takenKey(message string) (string, bool) {
	rest, ok := strings.CutPrefix(message, "Key '")
	if !ok {
		return "", false
	}
	i := strings.LastIndex(rest, "' ")
	if i < 0 {
		return "", false
	}
	if key := rest[:i]; strings.Contains(key, `"`) {
		return key, true
	}
	return `"` + rest[:i] + `"`, true
}

// inner matches the heading of a table in one of an array of tables.
var inner = regexp.MustCompile(`^\s*\[\[\s*([A-Za-z0-9_-]+)\s*\.\s*([A-Za-z0-9_-]+)\s*\]\]`)

// aboveItsTable finds the heading [[a.b]] above the first [[a]], which stands in a line:
// TOML then has a table a, and no array.
func aboveItsTable(lines [][]byte, line int) *fault {
	for i := 0; i < min(line-1, len(lines)); i++ {
		found := inner.FindSubmatch(lines[i])
		if found == nil {
			continue
		}
		outer, whole := string(found[1]), "[["+string(found[1])+"."+string(found[2])+"]]"
		heading := regexp.MustCompile(`^\s*\[\[\s*` + regexp.QuoteMeta(outer) + `\s*\]\]`)
		for _, before := range lines[:i] {
			if heading.Match(before) {
				return nil
			}
		}
		if heading.Match(lines[line-1]) {
			return &fault{line: i + 1, message: whole + " stands above the first [[" + outer + "]]", hint: "put it below the [[" + outer + "]] that it belongs to"}
		}
	}
	return nil
}
