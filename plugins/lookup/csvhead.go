package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// readable is a file as package csv reads it, without a byte order mark, and with line
// ends that are known. What is no text in UTF-8 is an error that says how to get one.
func readable(data []byte) ([]byte, error) {
	begins := func(with string) bool { return bytes.HasPrefix(data, []byte(with)) }
	switch {
	case begins("PK\x03\x04"), begins("\xd0\xcf\x11\xe0"):
		return nil, errors.New(`is a workbook of a spreadsheet; save it as "CSV UTF-8"`)
	case begins("\xff\xfe"), begins("\xfe\xff"), bytes.IndexByte(data[:min(len(data), 4)], 0) >= 0:
		return nil, errors.New(`is in UTF-16; save it as "CSV UTF-8", or convert it: iconv -f UTF-16 -t UTF-8`)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	end := bytes.IndexAny(data, "\r\n")
	if end >= 0 && data[end] == '\r' && !bytes.HasPrefix(data[end:], []byte("\r\n")) {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n")) // as Excel saves for Macintosh
	}
	return data, nil
}

// named is the line before the table by which Excel tells the separator.
var named = regexp.MustCompile(`(?i)^"?sep=([,;\t|])"?[ ,;\t]*\r?\n`)

// head reads the first line and returns a reader for those that follow.
func head(data []byte, wanted []string) (*csv.Reader, []string, error) {
	comma := ','
	if m := named.FindSubmatch(data); m != nil {
		comma = rune(m[1][0])
		data = append([]byte("#"), data[1:]...) // a comment, so that lines are counted
	} else {
		comma = separator(data, wanted)
	}
	r := newReader(data, comma)
	first, err := r.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("no first line with the names of the columns: %w", err)
	}
	names := trimmed(first)
	for _, name := range wanted {
		if i := slices.Index(names, name); i < 0 || slices.Contains(names[i+1:], name) {
			return nil, nil, fmt.Errorf("the first line must name the column %q once; it names %.200q%s", name, names, headHint(names, name, wanted))
		}
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1] // empty columns at the end do not count
	}
	return r, names, nil
}

// headHint says what to write in a first line that lacks a column, or nothing.
func headHint(names []string, name string, wanted []string) string {
	if strings.Join(names, "") == "" {
		return "; write there " + strings.Join(wanted, ",")
	}
	for _, n := range names {
		if n != name && sameName(n, name) {
			return fmt.Sprintf("; write %s in the place of %q", name, n)
		}
	}
	return ""
}

// sameName reports whether names of columns are the same but for case, blanks and signs.
func sameName(a, b string) bool {
	bare := strings.NewReplacer(" ", "", "_", "", "-", "", ".", "", "\u00a0", "")
	return strings.EqualFold(bare.Replace(a), bare.Replace(b))
}

// newReader reads rows of any length.
func newReader(data []byte, comma rune) *csv.Reader {
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma, r.Comment, r.FieldsPerRecord, r.ReuseRecord = comma, '#', -1, true
	r.TrimLeadingSpace = comma != '\t' // or empty values would be lost
	return r
}

// separator is what parts the columns: a comma, or, as Excel saves where numbers have
// decimal commas, a semicolon, or a tab, or, as databases print, a "|". It is the one by
// which the first line names most of the columns that are wanted.
func separator(data []byte, wanted []string) rune {
	most, best := 0, ','
	for _, comma := range ",;\t|" {
		first, _ := newReader(data, comma).Read()
		n := 0
		for _, name := range first {
			if slices.ContainsFunc(wanted, func(w string) bool { return sameName(w, strings.TrimSpace(name)) }) {
				n++
			}
		}
		if n > most {
			most, best = n, comma
		}
	}
	return best
}
