package rules

import (
	"strings"

	"tlswarden/internal/mailaddr"
)

// Reply is an SMTP reply: the reply code (RFC 5321 section 4.2), the enhanced
// status code (RFC 3463) and a text of one line.
type Reply struct {
	Code   int
	Status string
	Text   string
}

// String renders the reply as the client sees it.
func (r Reply) String() string { return itoa(r.Code) + " " + r.Status + " " + r.Text }

// The default codes.
const (
	codePlaintext      = 530 // RFC 3207 section 4
	codePlaintextDefer = 450
	codeWeak           = 554 // RFC 3207 section 4.1
	codeWeakDefer      = 451
)

// Reply renders the answer to the client of a verdict to defer or reject. The
// id is what {id} stands for.
func (p *Policy) Reply(v *Verdict, s *Session, id string) Reply {
	code, status := v.codes(s)
	t := p.template(v, s)
	if t == nil {
		return Reply{Code: code, Status: status, Text: printable(v.text(s), maxDefault)}
	}
	text := t.fill(func(name string) string { return p.placeholder(name, v, s, id) })
	return Reply{Code: code, Status: status, Text: printable(text, MaxReply)}
}

// codes gives reply code and status: those of the rule, or those of the kind of
// shortfall. A verdict to defer uses the rule's only if they are of class 4, and else
// their counterparts; one to reject only if they are of class 5.
func (v *Verdict) codes(s *Session) (int, string) {
	code, status := 0, ""
	if v.Rule != nil {
		code, status = v.Rule.Code, v.Rule.Status
	}
	if v.Action == Reject && code < 500 {
		code = 0
	}
	if v.Action == Reject && status != "" && status[0] != '5' {
		status = ""
	}
	if code == 0 {
		code = codeWeak
		if used, known := s.tls.used.Get(); known && !used {
			code = codePlaintext
		}
		if status != "" && status[0] == '4' {
			code = deferCode(code)
		}
	}
	if status == "" {
		status = itoa(code/100) + ".7.0"
	}
	if v.Action == Defer && code >= 500 {
		code = deferCode(code)
	}
	if v.Action == Defer {
		status = "4" + status[1:]
	}
	return code, status
}

// deferCode is the transient counterpart of a permanent reply code.
func deferCode(code int) int {
	switch code {
	case codePlaintext:
		return codePlaintextDefer
	case codeWeak:
		return codeWeakDefer
	}
	return codePlaintextDefer
}

// text is the default text: what was seen, then what is needed.
func (v *Verdict) text(s *Session) string {
	if v.Rule == nil || v.Rule.Require == nil {
		return "refused by the encryption policy of this site; seen: " + s.Seen()
	}
	short := v.Shortfall(s)
	if short == "" { // a condition of the rule cannot be told, and its on_unknown was done
		return "it cannot be told now what this mail needs; seen: " + s.Seen() + "; try again later"
	}
	text := short + "; this mail needs " + v.Rule.Require.Required()
	if used, known := s.tls.used.Get(); known && !used {
		text += ", use STARTTLS"
	}
	return text
}

func (p *Policy) placeholder(name string, v *Verdict, s *Session, id string) string {
	switch name {
	case "shortfall":
		if short := v.Shortfall(s); short != "" {
			return short
		}
		return s.Seen()
	case "seen":
		return s.Seen()
	case "required":
		if v.Rule.Require != nil {
			return v.Rule.Require.Required()
		}
		return "another kind of session"
	case "rule":
		return v.Rule.Name
	case "id":
		return id
	case "url":
		return p.url
	case "client":
		if a, ok := s.Client.Get(); ok && a.IsValid() {
			return a.String()
		}
		return "unknown"
	}
	if s.sender.misspelt() { // it is only shown
		_, domain := mailaddr.Split(s.sender.Written)
		return shown(Known(domain), "unknown")
	}
	return shown(s.sender.domain, "<>")
}

// maxStamp bounds a rule's own text in the tag header.
const maxStamp = 200

// Stamp renders the value of the tag header for mail that is let through or
// quarantined, "" if it gets none: pass or fail, what was seen, and a rule's own
// text. It names no rule and no recipient, for a header must not betray a Bcc.
func (p *Policy) Stamp(v *Verdict, s *Session) string {
	if v.Action > Quarantine || !v.Judged() || !v.Tagged && !p.stampAll || !p.Stamps() {
		return ""
	}
	var b strings.Builder
	b.WriteString("pass; ")
	if v.Action > Accept {
		b.Reset()
		b.WriteString("fail; ")
	}
	b.WriteString(s.stampSeen())
	if v.TagText != "" {
		b.WriteString("; ")
		b.WriteString(printable(v.TagText, maxStamp))
	}
	return b.String()
}

// StampFails says whether a header value that Stamp made says fail.
func StampFails(value string) bool { return strings.HasPrefix(value, "fail") }
