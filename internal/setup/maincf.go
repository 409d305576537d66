package setup

import "strings"

// blank is what Postfix takes for white space in its files: isspace(3).
const blank = " \t\n\v\f\r"

// assignment is a place of main.cf that sets a parameter.
type assignment struct {
	name       string
	start, end int    // from its first line to the end of its last one, without that line's "\n"
	equals     int    // behind the "="
	value      string // from there to end, with blanks in the place of comments
}

// assignments are the places of main.cf that set parameters, in order. A line that
// begins with a blank continues what is above; comments and empty lines may stand
// between; postconf(5), and readllines of Postfix's sources.
func assignments(text string) []assignment {
	var out []assignment
	open := false // a line with a blank before it has something to continue
	masked := []byte(text)
	for start := 0; start < len(text); {
		end := start + strings.IndexByte(text[start:]+"\n", '\n')
		line := text[start:end]
		switch content := strings.TrimLeft(line, blank); {
		case content == "" || content[0] == '#':
			for i := start; i < end; i++ {
				masked[i] = ' '
			}
		case content != line && open:
			out[len(out)-1].end = end
		case content != line: // which Postfix passes over
		default:
			out, open = append(out, assignment{start: start, end: end}), true
		}
		start = end + 1
	}
	for i := range out {
		out[i].read(string(masked))
	}
	return out
}

// read fills in name and value, from a text without comments.
func (d *assignment) read(masked string) {
	name, value, ok := strings.Cut(masked[d.start:d.end], "=")
	d.name = strings.Trim(name, blank)
	d.equals = d.end - len(value)
	if !ok {
		d.equals = d.end
	}
	d.value = value
}

// defined is the place of a parameter that counts, which is the last, and how many
// there are.
func defined(text, name string) (last assignment, count int) {
	for _, d := range assignments(text) {
		if d.name == name {
			last = d
			count++
		}
	}
	return last, count
}

// lineEndOf is the end of the line that has at, without its "\n".
func lineEndOf(text string, at int) int {
	return at + strings.IndexByte(text[at:]+"\n", '\n')
}

// put sets an entry before an element of a parameter's value, or behind the last
// one. All else stays as it is, so that taking the entry out gives the same text.
// builtIn is what the parameter has where main.cf does not set it.
func put(text, name, entry, builtIn string, at int) string {
	d, count := defined(text, name)
	if count == 0 {
		line := name + " = " + strings.TrimPrefix(builtIn+", "+entry, ", ")
		if text == "" || strings.HasSuffix(text, "\n") {
			return text + line + "\n"
		}
		return text + "\n" + line
	}
	tokens, _ := split(d.value)
	switch {
	case len(tokens) == 0: // on a line of its own: by that, cut knows that the rest was there
		end := lineEndOf(text, d.equals)
		return text[:end] + "\n    " + entry + text[end:]
	case at == len(tokens):
		end := d.equals + tokens[at-1].end
		return text[:end] + ", " + entry + text[end:]
	}
	start := d.equals + tokens[at].start
	if indent := text[lineStart(text, start):start]; strings.Trim(indent, " \t") == "" {
		entry += ",\n" + indent
	} else {
		entry += ", "
	}
	return text[:start] + entry + text[start:]
}

// takeOut takes the entries of a parameter out whose address is ours, wherever it is
// set, and leaves all else as it is.
func takeOut(text string, p parameter, ours func(address string) bool) string {
	_, count := defined(text, p.name)
	all := assignments(text)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].name != p.name {
			continue
		}
		for {
			d := assignments(text)[i]
			f, ok := p.first(d.value, ours)
			if !ok {
				break
			}
			tokens, _ := split(d.value)
			if len(tokens) == f.last-f.first+1 && count == 1 && d.equals+tokens[f.first].start < lineEndOf(text, d.equals) {
				text = cutLines(text, d.start, d.end)
				break
			}
			text = cut(text, d.equals, d.equals+tokens[f.first].start, d.equals+tokens[f.last].end)
		}
	}
	return text
}

// cut takes an entry out of the list that begins at equals, with the comma that
// belongs to it: its line, if nothing else is there; what follows, up to the next
// element of the line; or, at the end of a line, what stands between the element
// before and it.
func cut(text string, equals, start, end int) string {
	line := lineStart(text, start)
	behind := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(text[end:], " \t"), ","), " \t")
	rest := strings.Trim(text[end:lineEndOf(text, end)], separators)
	before := strings.TrimRight(text[line:start], separators)
	switch {
	case rest != "" || line+len(before) == equals:
		return text[:start] + behind
	case before == "":
		return cutLines(text, line, lineEndOf(text, end))
	}
	return text[:line+len(before)] + text[end:]
}

// cutLines takes whole lines out. Where the last line has no end, the line before
// gets none.
func cutLines(text string, start, end int) string {
	if end < len(text) {
		return text[:start] + text[end+1:]
	}
	return strings.TrimSuffix(text[:start], "\n")
}
