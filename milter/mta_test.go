package milter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-milter"
)

// The kinds of MTA that a test plays.
const (
	postfix  = "postfix"
	sendmail = "sendmail"
)

// Kinds of client certificates.
const (
	noCert        = ""
	untrustedCert = "untrusted"
	trustedCert   = "trusted"
)

// smtpSession is what an MTA knows of an SMTP session with one message. The
// zero value of a member is what there is without it.
type smtpSession struct {
	mta      string // postfix or sendmail
	ownLists bool   // the MTA has macro lists of its own and takes none from milters
	mailName string // of Postfix, if it is another
	proxied  bool   // smtpd_proxy_filter of Postfix: no queue file, and DATA is the last that milters hear

	client        string // IP address
	clientPort    uint16
	clientName    string // verified host name
	clientReverse string
	serverAddress string
	serverPort    uint16
	helo          string

	tls          bool
	version      string
	cipher       string
	bits         int
	sni          string
	cert         string // noCert, untrustedCert, trustedCert
	certSubject  string // CN
	certDN       string
	certIssuer   string // CN
	certFP       string // fingerprint, by an algorithm that is configured
	certMD5      string // fingerprint, where none is
	noSecondHelo bool   // the client sends no EHLO after STARTTLS
	method, user string // login

	sender     string
	size       int64
	requireTLS bool
	recipients []string
	headers    []string // "Name: value"
	body       []string // in pieces
}

// outcome is what the milter made of a message.
type outcome struct {
	replies []string // to each recipient: "c", or an SMTP reply
	end     string   // to the message, "" if no recipient was left
	changes []string // to the message, as render has them
	pieces  int      // of the body that the milter took
}

// The macro lists of the MTAs themselves: postconf(5), milter_connect_macros
// and so on, and cf/m4/cfhead.m4.
var ownLists = map[string]map[milter.Stage]string{
	postfix: {
		milter.StageConnect:  "j {daemon_name} {daemon_addr} v _",
		milter.StageHelo:     "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
		milter.StageMailFrom: "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
		milter.StageRcptTo:   "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
		milter.StageData:     "i",
		milter.StageEOM:      "i",
	},
	sendmail: {
		milter.StageConnect:  "j _ {daemon_name} {if_name} {if_addr}",
		milter.StageHelo:     "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
		milter.StageMailFrom: "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} {mail_addr}",
		milter.StageRcptTo:   "{rcpt_mailer} {rcpt_host} {rcpt_addr}",
		milter.StageData:     "i",
		milter.StageEOM:      "{msg_id}",
	},
}

// player plays one SMTP session to a milter.
type player struct {
	*wire
	s         smtpSession
	encrypted bool // so far
	queueID   string
}

// play negotiates as the MTA does, plays the session with its message, and
// returns what became of it. The connection stays open.
func (w *wire) play(s smtpSession) outcome {
	w.t.Helper()
	w.negotiate(terms{version: 6, actions: 0x1ff, protocol: 0x1fffff})
	p := &player{wire: w, s: s}
	p.connect()
	return p.message()
}

// connect plays the session up to MAIL: CONNECT, EHLO, STARTTLS, EHLO.
func (p *player) connect() {
	p.t.Helper()
	s := p.s
	if s.mta == sendmail {
		p.queueID = "6AM0xyz"
	}
	a := netip.MustParseAddr(s.client)
	family, text := byte('4'), s.client
	if a.Is6() {
		family = '6'
		if s.mta == sendmail {
			text = "IPv6:" + strings.ToUpper(a.StringExpanded())
		}
	}
	name := s.clientName
	if name == "" {
		name = "unknown"
		if s.mta == sendmail {
			name = "[" + s.client + "]"
		}
	}
	p.event(milter.StageConnect, cmdConnect, name+"\x00"+string([]byte{family, byte(s.clientPort >> 8), byte(s.clientPort)})+text+"\x00")
	p.event(milter.StageHelo, cmdHelo, cstrings(s.helo))
	if !s.tls {
		return
	}
	if s.mta == postfix {
		p.send(cmdAbort, "")
	}
	p.encrypted = true
	if !s.noSecondHelo {
		p.event(milter.StageHelo, cmdHelo, cstrings(s.helo))
	}
}

// message plays a message: MAIL, RCPT, and if a recipient is left, headers and
// end of message.
func (p *player) message() outcome {
	p.t.Helper()
	s := p.s
	args := []string{"<" + s.sender + ">"}
	if s.size > 0 {
		args = append(args, "SIZE="+strconv.FormatInt(s.size, 10))
	}
	if s.requireTLS {
		args = append(args, "REQUIRETLS")
	}
	p.event(milter.StageMailFrom, cmdMail, cstrings(args...))
	var o outcome
	left := 0
	for _, r := range s.recipients {
		a := p.event(milter.StageRcptTo, cmdRcpt, cstrings("<"+r+">"))
		o.replies = append(o.replies, a.reply)
		if a.reply == "c" {
			left++
			if !s.proxied {
				p.queueID = "4bT1x0"
			}
		}
	}
	if left > 0 && p.agreed.protocol&milter.OptNoData == 0 {
		o.end = p.event(milter.StageData, cmdData, "").reply
	}
	if left > 0 && !s.proxied && (o.end == "" || o.end == "c") {
		a := p.content(&o)
		o.end, o.changes = a.reply, a.changes
	}
	if s.mta == postfix || left == 0 { // Sendmail sends none after a message
		p.send(cmdAbort, "")
	}
	if s.mta == postfix {
		p.queueID = ""
	}
	return o
}

// content plays the header, the body as far as the milter wants it, and the end.
func (p *player) content(o *outcome) answer {
	p.t.Helper()
	if p.agreed.protocol&milter.OptNoHeaders == 0 {
		for _, h := range p.s.headers {
			name, value, _ := strings.Cut(h, ": ")
			if p.s.mta == postfix { // it sends macros with each
				p.send(cmdMacro, "L"+cstrings("i", p.queueID))
			}
			p.send(cmdHeader, cstrings(name, value))
			if p.agreed.protocol&milter.OptNoHeaderReply == 0 {
				p.await()
			}
		}
	}
	if p.agreed.protocol&milter.OptNoBody == 0 {
		for _, piece := range p.s.body {
			o.pieces++
			p.send(cmdBody, piece)
			if p.await().reply == "s" {
				break
			}
		}
	}
	return p.event(milter.StageEOM, cmdEnd, "")
}

// event sends the macros of a stage, then the command in the same packet, as
// MTAs do, and waits for the answer.
func (p *player) event(st milter.Stage, command byte, content string) answer {
	p.t.Helper()
	list, ours := p.lists[st]
	if !ours || p.s.ownLists {
		list = ownLists[p.s.mta][st]
	}
	macros := string(command)
	for _, name := range strings.Fields(list) {
		if value, sent := p.value(st, name); sent {
			macros += cstrings(name, value)
		}
	}
	p.write(append(frame(cmdMacro, macros), frame(command, content)...))
	return p.await()
}

// value is a macro's value and whether the MTA sends it. Neither sends what is
// not defined; Sendmail defines the names of a certificate that is not there as
// empty.
func (p *player) value(st milter.Stage, name string) (string, bool) {
	s := p.s
	switch name {
	case "{tls_version}", "{cipher}", "{cipher_bits}", "{alg_bits}", "{tls_sni}", "{verify}",
		"{cert_subject}", "{cert_issuer}", "{cn_subject}", "{cn_issuer}", "{cert_fp}", "{cert_md5}":
		if !p.encrypted || st == milter.StageEOM {
			return "", false
		}
		if s.mta == sendmail {
			return p.sendmailTLS(name)
		}
		return defined(p.postfixTLS(name))
	case "{auth_type}":
		return defined(s.method)
	case "{auth_authen}":
		if s.mta == sendmail {
			return defined(toXtext(s.user))
		}
		return defined(s.user)
	case "i":
		return defined(p.queueID)
	}
	if s.mta == sendmail {
		return defined(p.sendmailValue(name))
	}
	return defined(p.postfixValue(name))
}

func defined(value string) (string, bool) { return value, value != "" }

func (p *player) postfixTLS(name string) string {
	s := p.s
	switch name {
	case "{tls_version}":
		return s.version
	case "{cipher}":
		return s.cipher
	case "{cipher_bits}":
		return s.bitsText()
	case "{tls_sni}":
		return s.sni
	case "{cert_subject}":
		if s.cert == trustedCert {
			return s.certSubject
		}
	case "{cert_issuer}":
		if s.cert == trustedCert {
			return s.certIssuer
		}
	}
	return ""
}

func (s smtpSession) bitsText() string {
	if s.bits < 0 {
		return ""
	}
	return strconv.Itoa(s.bits)
}

func (p *player) sendmailTLS(name string) (string, bool) {
	s := p.s
	switch name {
	case "{tls_version}":
		return s.version, true
	case "{cipher}":
		return s.cipher, true
	case "{cipher_bits}", "{alg_bits}":
		return s.bitsText(), true
	case "{verify}":
		return map[string]string{noCert: "NO", untrustedCert: "FAIL", trustedCert: "OK"}[s.cert], true
	case "{cert_subject}":
		return toXtext(s.certDN), true
	case "{cert_issuer}":
		return toXtext("/CN=" + s.certIssuer), true
	case "{cn_subject}":
		return toXtext(s.certSubject), true
	case "{cn_issuer}":
		return toXtext(s.certIssuer), true
	case "{cert_fp}": // it sends one of the two
		return s.certFP, s.certMD5 == ""
	case "{cert_md5}":
		return s.certMD5, s.certMD5 != ""
	}
	return "", false
}

func (p *player) postfixValue(name string) string {
	s := p.s
	switch name {
	case "v":
		if s.mailName != "" {
			return s.mailName + " 3.7.11"
		}
		return "Postfix 3.7.11"
	case "{client_name}":
		return orUnknown(s.clientName)
	case "{client_ptr}":
		return orUnknown(s.clientReverse)
	case "{daemon_name}":
		return "mx.example.com"
	case "{daemon_addr}":
		return s.serverAddress
	}
	return p.anyValue(name)
}

func (p *player) sendmailValue(name string) string {
	s := p.s
	switch name {
	case "v":
		return "8.17.1.9"
	case "{client_name}":
		if s.clientName == "" {
			return "[" + s.client + "]"
		}
		return s.clientName
	case "{client_ptr}":
		return s.clientReverse
	case "{daemon_name}":
		return "MTA"
	case "{daemon_addr}":
		return "0.0.0.0"
	case "{if_addr}":
		return s.serverAddress
	}
	return p.anyValue(name)
}

func (p *player) anyValue(name string) string {
	s := p.s
	switch name {
	case "j":
		return "mx.example.com"
	case "_":
		return s.clientReverse + " [" + s.client + "]"
	case "{client_addr}":
		return s.client
	case "{client_port}":
		return strconv.Itoa(int(s.clientPort))
	case "{client_connections}":
		return "1"
	case "{client_resolve}":
		switch {
		case s.clientName != "":
			return "OK"
		case s.clientReverse != "":
			return "FORGED"
		}
		return "FAIL"
	case "{daemon_port}":
		return strconv.Itoa(int(s.serverPort))
	case "{mail_addr}":
		return s.sender
	case "{mail_mailer}":
		return "smtp"
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// toXtext encodes as Sendmail does (RFC 3461 section 4).
func toXtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`+<>()"`, c) >= 0 {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// TestXtext shows that what Sendmail encodes is decoded, and that what is not
// of the form stays.
func TestXtext(t *testing.T) {
	for _, s := range []string{"", "plain", "a b", `<>()"+`, "\x00\xff", "+", "++2B", "é"} {
		if got := xtext(toXtext(s)); got != s {
			t.Errorf("%q is encoded as %q and decoded as %q", s, toXtext(s), got)
		}
	}
	for _, s := range []string{"+", "+4", "+4g", "a+zz", "+2b"} {
		if got := xtext(s); got != s {
			t.Errorf("%q is decoded as %q", s, got)
		}
	}
}
