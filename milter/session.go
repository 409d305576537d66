package milter

import (
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/emersion/go-milter"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/message"
	"tlswarden/rules"
)

// session is one connection's state, and what the library calls at each event.
// Its handlers never fail.
//
// What is said of the connection (CONNECT, HELO, macros) stays until it is said
// anew; what is said of a message is forgotten at the next MAIL, not at an
// abort: Postfix sends SMFIC_ABORT after each message and, for an EHLO within a
// session, after the HELO event, Sendmail none after a message.
type session struct {
	server *Server
	conn   *conn
	reads  mailaddr.Server // how the MTA reads addresses
	gate   guard
	policy *rules.Policy // of the mail transaction, nil if there is none
	header string        // name of the tag header, "" if the policy never stamps
	ownID  string        // whose Authentication-Results are forged, "" if nobody's
	wants  message.Wants // of a message
	terms  terms         // agreed; nothing is granted without negotiation
	event  []byte        // content of the command that the library handles
	macros memory

	facts         rules.Session
	mta           mta
	noID          string // what stands for a queue id where there is none, "" for nothing
	simulated     bool   // the session is Postfix's own make-believe, see simulated
	port          port   // that it is noted at, zero if at none
	whole         bool   // a HELO, had there been one, would be known, see connected
	inTransaction bool   // between MAIL and the end of its message
	judged        bool   // and the gate knows of it
	message       delivery
}

func newSession(s *Server, c *conn) *session { return &session{server: s, conn: c} }

func (s *session) open() { s.gate = openGate(s.server.config.Gate, s.server.log) }

// follow takes the policy of the mail transaction that begins. After a reload it may
// be another one than the connection was negotiated with.
func (s *session) follow() {
	s.policy = s.gate.policy()
	s.wants, s.header, s.ownID = message.Wants{}, "", ""
	if s.policy == nil {
		return
	}
	s.wants, _ = messageWants(s.policy)
	if s.policy.Stamps() {
		s.header, s.ownID = s.policy.Header(), s.policy.AuthservID()
	}
}

func (s *session) close() {
	s.noteUnjudged()
	if s.port != (port{}) {
		s.server.ports.leave(s.port, time.Now())
	}
	s.gate.close()
}

// intercept looks at a frame before the library does, and says whether the
// library is to have it.
func (s *session) intercept(payload []byte) (pass bool, err error) {
	command, content := payload[0], payload[1:]
	switch command {
	case cmdMacro:
		s.macros.put(content)
		return false, nil
	case cmdHeader:
		s.field(content)
		if s.terms.protocol&milter.OptNoHeaderReply == 0 {
			s.conn.answer(proceed)
		}
		return false, nil
	case cmdBody:
		s.conn.answer(s.chunk(content))
		return false, nil
	case cmdData: // for which the library has no callback
		s.conn.answer(s.data(s.macros.event(atData)))
		return false, nil
	case cmdUnknown:
		s.conn.answer(proceed)
		return false, nil
	case cmdQuitNC: // another SMTP session follows on this connection
		s.forget(stages)
		return false, nil
	case cmdNegotiate:
		offer, ok := parseTerms(content)
		if !ok {
			return false, fault("negotiation of less than 12 bytes")
		}
		s.terms = wanted(s.gate.policy()).within(offer)
	case cmdConnect:
		if _, ok := parseConnect(content); !ok {
			return false, fault("CONNECT is malformed")
		}
	case cmdHelo, cmdMail, cmdRcpt, cmdEOH, cmdEnd, cmdAbort, cmdQuit:
	default:
		return false, fault(fmt.Sprintf("unknown command %q", command))
	}
	s.event = content
	return true, nil
}

// forget makes the session one of which nothing is known but the macros of the
// event to come.
func (s *session) forget(next stage) {
	s.endTransaction("")
	if s.port != (port{}) {
		s.server.ports.free(s.port)
		s.port = port{}
	}
	s.facts = rules.Session{}
	s.macros.forget(next)
	s.mta, s.simulated, s.whole, s.noID = mtaUnknown, false, false, ""
}

// endTransaction ends what begin began, if that is not over yet.
func (s *session) endTransaction(queueID string) {
	s.noteUnjudged()
	if s.judged {
		s.gate.end(queueID)
	}
	s.inTransaction, s.judged = false, false
	s.policy = nil
	s.message = delivery{}
	s.conn.frames.release()
}

// noteUnjudged has it recorded if recipients waited for the end of a message that
// went on after them and did not come to it.
func (s *session) noteUnjudged() {
	if s.message.begun && len(s.message.waiting) > 0 {
		s.facts.ForgetRecipient()
		s.gate.unjudged(&s.facts, s.ref())
	}
}

// answer replies to an event. The library gets no response of its own to send:
// after some it would make a new session, which had forgotten TLS and HELO for
// the next message, and for each it makes a buffer of 4 KiB.
func (s *session) answer(r reply) (milter.Response, error) {
	s.conn.answer(r)
	return nil, nil
}

// Connect is called when an SMTP session begins.
func (s *session) Connect(string, string, uint16, net.IP, *milter.Modifier) (milter.Response, error) {
	defer s.conn.survive("CONNECT")
	s.forget(atConnect)
	if c, ok := parseConnect(s.event); ok {
		s.connected(c, s.macros.event(atConnect).parse())
	}
	return s.answer(proceed)
}

// Helo is called at EHLO and HELO. The first one of a session comes before
// STARTTLS, so nothing is decided here: a rejection would refuse STARTTLS, too.
func (s *session) Helo(string, *milter.Modifier) (milter.Response, error) {
	defer s.conn.survive("HELO")
	s.macros.event(atHelo)
	s.endTransaction("") // RFC 5321 section 4.1.4
	name, _ := cString(s.event)
	s.facts.Helo = rules.Known(string(name))
	return s.answer(proceed)
}

// MailFrom is called at MAIL.
func (s *session) MailFrom(string, *milter.Modifier) (milter.Response, error) {
	defer s.conn.survive("MAIL")
	s.begin()
	if !s.simulated {
		s.mail(string(s.event), s.macros.event(atMail).parse())
		s.judge()
	}
	return s.answer(proceed)
}

// begin starts a mail transaction.
func (s *session) begin() {
	s.endTransaction("")
	s.inTransaction = true
	for _, st := range [...]stage{atRcpt, atData, atEnd} {
		s.macros.packets[st] = ""
	}
	s.facts.ForgetEnvelope()
}

// judge lets the gate know of the transaction.
func (s *session) judge() {
	s.judged = true
	s.facts.SetHost(s.host())
	s.gate.begin(&s.facts)
	s.follow()
}

// RcptTo is called at RCPT, for recipients that the MTA itself takes.
func (s *session) RcptTo(string, *milter.Modifier) (milter.Response, error) {
	defer s.conn.survive("RCPT")
	macros := s.macros.event(atRcpt)
	begun := s.inTransaction
	if !begun { // no MTA does that: of the sender nothing is known
		s.begin()
	}
	if s.simulated {
		return s.answer(proceed)
	}
	if !begun {
		s.judge()
	}
	path, _ := cString(s.event)
	return s.answer(s.recipient(s.address(string(path), macros.get("{rcpt_addr}"))))
}

// Body is called at the end of the message.
func (s *session) Body(m *milter.Modifier) (milter.Response, error) {
	defer s.conn.survive("end of message")
	s.macros.event(atEnd)
	r := proceed
	if s.judged {
		s.understand()
		if r = s.settle(); r == proceed {
			r = s.carryOut(m)
		}
	}
	s.endTransaction(s.queueID())
	return s.answer(r)
}

// Abort is called when a message is given up, or an SMTP session begins anew.
func (s *session) Abort(*milter.Modifier) error {
	defer s.conn.survive("abort")
	s.endTransaction("")
	return nil
}

// Header is not called, see intercept.
func (s *session) Header(string, string, *milter.Modifier) (milter.Response, error) {
	return s.answer(proceed)
}

// Headers has nothing to do.
func (s *session) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return s.answer(proceed)
}

// BodyChunk is not called, see intercept.
func (s *session) BodyChunk([]byte, *milter.Modifier) (milter.Response, error) {
	return s.answer(proceed)
}

var _ milter.Milter = (*session)(nil)
