package message

import (
	"regexp"
	"strings"
)

// content is what a Content-Type says, as far as it matters here.
type content struct {
	kind     kind
	boundary string // of a multipart
	also     string // a boundary that some readers take for it
	digest   bool   // a multipart/digest
	unsure   bool   // not all readers take it for that
	file     bool   // its file name may make it S/MIME
	octets   bool   // application/octet-stream, which its name does make S/MIME
	named    named
}

const maxBoundary = 200 // RFC 2046 section 5.1.1 allows 70

// untyped is what has no Content-Type (RFC 2045 section 5.2).
var untyped = content{kind: text, file: true}

// parseContentType reads a Content-Type (RFC 2045 section 5.1).
func parseContentType(value string) content {
	if value == "" {
		return untyped
	}
	l := lexer{text: value}
	media := l.media()
	if media == "" {
		return malformed(value)
	}
	c := content{unsure: l.bad}
	if !l.end() && l.peek() != ';' {
		c.unsure = true
		l.rest()
	}
	var p counted
	l.parameters(p.take)
	p.broken = l.bad || l.hides
	c.is(media, &p)
	if c.kind == text && (p.strange || (c.unsure || p.broken || strings.IndexByte(value, '(') >= 0) && hintsAtCharset(value)) {
		c.kind = unclear
	}
	if c.file {
		c.named = p.names.finish().and(named{unclear: p.broken && hintsAtName(value)})
	}
	return c
}

// media takes the media type, in lower case; "" if there is none.
func (l *lexer) media() string {
	l.space()
	from := l.at
	kind := l.span(isToken)
	l.space()
	if kind == "" || l.peek() != '/' {
		return ""
	}
	l.at++
	l.space()
	sub := l.span(isToken)
	media := l.text[from:l.at]
	if len(media) > len(kind)+len("/")+len(sub) {
		media = kind + "/" + sub
	}
	if l.space(); sub == "" {
		return ""
	}
	return strings.ToLower(media)
}

// malformed is what has no media type where one belongs. Readers take it for text
// (RFC 2045 section 5.2), or for a file, or guess.
func malformed(value string) content {
	if guessable.MatchString(value) {
		return content{kind: doubtful}
	}
	c := content{kind: text, unsure: true, file: true, named: named{unclear: hintsAtName(value)}}
	if hintsAtCharset(value) {
		c.kind = unclear
	}
	return c
}

var guessable = regexp.MustCompile(`(?i)multipart|boundary|pkcs7|pgp-encrypted`)

// counted are the parameters that count.
type counted struct {
	boundary, protocol, smimeType choice
	names                         fileNames
	strange                       bool // the charset may hide a PGP message
	broken                        bool // there may be others
}

func (c *counted) take(p parameter) {
	switch of, _, _ := strings.Cut(p.name, "*"); of {
	case "boundary":
		c.boundary.add(p)
	case "charset":
		c.strange = c.strange || isStrange(p)
	case "protocol":
		p.value = strings.ToLower(p.value)
		c.protocol.add(p)
	case "smime-type":
		p.value = strings.ToLower(p.value)
		c.smimeType.add(p)
	default:
		c.names.take(p)
	}
}

// is sets what a content of a media type is.
func (c *content) is(media string, p *counted) {
	switch {
	case media == "text/plain":
		c.kind = text
	case media == "application/pgp-encrypted":
		c.kind = control
	case media == "application/cms": // RFC 7193
		c.kind, c.unsure = cms, true
	case media == "application/pgp": // before RFC 2015
		c.kind, c.unsure = text, true
	case media == "application/pkcs7-mime" || media == "application/x-pkcs7-mime":
		c.kind = p.pkcs7Kind()
	case strings.HasPrefix(media, "multipart/"):
		c.multipart(media, p)
	case strings.Contains(media, "pkcs7") && !strings.Contains(media, "signature"): // a misspelt S/MIME
		c.kind, c.unsure = cms, true
	case strings.Contains(media, "pgp-encrypted"):
		c.kind = unclear
	default:
		c.octets = media == "application/octet-stream"
		c.file = strings.HasPrefix(media, "application/") || strings.HasSuffix(media, "/octet-stream")
	}
}

// multipart sets which multipart it is: structure that is in doubt leaves
// everything in doubt.
func (c *content) multipart(media string, p *counted) {
	boundary := strings.TrimRight(p.boundary.value, " \t")
	if c.unsure || p.broken || p.boundary.torn || !clearBoundary(boundary) || len(p.boundary.also) > maxBoundary {
		c.kind = doubtful
		return
	}
	// Not the whole field with them.
	c.kind, c.boundary, c.also = multipart, strings.Clone(boundary), strings.Clone(p.boundary.also)
	c.digest = media == "multipart/digest"
	if media == "multipart/encrypted" { // RFC 3156 section 4
		switch {
		case p.protocol.torn:
			c.kind = doubtful
		case p.protocol.value == "application/pgp-encrypted":
			c.kind = pgp
		default: // encrypted somehow
			c.unsure = true
		}
	}
}

// clearBoundary reports whether all readers look for the same delimiter: some
// trim blanks, take off angle brackets or single quotes, or decode words.
func clearBoundary(b string) bool {
	if b == "" || len(b) > maxBoundary || b[0] == ' ' {
		return false
	}
	if first, last := b[0], b[len(b)-1]; first == '<' && last == '>' || first == '\'' && last == '\'' {
		return false
	}
	for i := range len(b) {
		if b[i] < ' ' || b[i] > '~' {
			return false
		}
	}
	_, word, begins := strings.Cut(b, "=?")
	return !begins || !strings.Contains(word, "?=")
}

// pkcs7Kind follows RFC 8551 section 3.2.2. Where the parameter does not tell, the
// content does.
func (c *counted) pkcs7Kind() kind {
	if c.broken || c.smimeType.torn {
		return cms
	}
	switch c.smimeType.value {
	case "enveloped-data", "authenveloped-data":
		return smime
	case "signed-data", "signed-receipt", "certs-only", "compressed-data":
		return inClear
	}
	return cms
}
