package setup

import "strings"

// call is a macro in a text for m4(1), with its place there.
type call struct {
	name       string
	args       []string // without their outer quotes; nil: no parentheses follow
	start, end int
}

// arg is an argument, "" where there is none.
func (c call) arg(i int) string {
	if i < len(c.args) {
		return c.args[i]
	}
	return ""
}

// calls are the macros that m4(1) meets in a sendmail.mc, and not those within
// quotes or arguments. A # begins no comment: cf.m4 takes that away.
func calls(text string) []call {
	var out []call
	for i := 0; i < len(text); {
		switch {
		case text[i] == '`':
			i = quoteEnd(text, i)
		case !isLetter(text[i]):
			i++
		default:
			end := wordEnd(text, i)
			c := call{name: text[i:end], start: i, end: end}
			switch {
			case c.name == "dnl":
				i = lineEnd(text, end)
				continue
			case end < len(text) && text[end] == '(':
				c.args, c.end = arguments(text, end+1)
			}
			out = append(out, c)
			i = c.end
		}
	}
	return out
}

func isLetter(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// wordEnd is where the word ends that begins at i.
func wordEnd(text string, i int) int {
	for i < len(text) && (isLetter(text[i]) || text[i] >= '0' && text[i] <= '9') {
		i++
	}
	return i
}

// lineEnd is the begin of the next line.
func lineEnd(text string, i int) int {
	if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(text)
}

// lineStart is the begin of the line that has i.
func lineStart(text string, i int) int { return strings.LastIndexByte(text[:i], '\n') + 1 }

// quoteEnd is behind the quote that closes the one at i.
func quoteEnd(text string, i int) int {
	level := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '`':
			level++
		case '\'':
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return i
}

// arguments reads from behind the parenthesis, and returns where they end.
func arguments(text string, i int) ([]string, int) {
	args := []string{}
	var arg strings.Builder
	for depth := 1; i < len(text); {
		switch c := text[i]; {
		case c == '`':
			end := quoteEnd(text, i)
			arg.WriteString(strings.TrimSuffix(text[i+1:end], "'"))
			i = end
			continue
		case isLetter(c):
			end := wordEnd(text, i)
			if text[i:end] == "dnl" {
				i = lineEnd(text, end)
				continue
			}
			arg.WriteString(text[i:end])
			i = end
			continue
		case c == ',' && depth == 1:
			args = append(args, arg.String())
			arg.Reset()
		case c == ')' && depth == 1:
			return append(args, arg.String()), i + 1
		case arg.Len() == 0 && strings.IndexByte(" \t\r\n", c) >= 0: // m4(1) drops it
		default:
			depth += strings.Count("(", string(c)) - strings.Count(")", string(c))
			arg.WriteByte(c)
		}
		i++
	}
	return append(args, arg.String()), i
}
