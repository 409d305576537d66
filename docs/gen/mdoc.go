package main

import (
	"fmt"
	"regexp"
	"strings"
)

// link is a link of Markdown. A manual page keeps its text.
var link = regexp.MustCompile(`\[([^\]]*)\]\(#[^)]*\)`)

// word is a part of a text without space outside of code.
var word = regexp.MustCompile("(?:`[^`]*`|[^ \n`])+")

// manual is a reference to a manual page.
var manual = regexp.MustCompile(`^([a-z][a-z0-9._-]*)\(([1-9])\)$`)

// wide is where lines of a page's source are broken.
const wide = 78

// mdoc renders text in the Markdown of the tables here as lines of mdoc(7).
func mdoc(text string) string {
	p := paragraph{}
	for _, w := range word.FindAllString(link.ReplaceAllString(text, "$1"), -1) {
		if strings.Contains(w, "`") {
			p.macro(w)
		} else {
			p.text(strings.Trim(w, "*"))
		}
	}
	p.flush()
	return p.out.String()
}

// paragraph collects lines. Each sentence begins on its own, as mdoc(7) wants it.
type paragraph struct {
	out  strings.Builder
	line string
}

func (p *paragraph) flush() {
	if p.line != "" {
		p.out.WriteString(p.line + "\n")
	}
	p.line = ""
}

func (p *paragraph) text(w string) {
	ended := strings.HasSuffix(strings.TrimRight(p.line, ")"), ".")
	if ended && !startsSentence(w) {
		p.line += `\&` // an abbreviation
	}
	if len(p.line)+1+len(w) > wide || ended && startsSentence(w) {
		p.flush()
	}
	if p.line != "" {
		p.line += " "
	} else if strings.HasPrefix(w, ".") || strings.HasPrefix(w, "'") {
		p.line = `\&`
	}
	p.line += escape(w)
}

func startsSentence(w string) bool { return 'A' <= w[0] && w[0] <= 'Z' }

// macro renders a word with code in it as a line of its own.
func (p *paragraph) macro(w string) {
	p.flush()
	open := strings.IndexByte(w, '`')
	end := open + 1 + strings.IndexByte(w[open+1:], '`')
	before, inner, after := w[:open], w[open+1:end], w[end+1:]
	line := "."
	switch strings.Trim(before, "([") {
	case "":
		if before != "" {
			line += codeMacro(inner) + " " + strings.Join(strings.Split(before, ""), " ") + " " + argument(inner)
		} else {
			line += codeMacro(inner) + " " + argument(inner)
		}
	default:
		line += "No " + escape(before) + " Ns " + codeMacro(inner) + " " + argument(inner)
	}
	switch {
	case after == "":
	case strings.Trim(after, ".,:;)]?!") == "":
		line += " " + strings.Join(strings.Split(after, ""), " ")
	default:
		line += " Ns No " + strings.ReplaceAll(escape(strings.ReplaceAll(after, "`", "")), `"`, `\(dq`)
	}
	p.out.WriteString(line + "\n")
}

// codeMacro is the macro for a piece of code: words of the language are bold, all
// else stands in quotes.
func codeMacro(code string) string {
	switch {
	case manual.MatchString(code):
		return "Xr"
	case strings.ContainsAny(code, " \"'") || code == "":
		return "Ql"
	}
	return "Ic"
}

// argument writes code as the argument of a macro.
func argument(code string) string {
	if m := manual.FindStringSubmatch(code); m != nil {
		return m[1] + " " + m[2]
	}
	s := quotes.Replace(strings.ReplaceAll(escape(code), `"`, `\(dq`))
	switch {
	case strings.Contains(s, " ") && len(s) < literalWide/2:
		return strings.ReplaceAll(s, " ", `\~`)
	case strings.Contains(s, " "):
		return `"` + s + `"`
	case len(s) <= 3: // it may be the name of a macro, or punctuation
		s = `\&` + s
	}
	if strings.HasPrefix(s, `\&`) && strings.ContainsAny(s[len(s)-1:], ".,:;?!") {
		s += `\&` // mandoc(1) would ask for a blank before it
	}
	return s
}

// escape makes text stand for itself. What is not ASCII goes by its number, so
// that a page does not depend on the encoding that it is read in.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// literalWide is how wide an example may be below a key, on a terminal of 80 columns.
const literalWide = 64

// longHex is a fingerprint or checksum.
var longHex = regexp.MustCompile(`([0-9a-f:]{12})[0-9a-f:]{28,}`)

// quotes are those of ASCII, which must stay so where they are code.
var quotes = strings.NewReplacer("'", `\(aq`, "`", `\(ga`)

// literalBlock shows an example of a key. An array that is too long goes over
// several lines, and a fingerprint is cut.
func literalBlock(example string) string {
	if i := strings.IndexByte(example, '['); len(example) > literalWide && i > 0 && strings.HasSuffix(example, "]") {
		entries := example[i+1 : len(example)-1]
		sep := `", "`
		if strings.HasPrefix(entries, "{") {
			sep = "}, {"
		}
		parts := strings.Split(entries, sep)
		example = example[:i+1] + "\n  " + strings.Join(parts, sep[:2]+"\n  "+sep[3:]) + ",\n]"
	}
	example = longHex.ReplaceAllString(example, "$1...")
	var b strings.Builder
	b.WriteString(".Bd -literal -compact\n")
	for line := range strings.Lines(example + "\n") {
		b.WriteString(quotes.Replace(escape(line)))
	}
	b.WriteString(".Ed\n")
	return b.String()
}
