package rules

import (
	"net/netip"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/tlsname"
)

// Session is all that is known about one recipient of one SMTP transaction at
// the moment of decision. The zero Session knows nothing. Each fact has its row
// in the catalogue of fields (see [Fields]), which states its meaning.
//
// Strings may be parts of a buffer of the front end: who keeps one beyond the
// call copies it.
type Session struct {
	Client            Fact[netip.Addr] // set by SetClient
	Local             Fact[bool]       // set by SetClient and SetLocal
	ClientName        Fact[string]
	ClientReverseName Fact[string]
	ClientPort        Fact[uint16]
	Helo              Fact[string]

	ServerAddress    Fact[netip.Addr]
	ServerPort       Fact[uint16]
	DaemonName       Fact[string]
	PolicyContext    Fact[string]
	ListenerTLSSeen  Fact[bool]
	ListenerCertSeen Fact[bool]

	Authenticated Fact[bool]
	SASLMethod    Fact[string]
	SASLUser      Fact[string]

	Size       Fact[int64] // octets
	RequireTLS Fact[bool]
	Message    MessageFacts
	Now        Fact[time.Time]

	tls       tlsFacts
	sender    mailbox
	recipient mailbox
	supplied  supplied // by plugins

	suppliedMisspelt FieldSet // what plugins do not supply for want of such an address
	host             Host
}

// MessageFacts is what the message says of itself, known at its end.
type MessageFacts struct {
	Encrypted     Fact[string] // "smime", "pgp" or "no"
	TLSRequiredNo Fact[bool]   // the field TLS-Required: No, RFC 8689 section 3
	SPF           Fact[string] // results of others, RFC 8601 section 2.7
	DKIM          Fact[string]
	DMARC         Fact[string]
}

// tlsFacts is what is known of the session's encryption. It is written by
// SetTLS and SetPlaintext only, so that no mixture of the two can arise.
type tlsFacts struct {
	used    Fact[bool]
	version Fact[tlsname.Version]
	cipher  Fact[string]
	suite   *tlsname.Suite // nil: unknown
	TLS
}

// TLS is what a front end can tell of an encrypted session. Fields that it
// cannot tell stay unknown.
type TLS struct {
	Version string    // protocol version in any spelling; "" is unknown
	Cipher  string    // cipher suite name in any spelling; "" is unknown
	Bits    Fact[int] // effective key bits as reported
	SNI     Fact[string]

	CertPresented      Fact[bool]   // the client sent a certificate
	CertVerified       Fact[bool]   // and the server verified it
	CertSubject        Fact[string] // its subject's common name
	CertDN             Fact[string] // its subject as one line
	CertIssuer         Fact[string] // its issuer's common name
	CertFingerprint    Fact[string]
	CertKeyFingerprint Fact[string]
}

// SetTLS records that the session is encrypted, and how.
func (s *Session) SetTLS(t TLS) {
	v, suite := tlsname.Resolve(t.Version, t.Cipher)
	s.tls = tlsFacts{used: Known(true), suite: suite, TLS: t}
	if v != tlsname.VersionUnknown && v != tlsname.Plaintext {
		s.tls.version = Known(v)
	}
	if t.Cipher != "" {
		s.tls.cipher = Known(t.Cipher)
	}
	foldFingerprint(&s.tls.CertFingerprint)
	foldFingerprint(&s.tls.CertKeyFingerprint)
}

func foldFingerprint(f *Fact[string]) {
	if v, ok := f.Get(); ok {
		*f = Known(normalFingerprint(v))
	}
}

// SetPlaintext records that the session is known not to be encrypted: all other
// TLS facts are then known to be empty.
func (s *Session) SetPlaintext() {
	empty, no := Known(""), Known(false)
	s.tls = tlsFacts{used: no, version: Known(tlsname.Plaintext), cipher: empty, TLS: TLS{
		Bits: Known(0), SNI: empty, CertPresented: no, CertVerified: no,
		CertSubject: empty, CertDN: empty, CertIssuer: empty,
		CertFingerprint: empty, CertKeyFingerprint: empty,
	}}
}

// ForgetTLS makes all TLS facts unknown.
func (s *Session) ForgetTLS() { s.tls = tlsFacts{} }

// TLSUsed says whether the session is encrypted.
func (s *Session) TLSUsed() Fact[bool] { return s.tls.used }

// TLSVersion is the protocol version, tlsname.Plaintext if there is none.
func (s *Session) TLSVersion() Fact[tlsname.Version] { return s.tls.version }

// Cipher is the cipher suite's name as the MTA reported it, "" for plaintext.
func (s *Session) Cipher() Fact[string] { return s.tls.cipher }

// CipherBits are the effective key bits as the MTA reported them.
func (s *Session) CipherBits() Fact[int] { return s.tls.Bits }

// CertPresented says whether the client sent a certificate.
func (s *Session) CertPresented() Fact[bool] { return s.tls.CertPresented }

// CertVerified says whether the client's certificate was verified.
func (s *Session) CertVerified() Fact[bool] { return s.tls.CertVerified }

// SetClient records the client's address and with it whether the session comes
// from this machine. IPv4 addresses mapped into IPv6 are unmapped and zones
// dropped, so that 192.0.2.1 is always written in one way.
func (s *Session) SetClient(a netip.Addr) {
	a = a.Unmap().WithZone("")
	s.Client = Known(a)
	s.Local = Known(a.IsLoopback())
}

// SetLocal records that the session comes from this machine without an IP
// address: a unix-domain socket, or the standard input of sendmail -bs. The
// address is then known to be none.
func (s *Session) SetLocal() {
	s.Client = Known(netip.Addr{})
	s.Local = Known(true)
}

// SetSender records the envelope sender (RFC 5321 reverse-path) without angle
// brackets, as a person writes it; "" is the null sender.
func (s *Session) SetSender(address string) {
	s.SetSenderAddress(mailaddr.Plain(mailaddr.Unquote(address)))
}

// SetRecipient records the envelope recipient without angle brackets, as a person
// writes it.
func (s *Session) SetRecipient(address string) {
	s.SetRecipientAddress(mailaddr.Plain(mailaddr.Unquote(address)))
}

// SetSenderAddress records the envelope sender as a mail server takes it.
func (s *Session) SetSenderAddress(a mailaddr.Address) { s.sender = newMailbox(a) }

// SetRecipientAddress records the envelope recipient as a mail server takes it.
func (s *Session) SetRecipientAddress(a mailaddr.Address) { s.recipient = newMailbox(a) }

// ForgetEnvelope makes sender, recipient and all else that belongs to one mail
// transaction unknown, as it is at the start of one.
func (s *Session) ForgetEnvelope() {
	s.sender, s.recipient = mailbox{}, mailbox{}
	s.Size, s.RequireTLS, s.Message = Fact[int64]{}, Fact[bool]{}, MessageFacts{}
	s.PolicyContext = Fact[string]{}
}

// ForgetRecipient makes the recipient unknown, as it is once a message with
// several recipients is decided as a whole.
func (s *Session) ForgetRecipient() { s.recipient = mailbox{} }

// Sender is the envelope sender for people: its domain is an A-label, and if its
// mailbox is unknown it is as the client wrote it. The null sender is "".
func (s *Session) Sender() Fact[string] { return s.sender.shown() }

// Recipient is the envelope recipient for people, as Sender.
func (s *Session) Recipient() Fact[string] { return s.recipient.shown() }

// SenderAddress returns the envelope sender, and whether there is one.
func (s *Session) SenderAddress() (mailaddr.Address, bool) { return s.sender.Address, s.sender.named }

// RecipientAddress returns the envelope recipient, and whether there is one.
func (s *Session) RecipientAddress() (mailaddr.Address, bool) {
	return s.recipient.Address, s.recipient.named
}

// Misspelt is the set of facts that are unknown because of how the client wrote an
// address.
func (s *Session) Misspelt() FieldSet {
	facts := s.suppliedMisspelt
	if s.sender.misspelt() {
		facts |= SetOf(FieldSender, FieldSenderDomain)
	}
	if s.recipient.misspelt() {
		facts |= SetOf(FieldRecipient, FieldRecipientDomain)
	}
	return facts
}
