package message

import (
	"bytes"
	"regexp"
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
	content, goesOn := b.of.encoding.decode(b.raw)
	found := b.in(content, goesOn || b.full())
	if b.of.unsure && found != rules.Known("no") {
		return rules.Fact[string]{}
	}
	return found
}

// in returns the same of decoded content, after which more may come.
func (b *beginning) in(content []byte, goesOn bool) rules.Fact[string] {
	if b.of.kind != text {
		return b.cms(content, goesOn)
	}
	armored, open := isArmored(content)
	if armored {
		return rules.Known("pgp")
	}
	disguised, openDisguised := isDisguised(content)
	if disguised || goesOn && (open || openDisguised) {
		return rules.Fact[string]{}
	}
	return rules.Known("no")
}

// cms returns the same of content that is called CMS. A label that says it is
// encrypted is the sender's word, and so is one that says it is not; but what
// readers find in it must not contradict the first, and must confirm the second.
func (b *beginning) cms(content []byte, goesOn bool) rules.Fact[string] {
	empty := len(bytes.TrimSpace(content)) == 0
	if empty && goesOn {
		return rules.Fact[string]{}
	}
	found := rules.Known("no")
	if !empty {
		found = cmsFact(content)
	}
	switch {
	case b.of.kind == smime && (empty || !found.Known()):
		return rules.Known("smime")
	case b.of.kind == smime && found == rules.Known("no"), b.of.kind == inClear && found != rules.Known("no"):
		return rules.Fact[string]{}
	}
	return found
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

// isDisguised is isArmored for readers that see through what stands around the
// letters of that line: a byte order mark, a charset of two or four octets, escape
// sequences of ISO 2022, blanks, controls and what is not ASCII; that end lines at a
// CR; or that know the armor of a part of a message (RFC 4880 section 6.2).
func isDisguised(content []byte) (disguised, open bool) {
	if bytes.IndexByte(content, '\x1b') >= 0 {
		content = escapeSequence.ReplaceAll(content, nil)
	}
	for {
		end := bytes.IndexAny(content, "\r\n")
		if end < 0 {
			line := squeeze(content)
			return bytes.HasPrefix(line, squeezedArmor), bytes.HasPrefix(squeezedArmor, line)
		}
		if line := squeeze(content[:end]); len(line) > 0 {
			return bytes.HasPrefix(line, squeezedArmor), false
		}
		content = content[end+1:]
	}
}

var (
	squeezedArmor  = squeeze([]byte(strings.TrimRight(armor, "-")))
	escapeSequence = regexp.MustCompile(`\x1b[$(-/.&]*[0-~]`)
)
