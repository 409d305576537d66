package message

import (
	"mime"
	"strings"
)

const (
	maxField    = 8 << 10 // of a field that describes the content
	maxBoundary = 200     // RFC 2046 section 5.1.1 allows 70
)

// kind is what the header of a message or part makes of its content.
type kind uint8

const (
	opaque    kind = iota // not looked at
	doubtful              // can be read in more than one way
	smime                 // encrypted, by its header alone
	pgp                   // the same
	multipart             // has parts
	text                  // encrypted if it begins with a PGP message
	cms                   // encrypted if the CMS content type says so
)

// entity is a message or part, as its header describes it.
type entity struct {
	kind     kind
	encoding string // of text and cms, in lower case
	boundary string // of a multipart
	digest   bool   // a multipart/digest
}

// fields are the fields of a header that describe the content.
type fields struct {
	contentType, encoding string
	types, encodings      int
}

func (*fields) wants(name string) bool {
	return strings.EqualFold(name, "Content-Type") || strings.EqualFold(name, "Content-Transfer-Encoding")
}

// add takes a field that wants names.
func (f *fields) add(name, value string) {
	value = strings.TrimSpace(unfold(value))
	if len(name) == len("Content-Type") {
		f.types++
		f.contentType = value
	} else {
		f.encodings++
		f.encoding = value
	}
}

// unfold joins the lines of a field (RFC 5322 section 2.2.3).
func unfold(value string) string {
	if !strings.ContainsAny(value, "\r\n") {
		return value
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(value)
}

// entity says what the fields describe, in a multipart or, if within is nil, of
// the message. A part of a multipart/digest without a type is a message (RFC 2046
// section 5.1.5).
func (f *fields) entity(within *entity) entity {
	switch {
	case f.types > 1 || f.encodings > 1 || max(len(f.contentType), len(f.encoding)) > maxField:
		return entity{kind: doubtful}
	case f.types == 0 && within != nil && within.digest:
		return entity{}
	}
	var e entity
	media, params, err := mime.ParseMediaType(f.contentType)
	if err != nil {
		media, _, _ = strings.Cut(f.contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	switch {
	case media == "" || media == "text/plain": // RFC 2045 section 5.2
		e.kind, e.encoding = text, strings.ToLower(f.encoding)
	case media == "application/pgp-encrypted" && within != nil: // what is encrypted stands beside it
		e.kind = pgp
	case strings.HasPrefix(media, "multipart/"):
		e.kind, e.boundary = multipartKind(media, params)
		e.digest = media == "multipart/digest"
	case isPKCS7(media, err != nil):
		e.kind, e.encoding = pkcs7Kind(params, err), strings.ToLower(f.encoding)
	}
	return e
}

// isPKCS7 takes what cannot be parsed for it as soon as it begins like it.
func isPKCS7(media string, broken bool) bool {
	for _, name := range []string{"application/pkcs7-mime", "application/x-pkcs7-mime"} {
		if media == name || broken && strings.HasPrefix(media, name) {
			return true
		}
	}
	return false
}

// multipartKind has no parameters to look at if they could not be parsed.
func multipartKind(media string, params map[string]string) (kind, string) {
	boundary := strings.TrimRight(params["boundary"], " \t")
	switch {
	case boundary == "" || len(boundary) > maxBoundary:
		return doubtful, ""
	case media == "multipart/encrypted" && strings.EqualFold(params["protocol"], "application/pgp-encrypted"):
		return pgp, "" // RFC 3156 section 4
	}
	return multipart, strings.Clone(boundary) // not the whole field with it
}

// pkcs7Kind follows RFC 8551 section 3.2.2.
func pkcs7Kind(params map[string]string, err error) kind {
	if err != nil {
		return doubtful
	}
	switch strings.ToLower(params["smime-type"]) {
	case "":
		return cms
	case "enveloped-data", "authenveloped-data":
		return smime
	}
	return opaque
}
