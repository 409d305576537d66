package milter

import (
	"strconv"
	"strings"

	"tlswarden/rules"
)

// mail sets the facts of MAIL: the reverse-path, its ESMTP parameters, and what
// the macros say of login and TLS.
func (s *session) mail(content string, m macros) {
	path, params, _ := strings.Cut(content, "\x00")
	s.facts.SetSenderAddress(s.address(path, m.mailAddr))
	s.parameters(params)
	honoured := s.honoured(m)
	s.login(m, honoured)
	s.encryption(m, honoured)
	s.hello(honoured)
}

// hello sets the name of HELO where it is known that there is none: the client
// never gave it, or gave it before STARTTLS, and then the MTA forgot it (RFC 3207
// section 4.2).
func (s *session) hello(honoured bool) {
	f := &s.facts
	before := honoured && f.TLSUsed().Or(false) && s.macros.packets[atHelo].get("{tls_version}") == ""
	if f.Helo.Known() && before || !f.Helo.Known() && s.whole {
		f.Helo = rules.Known("")
	}
}

// parameters reads the ESMTP parameters of MAIL, each ended by a NUL.
func (s *session) parameters(params string) {
	f := &s.facts
	f.RequireTLS = rules.Known(false)
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, "\x00")
		key, value, _ := strings.Cut(p, "=")
		switch {
		case strings.EqualFold(key, "SIZE"): // RFC 1870 section 3
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
				f.Size = rules.Known(n)
			}
		case strings.EqualFold(key, "REQUIRETLS"): // RFC 8689 section 2
			f.RequireTLS = rules.Known(true)
		}
	}
}

// honoured says whether the macros of MAIL are those that we asked for, so that
// what is missing is known to be so.
func (s *session) honoured(m macros) bool {
	return s.listed() && m.hostName != ""
}

// login sets who logged in. Both MTAs have the macros in their own list for
// MAIL, which {mail_addr} and its like show to be in use.
func (s *session) login(m macros, honoured bool) {
	f := &s.facts
	f.Authenticated, f.SASLMethod, f.SASLUser = rules.Fact[bool]{}, rules.Fact[string]{}, rules.Fact[string]{}
	switch {
	case m.authType != "" || m.authAuthen != "":
		f.Authenticated = rules.Known(true)
		if m.authType != "" {
			f.SASLMethod = rules.Known(m.authType)
		}
		if m.authAuthen != "" {
			f.SASLUser = rules.Known(s.decoded(m.authAuthen))
		}
	case honoured || m.mailAddr != "" || m.mailHost != "" || m.mailMailer != "":
		f.Authenticated = rules.Known(false)
		f.SASLMethod, f.SASLUser = rules.Known(""), rules.Known("")
	}
}

// decoded undoes the encoding in which Sendmail, and only it, sends names.
func (s *session) decoded(value string) string {
	if s.mta == mtaSendmail || s.mta == mtaSilent {
		return xtext(value)
	}
	return value
}

// xtext decodes RFC 3461 section 4. What is not of its form stays as it is.
func xtext(s string) string {
	if strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '+' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
			b = append(b, byte(hex(s[i+1])<<4|hex(s[i+2])))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hex is the value of a digit of xtext, -1 if it is none.
func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// maxQueueID bounds what is taken for a queue id.
const maxQueueID = 64

// queueID is the MTA's name of the message. Postfix has it from the second
// recipient on, Sendmail from MAIL on.
func (s *session) queueID() string {
	for _, st := range [...]stage{atEnd, atData, atRcpt, atMail} {
		if id := s.macros.packets[st].get("i"); id != "" && id != s.noID {
			return printable(id, maxQueueID)
		}
	}
	return ""
}

// hostName is the MTA's own name.
func (s *session) hostName() string {
	for _, st := range [...]stage{atMail, atConnect} {
		if name := s.macros.packets[st].get("j"); name != "" {
			return name
		}
	}
	return ""
}

// ref is how the MTA's log names the message, "" if that is not known yet.
func (s *session) ref() string {
	if id := s.queueID(); id != "" {
		return "queue_id=" + id
	}
	return ""
}
