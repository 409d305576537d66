package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"go/format"
	"io"
	"slices"
	"strconv"
	"strings"
)

// columns are the columns of the source that the table needs, and their order.
var columns = [...]string{
	"hex", "iana_name", "openssl_name", "other_names", "family", "eff_bits",
	"forward_secrecy", "aead", "anon", "null_enc", "export", "rc4", "3des", "cbc",
	"rfc9325", "rfc10015",
}

// flagOf gives the constant that stands for a Y in a column.
var flagOf = [...]struct{ column, flag string }{
	{"forward_secrecy", "isFS"}, {"aead", "isAEAD"}, {"anon", "isAnon"}, {"null_enc", "isNull"},
	{"export", "isExport"}, {"rc4", "isRC4"}, {"3des", "is3DES"}, {"cbc", "isCBC"},
}

// levels are the words of the rfc9325 and rfc10015 columns, mildest first.
var levels = [...]struct{ word, level string }{
	{"", "NotMentioned"},
	{"not mentioned", "NotMentioned"},
	{"TLS1.3 (see RFC 8446 s9.1)", "NotMentioned"}, // RFC 9325 section 4.3
	{"RECOMMENDED", "Recommended"},
	{"SHOULD NOT", "ShouldNot"},
	{"MUST NOT", "MustNot"},
}

// suite is one line of the table, its fields as Go source but for the key.
type suite struct {
	id            uint64
	bytes         int
	iana, openssl string
	other         string
	bits          uint64
	family        string
	level         string
	flags         string
}

// generate turns the CSV file into the Go file.
func generate(in io.Reader) ([]byte, error) {
	suites, err := read(in)
	if err != nil {
		return nil, err
	}
	// In code point order; 0 stands for two suites, and the one of SSLv2 comes first.
	slices.SortFunc(suites, func(a, b suite) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.bytes, a.bytes))
	})
	var out bytes.Buffer
	fmt.Fprintf(&out, "// Code generated from %s by internal/tlsname/gen; DO NOT EDIT.\n\n", source)
	fmt.Fprintf(&out, "package tlsname\n\nvar suites = [...]Suite{\n")
	for i, s := range suites {
		if i > 0 && s.id == suites[i-1].id && s.bytes == suites[i-1].bytes {
			return nil, fmt.Errorf("code point %#x stands twice", s.id)
		}
		fmt.Fprintf(&out, "{0x%0*X, %q, %q, %d, %s, %s, %s, %q},\n",
			2*s.bytes, s.id, s.iana, s.openssl, s.bits, s.family, s.level, s.flags, s.other)
	}
	out.WriteString("}\n")
	return format.Source(out.Bytes())
}

// read reads all rows.
func read(in io.Reader) ([]suite, error) {
	r := csv.NewReader(in)
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(head, columns[:]) {
		return nil, fmt.Errorf("columns are %q, want %q", head, columns)
	}
	var suites []suite
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return suites, nil
		}
		if err != nil {
			return nil, err
		}
		s, err := parse(row)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		suites = append(suites, s)
	}
}

// parse makes a suite of a row.
func parse(row []string) (s suite, err error) {
	field := make(map[string]string)
	for i, c := range columns {
		field[c] = row[i]
	}
	s.iana, s.openssl = field["iana_name"], field["openssl_name"]
	s.other = strings.ReplaceAll(field["other_names"], "|", " ")
	if s.iana+s.openssl == "" {
		return s, errors.New("a suite without a name")
	}
	digits := strings.ReplaceAll(strings.ReplaceAll(field["hex"], "0x", ""), ",", "")
	if s.id, err = strconv.ParseUint(digits, 16, 24); err != nil {
		return s, fmt.Errorf("hex: %w", err)
	}
	s.bytes = len(digits) / 2
	if s.bits, err = strconv.ParseUint(field["eff_bits"], 10, 16); err != nil {
		return s, fmt.Errorf("eff_bits: %w", err)
	}
	if s.family, err = family(field["family"], s.bytes); err != nil {
		return s, err
	}
	if s.level, err = stricter(field["rfc9325"], field["rfc10015"]); err != nil {
		return s, err
	}
	s.flags, err = flags(field)
	return s, err
}

// family gives the constant for the family column. SSLv2 alone has code points
// of three bytes.
func family(word string, bytes int) (string, error) {
	constant, ok := map[string]string{
		"SSLv2": "SSLv2", "SSLv3-TLSv1.2": "SSLv3", "TLSv1.2": "TLSv1_2", "TLSv1.3": "TLSv1_3",
	}[word]
	if !ok || (word == "SSLv2") != (bytes == 3) {
		return "", fmt.Errorf("family: %q with a code point of %d bytes", word, bytes)
	}
	return constant, nil
}

// stricter gives the level constant of the stricter of two judgements.
func stricter(a, b string) (string, error) {
	strictest := -1
	for _, word := range [...]string{a, b} {
		i := -1
		for j, l := range levels {
			if l.word == word {
				i = j
			}
		}
		if i < 0 {
			return "", fmt.Errorf("unknown judgement %q", word)
		}
		strictest = max(strictest, i)
	}
	return levels[strictest].level, nil
}

// flags gives the expression for the Y and N columns.
func flags(field map[string]string) (string, error) {
	var set []string
	for _, f := range flagOf {
		switch field[f.column] {
		case "Y":
			set = append(set, f.flag)
		case "N":
		default:
			return "", fmt.Errorf("%s: %q is neither Y nor N", f.column, field[f.column])
		}
	}
	if set == nil {
		return "0", nil
	}
	return strings.Join(set, " | "), nil
}
