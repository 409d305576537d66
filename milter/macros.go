package milter

import (
	"iter"
	"strings"
)

// packet is the content of a macro frame: names and values, each ended by a
// NUL. A macro without a value is the same as one that was not sent: the MTAs
// differ in which of the two they do.
type packet string

// all yields the macros in their order. A last name without a value has "".
func (p packet) all() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := string(p); rest != ""; {
			var name, value string
			name, rest, _ = strings.Cut(rest, "\x00")
			value, rest, _ = strings.Cut(rest, "\x00")
			if !yield(name, value) {
				return
			}
		}
	}
}

// get returns the value of one macro, "" if there is none.
func (p packet) get(name string) string {
	for n, value := range p.all() {
		if n == name && value != "" {
			return value
		}
	}
	return ""
}

// macros are the values that we ask for. The names are those of Postfix's
// MILTER_README and of Sendmail's op.me.
type macros struct {
	hostName, version string // j, v
	queueID           string // i

	clientName, clientPtr, clientResolve, clientConnections, clientPort string

	opMode string // Sendmail only

	daemonName, daemonAddr, daemonPort, ifAddr string

	tlsVersion, cipher, cipherBits, sni string
	verify                              string // Sendmail only
	certSubject, certIssuer             string // CN in Postfix, DN in Sendmail
	cnSubject, cnIssuer                 string // Sendmail only
	certFP, certMD5                     string // Sendmail only
	authType, authAuthen                string
	mailAddr, mailHost, mailMailer      string
}

// parse reads all macros of a packet. Of a name that comes twice the first
// value counts, as in libmilter's look-up.
func (p packet) parse() macros {
	var m macros
	for name, value := range p.all() {
		if field := m.field(name); field != nil && *field == "" {
			*field = value
		}
	}
	return m
}

// field finds the place of a macro; nil for one that nobody needs.
func (m *macros) field(name string) *string {
	switch name {
	case "j":
		return &m.hostName
	case "v":
		return &m.version
	case "i":
		return &m.queueID
	case "{client_name}":
		return &m.clientName
	case "{client_ptr}":
		return &m.clientPtr
	case "{client_resolve}":
		return &m.clientResolve
	case "{client_connections}":
		return &m.clientConnections
	case "{client_port}":
		return &m.clientPort
	case "{opMode}":
		return &m.opMode
	case "{daemon_name}":
		return &m.daemonName
	case "{daemon_addr}":
		return &m.daemonAddr
	case "{daemon_port}":
		return &m.daemonPort
	case "{if_addr}":
		return &m.ifAddr
	case "{auth_type}":
		return &m.authType
	case "{auth_authen}":
		return &m.authAuthen
	case "{mail_addr}":
		return &m.mailAddr
	case "{mail_host}":
		return &m.mailHost
	case "{mail_mailer}":
		return &m.mailMailer
	}
	return m.tlsField(name)
}

func (m *macros) tlsField(name string) *string {
	switch name {
	case "{tls_version}":
		return &m.tlsVersion
	case "{cipher}":
		return &m.cipher
	case "{cipher_bits}":
		return &m.cipherBits
	case "{tls_sni}":
		return &m.sni
	case "{verify}":
		return &m.verify
	case "{cert_subject}":
		return &m.certSubject
	case "{cert_issuer}":
		return &m.certIssuer
	case "{cn_subject}":
		return &m.cnSubject
	case "{cn_issuer}":
		return &m.cnIssuer
	case "{cert_fp}":
		return &m.certFP
	case "{cert_md5}":
		return &m.certMD5
	}
	return nil
}

// stage is an event that macros come with.
type stage uint8

const (
	atConnect stage = iota
	atHelo
	atMail
	atRcpt
	atData
	atEnd
	stages
)

// stageOf tells the stage by the command that a macro frame announces.
func stageOf(command byte) (stage, bool) {
	switch command {
	case cmdConnect:
		return atConnect, true
	case cmdHelo:
		return atHelo, true
	case cmdMail:
		return atMail, true
	case cmdRcpt:
		return atRcpt, true
	case cmdData:
		return atData, true
	case cmdEnd:
		return atEnd, true
	}
	return 0, false
}

// memory keeps the last macro packet of each stage.
type memory struct {
	packets [stages]packet
	fresh   [stages]bool // came since the last event of its stage
}

// put keeps what a macro frame holds. Packets of other stages, which Postfix
// sends with every header, are of no use.
func (m *memory) put(payload []byte) {
	if len(payload) == 0 {
		return
	}
	if st, ok := stageOf(payload[0]); ok {
		m.packets[st] = packet(payload[1:])
		m.fresh[st] = true
	}
}

// event returns the macros of the event that has just come. An event without a
// macro frame has none: those of an earlier event of its kind are forgotten.
func (m *memory) event(st stage) packet {
	if !m.fresh[st] {
		m.packets[st] = ""
	}
	m.fresh[st] = false
	return m.packets[st]
}

// forget drops all macros but those that came for the event to come; stages is
// none.
func (m *memory) forget(next stage) {
	for st := range stages {
		if st != next || !m.fresh[st] {
			m.packets[st], m.fresh[st] = "", false
		}
	}
}
