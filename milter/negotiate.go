package milter

import (
	"encoding/binary"
	"strings"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// Commands of the MTA and replies of ours, by the names of libmilter's mfdef.h.
const (
	cmdAbort     = 'A' // SMFIC_ABORT
	cmdBody      = 'B' // SMFIC_BODY
	cmdConnect   = 'C' // SMFIC_CONNECT
	cmdMacro     = 'D' // SMFIC_MACRO
	cmdEnd       = 'E' // SMFIC_BODYEOB
	cmdHelo      = 'H' // SMFIC_HELO
	cmdQuitNC    = 'K' // SMFIC_QUIT_NC
	cmdHeader    = 'L' // SMFIC_HEADER
	cmdMail      = 'M' // SMFIC_MAIL
	cmdEOH       = 'N' // SMFIC_EOH
	cmdNegotiate = 'O' // SMFIC_OPTNEG, and its reply
	cmdQuit      = 'Q' // SMFIC_QUIT
	cmdRcpt      = 'R' // SMFIC_RCPT
	cmdData      = 'T' // SMFIC_DATA
	cmdUnknown   = 'U' // SMFIC_UNKNOWN

	actContinue     = 'c' // SMFIR_CONTINUE
	actReplyCode    = 'y' // SMFIR_REPLYCODE
	actSkip         = 's' // SMFIR_SKIP
	actQuarantine   = 'q' // SMFIR_QUARANTINE
	actInsertHeader = 'i' // SMFIR_INSHEADER
	actChangeHeader = 'm' // SMFIR_CHGHEADER
)

// protocolVersion is the newest version of the milter protocol. The library
// says 2, under which Postfix and Sendmail would keep DATA and unknown commands
// to themselves; we say what we mean.
const protocolVersion = 6

// terms are what a milter and an MTA agree upon: the MTA offers, the milter
// answers with a part of it.
type terms struct {
	version  uint32
	actions  milter.OptAction
	protocol milter.OptProtocol
}

// termsSize is the size of terms in a frame.
const termsSize = 12

// wanted is what a policy needs. Headers are asked for only where some must be
// removed or a rule looks at them, for they double the traffic; the body only
// where a rule looks at it, and it can be cut short (SMFIP_SKIP); DATA where it
// may be the last that is heard of a message with which more is to be done.
func wanted(p *rules.Policy) terms {
	t := terms{
		version: protocolVersion,
		actions: milter.OptAddHeader | milter.OptSetSymList,
		protocol: milter.OptNoBody | milter.OptNoEOH | milter.OptNoData | milter.OptNoUnknown |
			milter.OptNoHeaders,
	}
	if p == nil {
		return t
	}
	wants, scans := messageWants(p)
	if p.Stamps() {
		t.actions |= milter.OptChangeHeader
	}
	if scans || p.Quarantines() {
		t.protocol &^= milter.OptNoData
	}
	if p.Stamps() || scans {
		t.protocol = t.protocol&^milter.OptNoHeaders | milter.OptNoHeaderReply
	}
	if wants.Encrypted {
		t.protocol = t.protocol&^milter.OptNoBody | milter.OptSkip
	}
	if p.Quarantines() {
		t.actions |= milter.OptQuarantine
	}
	return t
}

// within cuts terms down to an offer. Sendmail drops a milter that asks for
// more than was offered.
func (t terms) within(offer terms) terms {
	return terms{
		version:  min(t.version, offer.version),
		actions:  t.actions & offer.actions,
		protocol: t.protocol & offer.protocol,
	}
}

// parseTerms reads the content of a negotiation frame.
func parseTerms(payload []byte) (terms, bool) {
	if len(payload) < termsSize {
		return terms{}, false
	}
	return terms{
		version:  binary.BigEndian.Uint32(payload),
		actions:  milter.OptAction(binary.BigEndian.Uint32(payload[4:])),
		protocol: milter.OptProtocol(binary.BigEndian.Uint32(payload[8:])),
	}, true
}

// putTerms writes them over the start of a negotiation frame's content.
func (t terms) put(payload []byte) {
	binary.BigEndian.PutUint32(payload, t.version)
	binary.BigEndian.PutUint32(payload[4:], uint32(t.actions))
	binary.BigEndian.PutUint32(payload[8:], uint32(t.protocol))
}

// clamp rewrites the library's answer to a negotiation, a whole frame, and
// returns it: the library answers what it was configured with, whatever was
// offered. Macro lists are cut off if the MTA would not know them.
func (t terms) clamp(frame []byte) []byte {
	t.put(frame[headSize:])
	if t.actions&milter.OptSetSymList == 0 {
		frame = frame[:headSize+termsSize]
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-lengthSize))
	}
	return frame
}

// tlsMacros tell how the session is encrypted. Postfix and Sendmail send the
// first three and the certificate's by default, but with HELO only; they are
// right at MAIL, too, if a client sends no EHLO after STARTTLS.
const tlsMacros = "{tls_version} {cipher} {cipher_bits} {alg_bits} {verify} {cert_subject} {cert_issuer} {cn_subject} {cn_issuer} {cert_fp} {cert_md5} {tls_sni}"

// macroLists is what we ask for by SMFIF_SETSYMLIST. In the list of MAIL, j is
// the sign that the list was honoured: it always has a value, and it is in
// neither MTA's own list for MAIL, nor for DATA. Lists for end of headers and end of message
// are left alone, for Sendmail 8.17 mixes the two up.
func macroLists() map[milter.Stage][]string {
	return map[milter.Stage][]string{
		milter.StageConnect: strings.Fields("j v _ i {opMode} {daemon_name} {daemon_addr} {daemon_port} {if_addr} " +
			"{client_addr} {client_port} {client_name} {client_ptr} {client_resolve} {client_connections} " +
			"{tls_version} {cipher} {cipher_bits}"),
		milter.StageHelo: strings.Fields(tlsMacros),
		milter.StageMailFrom: strings.Fields("j i {daemon_name} {daemon_port} {client_addr} " +
			"{auth_type} {auth_authen} {auth_author} {auth_ssf} {mail_mailer} {mail_host} {mail_addr} " + tlsMacros),
		milter.StageRcptTo: strings.Fields("i {rcpt_mailer} {rcpt_host} {rcpt_addr}"),
		milter.StageData:   strings.Fields("j i"),
	}
}
