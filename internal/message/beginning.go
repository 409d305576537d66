package message

import (
	"bytes"
	"strings"

	"tlswarden/rules"
)

const (
	maxBeginning = maxLine
	armor        = "-----BEGIN PGP MESSAGE-----" // RFC 9580 section 6.2.1
)

// beginning is the beginning of the content of a part, as it came.
type beginning struct {
	of  entity
	raw []byte
}

func (b *beginning) reset(e entity) { b.of, b.raw = e, b.raw[:0] }

// full reports whether there is enough.
func (b *beginning) full() bool { return len(b.raw) == maxBeginning }

// add takes a piece, and reports whether there is enough.
func (b *beginning) add(piece []byte) (full bool) {
	b.raw = append(b.raw, piece[:min(len(piece), maxBeginning-len(b.raw))]...)
	return b.full()
}

// encrypted returns "smime", "pgp" or "no": known if all readers of the content
// find the same.
func (b *beginning) encrypted() rules.Fact[string] {
	var found rules.Fact[string]
	for i, content := range b.of.encoding.readings(b.raw) {
		f := b.in(content)
		if i > 0 && f != found {
			return rules.Fact[string]{}
		}
		found = f
	}
	if b.of.unsure && found != rules.Known("no") {
		return rules.Fact[string]{}
	}
	return found
}

// in returns the same of the content as decoded in one way.
func (b *beginning) in(content []byte) rules.Fact[string] {
	if b.of.kind == cms {
		return cmsFact(content)
	}
	switch armored, open := isArmored(content); {
	case armored:
		return rules.Known("pgp")
	case open && b.full(), disguised(content):
		return rules.Fact[string]{}
	}
	return rules.Known("no")
}

// isArmored reports whether the first line that is not blank begins a PGP
// message, and whether more content could change that.
func isArmored(content []byte) (armored, open bool) {
	for {
		line, rest, ended := bytes.Cut(content, []byte("\n"))
		line = bytes.TrimRight(line, " \t\r")
		switch {
		case !ended:
			return false, bytes.HasPrefix(line, []byte(armor)) || strings.HasPrefix(armor, string(line))
		case len(line) > 0:
			return string(line) == armor, false
		}
		content = rest
	}
}

// disguised reports whether a PGP message begins here for readers that honour a
// byte order mark or a charset of two or four octets.
func disguised(content []byte) bool {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		content = bytes.TrimPrefix(content, []byte(mark))
	}
	armored, _ := isArmored(bytes.ReplaceAll(content, []byte{0}, nil))
	return armored
}
