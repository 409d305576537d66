package milter

// data answers DATA, for which the library has no callback. It is the last that
// Postfix lets milters hear of a message under smtpd_proxy_filter, and is then
// where the recipients that wait are decided, with nothing more to come.
func (s *session) data(macros packet) reply {
	if !s.judged || !s.proxied(macros) {
		return proceed
	}
	if r := s.settle(); r != proceed {
		return r
	}
	msg := &s.message
	msg.waiting = nil
	if msg.hold != "" {
		return cannotHold
	}
	if msg.stamp != "" {
		s.server.log.once(warnProxied, "milter: Postfix does not let milters add headers to what goes through smtpd_proxy_filter; mail is not tagged")
	}
	return proceed
}

// proxied says whether the message will go through smtpd_proxy_filter: Postfix
// then has no queue file for it, and so no queue id, which it else has at DATA.
// That j is there shows that the macros are those that we asked for.
func (s *session) proxied(macros packet) bool {
	return s.mta == mtaPostfix && macros.get("i") == "" && (macros.get("j") != "" || !s.listed())
}
