package message

import (
	"regexp"
	"strings"
)

// asciiCharset matches the charsets in which what is ASCII reads as ASCII, and the
// stateful ones of ISO 2022, which are ASCII after an escape sequence.
var asciiCharset = regexp.MustCompile(`(?i)^(utf-?8|(us-)?ascii|ansi_x3\.4-19\d\d|iso[-_]?646(-us|\.irv.*)?|iso[-_]?8859[-_]?.*|latin[-_]?\d+|` +
	`(x-)?(windows|win|cp|ibm|ms)[-_]?(125\d|4\d\d|7\d\d|8\d\d|9\d\d|874|1133)|` +
	`(cs)?koi[-_]?[78].*|gb[-_]?(2312|k|18030).*|big5.*|(x-)?euc[-_].*|(x-)?(shift[-_]?jis|sjis)|ks_c_5601.*|iso-2022-.*|` +
	`tis-?620.*|(x-)?mac.*|viscii.*|tcvn.*|armscii.*|georgian.*|unknown-8bit|x-unknown|x-user-defined)?$`)

// wideCharset matches the charsets in which ASCII reads as ASCII once NULs are taken
// out.
var wideCharset = regexp.MustCompile(`(?i)^(utf-?(16|32)|ucs-?[24]|iso-10646-ucs-[24])(be|le)?$`)

// isStrange reports whether a reader may decode text of the charset that a parameter
// names to something else than beginning looks at: UTF-7, EBCDIC, one of the reader's
// own.
func isStrange(p parameter) bool {
	name := strings.TrimLeft(p.value, " \t'")
	if end := strings.IndexAny(name, " \t()"); end >= 0 && p.junk {
		name = name[:end]
	}
	if _, index, split := strings.Cut(p.name, "*"); split {
		if index != "" { // in pieces
			return true
		}
		name = unescape(name[strings.LastIndexByte(name, '\'')+1:])
	}
	return strangeCharset(name)
}

func strangeCharset(name string) bool {
	name = strings.Trim(name, " \t\r\n'\"")
	switch strings.ToLower(name) {
	case "", "utf-8", "us-ascii", "iso-8859-1":
		return false
	}
	return !asciiCharset.MatchString(name) && !wideCharset.MatchString(name)
}

var anyCharset = regexp.MustCompile(`(?i)(?:^|[\s;,"()])charset(?:\*[*0-9]*)?\s*=\s*([^\s;()]*)`)

// hintsAtCharset reports whether a field that cannot be read in one way may name a
// charset that is strange.
func hintsAtCharset(field string) bool {
	for _, found := range anyCharset.FindAllStringSubmatch(field, -1) {
		if strangeCharset(found[1]) {
			return true
		}
	}
	return false
}
