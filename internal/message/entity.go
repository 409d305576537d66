package message

import "strings"

const maxField = 8 << 10 // of a field that describes the content

// kind is what the header of a message or part makes of its content.
type kind uint8

const (
	opaque    kind = iota // not looked at
	doubtful              // may have parts, which cannot be told
	unclear               // one part that may be encrypted
	pgp                   // encrypted, by its header alone
	smime                 // encrypted, unless the CMS content type says it is not
	inClear               // not encrypted, if the CMS content type says so, too
	control               // encrypted, in a multipart: what is stands beside it
	multipart             // has parts
	text                  // encrypted if it begins with a PGP message
	cms                   // encrypted if the CMS content type says so
)

// entity is a message or part, as its header describes it.
type entity struct {
	kind     kind
	encoding encoding // of text and CMS
	boundary string   // of a multipart
	also     string   // a boundary that some readers take for it
	digest   bool     // a multipart/digest
	unsure   bool     // what is found in it leaves doubt
	parted   bool     // a delimiter of the multipart was found
}

// fields is what the fields of a header say of the content. A field that comes
// twice is in doubt unless both say the same.
type fields struct {
	content        content
	encoding       encoding
	named          named
	types, encoded bool
	torn           bool // there are two types
	broken         bool // some readers find other fields
}

// contentFields are the fields that are read.
var contentFields = [...]string{"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}

// contentField returns the name of a field that is read, "" for others.
func contentField(name string) string {
	for _, known := range contentFields {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

// add takes a field that contentField names.
func (f *fields) add(name, value string) {
	value = strings.TrimSpace(value)
	long := len(value) > maxField
	switch name {
	case "Content-Type":
		c := content{kind: doubtful}
		if !long {
			c = parseContentType(value)
		}
		f.torn = f.torn || f.types && c != f.content
		f.content, f.types = c, true
	case "Content-Transfer-Encoding":
		e := odd
		if !long {
			e = parseEncoding(value)
		}
		if f.encoded && e != f.encoding {
			e = odd
		}
		f.encoding, f.encoded = e, true
	case "Content-Disposition":
		n := named{unclear: true}
		if !long {
			n = nameOf(value)
		}
		f.named = f.named.and(n)
	}
}

// entity returns what the fields describe, in a multipart or, if within is nil, of
// the message. A part of a multipart/digest without a type is a message (RFC 2046
// section 5.1.5).
func (f *fields) entity(within *entity) entity {
	c := f.content
	switch {
	case f.torn || f.broken:
		return entity{kind: doubtful}
	case !f.types && within != nil && within.digest:
		return entity{}
	case !f.types:
		c = untyped
	}
	e := entity{c.kind, f.encoding, c.boundary, c.also, c.digest, c.unsure, false}
	if n := c.named.and(f.named); c.file && n.maybe() {
		e.kind, e.unsure = cms, c.unsure || !c.octets || !n.sure()
	}
	if e.kind == control {
		if e.kind = pgp; within == nil {
			e.kind = opaque
		}
	}
	switch {
	case e.boundary != "" && e.encoding != identity: // RFC 2045 section 6.4
		e.kind = doubtful
	case (e.kind == text || e.kind == cms || e.kind == inClear) && e.encoding == odd, (e.kind == smime || e.kind == pgp) && e.unsure:
		e.kind = unclear
	}
	return e
}
