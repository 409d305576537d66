package milter

import "github.com/emersion/go-milter"

// data answers DATA, for which the library has no callback. It is the last that
// Postfix lets milters hear of a message under smtpd_proxy_filter, and is then
// where the recipients that wait are decided, with nothing more to come.
func (s *session) data(macros packet) reply {
	if !s.judged {
		return proceed
	}
	msg := &s.message
	if !s.proxied(macros) {
		msg.begun = true
		return proceed
	}
	if msg.refused != "" { // the same question again
		return msg.refused
	}
	if r := s.settle(); r != proceed {
		msg.refused = r
		return r
	}
	if msg.hold != "" {
		return cannotHold
	}
	if msg.stamp != "" {
		s.server.log.once(warnProxied, "milter: Postfix does not let milters add headers to what goes through smtpd_proxy_filter; mail is not tagged")
	}
	return proceed
}

// proxied reports whether the message will go through smtpd_proxy_filter: Postfix
// then has no queue file for it, and so no queue id, which it else has at DATA.
// That j is there shows that the macros are those that we asked for. No other MTA
// need be told apart: where the id is missing, nothing shows that an end of the
// message will come.
func (s *session) proxied(macros packet) bool {
	return s.queueID() == "" && (macros.get("j") != "" || !s.listed() && s.mta != mtaSendmail)
}

// tellsData is the first version of the protocol in which Postfix tells of DATA.
const tellsData = 4

// hears reports whether another event of each message comes before it is
// delivered: DATA, if it was asked for, or the end, which Sendmail never leaves out, nor Postfix for
// what has a queue id.
func (s *session) hears() bool {
	data := s.terms.version >= tellsData && s.terms.protocol&milter.OptNoData == 0
	if s.mta == mtaSendmail || data || s.queueID() != "" {
		return true
	}
	if p := s.policy; p != nil && (p.Quarantines() || p.Needs()&s.server.later != 0) {
		s.server.log.once(warnNoData, "milter: the MTA does not tell of DATA, so no verdict waits for the message, and mail to be quarantined is deferred; set milter_protocol = 6 in Postfix")
	}
	return false
}
