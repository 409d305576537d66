package main

import (
	"strconv"
	"strings"
	"unicode"
)

// dialect is how a database writes queries.
type dialect struct {
	mark    string // before the number of a parameter
	dollar  bool   // $tag$ quotes, and comments can stand within comments
	escapes bool   // E'...' has backslashes
	boxes   bool   // [name] is a quoted name
}

// bind puts numbered parameters in the place of named ones (":sender_domain"), and
// returns the names in the order of their numbers. What is quoted, comments, and
// casts ("::text") stay.
func (d dialect) bind(query string) (bound string, names []string) {
	var out strings.Builder
	number := map[string]int{}
	for i := 0; i < len(query); {
		if n := d.skip(query[i:], i > 0 && wordByte(query[i-1])); n > 0 {
			out.WriteString(query[i : i+n])
			i += n
			continue
		}
		name := parameter(query[i:])
		if name == "" {
			out.WriteByte(query[i])
			i++
			continue
		}
		if number[name] == 0 {
			names = append(names, name)
			number[name] = len(names)
		}
		out.WriteString(d.mark + strconv.Itoa(number[name]))
		i += 1 + len(name)
	}
	return out.String(), names
}

// unterminated is a query without the ";" at its end, which only blanks and comments may
// follow, so that it can be a part of another one.
func (d dialect) unterminated(query string) string {
	end := len(query)
	for i, ended := 0, false; i < len(query); {
		n := d.skip(query[i:], i > 0 && wordByte(query[i-1]))
		blank := n == 0 && unicode.IsSpace(rune(query[i])) || strings.HasPrefix(query[i:], "--") || strings.HasPrefix(query[i:], "/*")
		switch {
		case n == 0 && query[i] == ';' && !ended:
			end, ended = i, true
		case !blank && query[i] != ';':
			end, ended = len(query), false
		}
		i += max(n, 1)
	}
	return query[:end]
}

// parameter is the name after a ":" at the start of s; empty if there is none.
func parameter(s string) string {
	if s[0] != ':' || len(s) == 1 || !('a' <= s[1] && s[1] <= 'z') {
		return ""
	}
	n := 1
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return s[1:n]
}

// skip says how many octets at the start of s are to stay as they are: a quoted
// text or name, a comment, "::". Zero: what begins here is none of these.
func (d dialect) skip(s string, inWord bool) int {
	switch {
	case strings.HasPrefix(s, "::"):
		return 2
	case strings.HasPrefix(s, "--"):
		return until(s, "\n", 2)
	case strings.HasPrefix(s, "/*"):
		return d.comment(s)
	case s[0] == '\'' || s[0] == '"' || s[0] == '`':
		return until(s, s[:1], 1) // a doubled quote is two quoted texts side by side
	case d.boxes && s[0] == '[':
		return until(s, "]", 1)
	case d.escapes && !inWord && (strings.HasPrefix(s, "E'") || strings.HasPrefix(s, "e'")):
		return escaped(s)
	case d.dollar && !inWord && s[0] == '$':
		return dollarQuoted(s)
	}
	return 0
}

// until is the length of what ends with the first end after from octets, or with s.
func until(s, end string, from int) int {
	if n := strings.Index(s[from:], end); n >= 0 {
		return from + n + len(end)
	}
	return len(s)
}

// comment is the length of a comment.
func (d dialect) comment(s string) int {
	if !d.dollar {
		return until(s, "*/", 2)
	}
	depth, i := 1, 2
	for depth > 0 && i < len(s) {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth, i = depth+1, i+2
		case strings.HasPrefix(s[i:], "*/"):
			depth, i = depth-1, i+2
		default:
			i++
		}
	}
	return i
}

// escaped is the length of E'...', where a backslash takes a quote its meaning.
func escaped(s string) int {
	for i := 2; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '\'':
			return i + 1
		}
	}
	return len(s)
}

// dollarQuoted is the length of $tag$...$tag$; zero if it is none.
func dollarQuoted(s string) int {
	n := 1
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	if n == len(s) || s[n] != '$' || '0' <= s[1] && s[1] <= '9' {
		return 0
	}
	return until(s, s[:n+1], n+1)
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
