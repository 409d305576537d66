package milter

import (
	"strconv"
	"strings"

	"tlswarden/rules"
)

// reply is an answer to an event: the command byte and its content.
type reply string

// The replies that do not depend on a verdict.
const (
	proceed = reply(actContinue)

	// skip is proceed, and that no more of the body is needed.
	skip = reply(actSkip)

	// apart separates recipients that cannot share a message, as RFC 5321
	// section 4.5.3.1.10 has it of too many recipients.
	apart = reply(string(actReplyCode) + "452 4.5.3 This recipient needs a copy of the message of its own, send it separately\x00")

	// tooManyCopies refuses a message with more forged tag headers than are removed.
	tooManyCopies = reply(string(actReplyCode) + "554 5.6.0 The message has too many header fields of one name\x00")

	// cannotHold keeps mail that is to be quarantined from slipping through.
	cannotHold = reply(string(actReplyCode) + "451 4.3.5 This message should be quarantined, but this mail server cannot do that; try again later\x00")
)

// softly is a fixed reply as the policy has it enforced: where that is soft, what
// would refuse for good delays.
func (s *session) softly(r reply) reply {
	const bounce, delay = "554 5", "451 4"
	if s.policy == nil || s.policy.Enforce() != rules.EnforceSoft {
		return r
	}
	return reply(strings.Replace(string(r), bounce, delay, 1))
}

// failure is the decision where no verdict could be made and mail waits.
func failure() rules.Decision {
	return rules.Decision{
		Verdict: rules.Verdict{Action: rules.Defer},
		Reply:   rules.Reply{Code: 451, Status: "4.3.0", Text: "TLS policy could not be evaluated, try again later"},
	}
}

// maxText bounds the text of a reply (RFC 5321 section 4.5.3.1.5, and what the
// MTAs take).
const maxText = rules.MaxReply

// refusal renders an SMTP reply as SMFIR_REPLYCODE: one line, ended by exactly
// one NUL. Percent signs are doubled, for Sendmail takes the text as a format
// and Postfix undoes it.
func refusal(r rules.Reply) reply {
	if !sound(r) {
		r = failure().Reply
	}
	text := strings.ReplaceAll(printable(r.Text, maxText), "%", "%%")
	return reply(string(actReplyCode) + strconv.Itoa(r.Code) + " " + r.Status + " " + text + "\x00")
}

// sound says whether an MTA will take a reply: code and status of one class, 4
// or 5 (RFC 3463 section 2). At any other Postfix gives the milter up.
func sound(r rules.Reply) bool {
	class, rest, _ := strings.Cut(r.Status, ".")
	subject, detail, ok := strings.Cut(rest, ".")
	return r.Code >= 400 && r.Code <= 599 && class == strconv.Itoa(r.Code/100) && ok && digits(subject) && digits(detail)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 3
}

// printable makes a text fit for one line of SMTP or of a header: bytes that
// are not printable ASCII become "?", and it is cut to a length.
func printable(s string, limit int) string {
	b := []byte(s[:min(len(s), limit)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
