package policyd

import (
	"strconv"

	"tlswarden/rules"
)

// dunno lets Postfix go on with its next restriction (access(5), DUNNO).
const dunno = "DUNNO"

// failed is the answer without a verdict: Postfix defers the mail unless
// something else rejects it (access(5), DEFER_IF_PERMIT).
const failed = "DEFER_IF_PERMIT 4.3.0 TLS policy could not be evaluated, try again later"

// cannotHold is the answer for mail that is to be quarantined where Postfix ignores
// HOLD (smtpd_proxy_filter), and would deliver it.
const cannotHold = "451 4.3.5 This message should be quarantined, but this mail server cannot do that; try again later"

// maxReply bounds the line of a reply, its LF not counted. Postfix cuts replies
// to its clients at 512 octets with CR LF (RFC 5321 section 4.5.3.1.5).
const maxReply = 510

const replyPrefix = "action="

// appendReply appends the whole reply for an action: one attribute and an empty
// line, with LF alone (SMTPD_POLICY_README).
func appendReply(b []byte, action string) []byte {
	b = append(b, replyPrefix...)
	b = append(b, action...)
	return append(b, "\n\n"...)
}

// line makes an action of a keyword, which may hold an SMTP reply code, and its
// text: one line of printable ASCII, bounded, and never without text, for a
// code alone would permit the mail (access(5), all-numerical).
func line(keyword, text, otherwise string) string {
	b := make([]byte, 0, len(keyword)+1+len(text))
	b = append(b, keyword...)
	b = append(b, ' ')
	bare := len(b)
	b = appendPrintable(b, text)
	if len(b) == bare {
		b = append(b, otherwise...)
	}
	return string(b[:min(len(b), maxReply-len(replyPrefix))])
}

// appendPrintable appends text without blanks around it, and "?" for each byte
// that is not printable ASCII.
func appendPrintable(b []byte, text string) []byte {
	bare := len(b)
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c > '~' {
			c = '?'
		}
		if c != ' ' || len(b) > bare {
			b = append(b, c)
		}
	}
	for len(b) > bare && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// refusal is the action for a verdict to defer or reject: "CODE STATUS text"
// (access(5), 4NN and 5NN). The class of code and status is that of the verdict.
func refusal(a rules.Action, r rules.Reply) string {
	class, code := byte('5'), 554
	if a == rules.Defer {
		class, code = '4', 450
	}
	if r.Code/100 == int(class-'0') {
		code = r.Code
	}
	status := r.Status
	if !isStatus(status) || status[0] != class {
		status = string(class) + ".7.0"
	}
	return line(strconv.Itoa(code)+" "+status, r.Text, "refused by the encryption policy of this site")
}

// isStatus checks the form of an enhanced status code (RFC 3463 section 2).
func isStatus(s string) bool {
	dots, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9' && digits < 3:
			digits++
		case c == '.' && digits > 0:
			dots, digits = dots+1, 0
		default:
			return false
		}
	}
	return dots == 2 && digits > 0
}

// maxReason bounds the reason in the text of a HOLD, so that the id fits.
const maxReason = 200

// hold is the action for a verdict to quarantine. Its text goes to Postfix's
// log (access(5), HOLD).
func hold(d *rules.Decision, s *rules.Session) string {
	reason := d.Shortfall(s)
	if reason == "" {
		reason = "rule " + d.RuleName()
	}
	reason = reason[:min(len(reason), maxReason)]
	return line("HOLD", "tlswarden: "+reason+", id="+d.ID, "")
}

// prepend is the action that adds a header (access(5), PREPEND).
func prepend(header, value string) string {
	return line("PREPEND", header+": "+value, "")
}
