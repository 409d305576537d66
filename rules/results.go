package rules

import "strings"

// results renders the value of an Authentication-Results header (RFC 8601
// section 2.2) for mail that gets the tag header. Its method x-tls is ours, as
// section 2.7.6 lets any receiver have its own:
//
//	x-tls=fail  a rule tagged or quarantined the mail
//	x-tls=none  no rule did, and it is not known to have come encrypted
//	x-tls=pass  no rule did, and it came encrypted
func (p *Policy) results(v *Verdict, s *Session) string {
	if p.authserv == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(p.authserv)
	b.WriteString("; x-tls=")
	used := s.tls.used.Or(false)
	switch {
	case v.Action > Accept:
		b.WriteString("fail")
	case used:
		b.WriteString("pass")
	default:
		b.WriteString("none")
	}
	if used {
		s.tlsProperties(&b)
	}
	return b.String()
}

// tlsProperties writes what is known of the encryption as properties of the SMTP
// session (RFC 8601 section 2.3, ptype "smtp").
func (s *Session) tlsProperties(b *strings.Builder) {
	if v, ok := s.tls.version.Get(); ok {
		b.WriteString(" smtp.version=" + v.String())
	}
	if c := token(s.tls.cipher.Or("")); c != "" {
		b.WriteString(" smtp.cipher=" + c)
	}
	if n, ok := s.tls.Bits.Get(); ok {
		b.WriteString(" smtp.bits=" + itoa(n))
	}
}

// maxToken bounds a value in Authentication-Results.
const maxToken = 64

// token returns a value that needs no quotes there (RFC 2045 section 5.1), and
// "" for one that would. Names of cipher suites need none.
func token(v string) string {
	if len(v) > maxToken {
		return ""
	}
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return ""
		}
	}
	return v
}
