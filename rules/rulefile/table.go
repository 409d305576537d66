package rulefile

import (
	"net/url"
	"strings"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// reply reads [reply].
func (l *loader) reply(t *tomlfile.Table) {
	r := tomlfile.Read(t, "[reply] ", &l.found)
	if s, pos, ok := r.String("url"); ok {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(s) > 200 || !printableASCII(s) || strings.Contains(s, " ") {
			r.Errorf(pos, "", "url must be a web address of at most 200 ASCII characters, not %q", s)
		}
		l.config.URL = s
	}
	l.template(r, "plaintext", &l.config.Replies.Plaintext)
	l.template(r, "weak", &l.config.Replies.Weak)
	l.template(r, "certificate", &l.config.Replies.Certificate)
	l.template(r, "unknown", &l.config.Replies.Unknown)
	r.Done()
}

// template reads a reply text. It comes after url.
func (l *loader) template(r *tomlfile.Reader, key string, to **rules.Template) {
	s, pos, ok := r.String(key)
	if !ok {
		return
	}
	t, err := rules.ParseTemplate(s)
	if err != nil {
		r.Errorf(pos, "", "%s: %v", key, err)
	} else if t.Uses("url") && l.config.URL == "" {
		r.Errorf(pos, "set url in [reply]", "%s uses {url}, and no url is set", key)
	}
	*to = t
}

// delimiters reads the characters that part address extensions.
func (l *loader) delimiters(r *tomlfile.Reader) {
	s, pos, ok := r.String("recipient_delimiter")
	switch {
	case !ok:
		return
	case l.delimiterAt.Line != 0:
		r.Errorf(pos, "", "recipient_delimiter stands at %s:%d already", l.delimiterAt.File, l.delimiterAt.Line)
	case strings.Trim(s, "!#$%&'*+-./=?^_`{|}~") != "":
		r.Errorf(pos, "as in Postfix's main.cf; \"\" is for addresses without extensions", "recipient_delimiter must be characters such as \"+\" that part an address extension from the name, not %q", s)
	}
	l.delimiterAt, l.config.Delimiters = pos, rules.Known(s)
}

// newSet returns an empty set for a use.
func (l *loader) newSet(use setOf) *rules.Set {
	s := rules.NewSet(use.kind)
	if use.field != nil {
		s = use.field.NewSet()
	}
	s.SetZone(l.zone)
	if d, ok := l.config.Delimiters.Get(); ok {
		s.SetDelimiters(d)
	}
	return s
}

func printableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// tag reads [tag].
func (l *loader) tag(t *tomlfile.Table) {
	r := tomlfile.Read(t, "[tag] ", &l.found)
	if s, pos, ok := r.String("header"); ok {
		if why := badHeader(s); why != "" {
			r.Errorf(pos, "use a name that is yours, such as X-TLS-Policy", "header %q %s", s, why)
		}
		l.config.Header = s
	}
	if s, pos, ok := r.String("on"); ok {
		switch s {
		case "tagged":
		case "all":
			l.config.StampAll = true
		default:
			r.Errorf(pos, tomlfile.DidYouMean(s, []string{"tagged", "all"}), "on must be tagged or all, not %q", s)
		}
	}
	l.authservID(r)
	r.Done()
}

// taken are header fields that others write and read: copies of the tag header
// that come from outside are removed, so it must not be one of them.
var taken = []string{
	"arc-authentication-results", "arc-message-signature", "arc-seal", "authentication-results", "bcc", "cc",
	"comments", "content-transfer-encoding", "content-type", "date", "delivered-to", "dkim-signature", "from",
	"in-reply-to", "keywords", "list-id", "list-unsubscribe", "message-id", "mime-version", "received",
	"received-spf", "references", "reply-to", "resent-from", "return-path", "sender", "subject", "tls-required", "to",
}

// badHeader says why a name cannot be that of the tag header, "" if it can. The
// form is that of RFC 5322 section 3.6.8, the length that of a short line.
func badHeader(name string) string {
	if name == "" || len(name) > 64 {
		return "must have 1 to 64 characters"
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c > '~' || c == ':' {
			return "is not a valid header field name: letters, digits and hyphens"
		}
	}
	for _, t := range taken {
		if strings.EqualFold(t, name) {
			return "belongs to others, and copies from outside would be removed"
		}
	}
	return ""
}
