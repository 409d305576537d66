package main

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// paint colours text, or leaves it alone.
type paint bool

// paintFor reports whether an output takes colours: a terminal does, unless
// NO_COLOR is set to anything (https://no-color.org), or it is a dumb one.
func paintFor(w io.Writer) paint {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The colours (ECMA-48, SGR).
const (
	bold  = "1"
	faint = "2"
)

func (p paint) in(sgr, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

// action colours the name of an action by how much it hurts.
func (p paint) action(name string) string {
	sgr := map[string]string{"accept": "32", "tag": "36", "quarantine": "35", "defer": "33", "reject": "31"}[name]
	return p.in("1;"+sgr, name)
}

// clean makes text from outside fit for a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
