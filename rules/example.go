package rules

import (
	"net/netip"
	"time"
)

// exampleSession is a session from the internet to port 25 about which all is
// known, between addresses that no rule names: a client of TEST-NET-3 (RFC 5737)
// and domains below .invalid (RFC 2606). Plugins have nothing to say of it but
// no, 0 and "". Nothing is said of TLS yet.
func (p *Policy) exampleSession(now time.Time) *Session {
	empty, no, yes := Known(""), Known(false), Known(true)
	s := &Session{
		ClientName: empty, ClientReverseName: empty, ClientPort: Known[uint16](50000), Helo: Known("client.invalid"),
		ServerAddress: Known(netip.AddrFrom4([4]byte{203, 0, 113, 253})), ServerPort: Known[uint16](25),
		DaemonName: empty, PolicyContext: empty, ListenerTLSSeen: yes, ListenerCertSeen: yes,
		Authenticated: no, SASLMethod: empty, SASLUser: empty, Size: Known[int64](1000), RequireTLS: no, Now: Known(now),
		Message: MessageFacts{Encrypted: Known("no"), TLSRequiredNo: no, SPF: Known("none"), DKIM: Known("none"), DMARC: Known("none")},
	}
	s.SetClient(netip.AddrFrom4([4]byte{203, 0, 113, 254}))
	s.SetSender("someone@sender.invalid")
	s.SetRecipient("someone@recipient.invalid")
	for _, f := range p.supplied {
		s.put(f, Value{})
	}
	return s
}

// setTLS records TLS without a client certificate.
func (s *Session) setTLS(version, cipher string) {
	empty, no := Known(""), Known(false)
	s.SetTLS(TLS{
		Version: version, Cipher: cipher, SNI: empty, CertPresented: no, CertVerified: no, CertSubject: empty,
		CertDN: empty, CertIssuer: empty, CertFingerprint: empty, CertKeyFingerprint: empty,
	})
}

// exampleFor is such a session in which some conditions hold, but for those on TLS;
// ok is false if none is found.
func (p *Policy) exampleFor(when []Condition, now time.Time) (s *Session, ok bool) {
	s = p.exampleSession(now)
	for i := range when {
		c := &when[i]
		if held, _ := c.Field.read(s); tlsFields.Has(c.Field.ID) || c.Set.holds(&held) {
			continue
		}
		v, found := c.Set.sample()
		if !found {
			return nil, false
		}
		s.put(c.Field, v)
	}
	for i := range when {
		if c := &when[i]; !tlsFields.Has(c.Field.ID) && c.eval(s) != True {
			return nil, false
		}
	}
	return s, true
}

// put records a fact that is not about TLS.
func (s *Session) put(f *Field, v Value) {
	id := f.ID
	if id >= fieldCount {
		s.putSupplied(f, v)
	}
	switch id {
	case FieldClient:
		s.SetClient(v.Addr)
	case FieldServerAddress:
		s.ServerAddress = Known(v.Addr)
	case FieldClientPort:
		s.ClientPort = Known(uint16(v.Number))
	case FieldServerPort:
		s.ServerPort = Known(uint16(v.Number))
	case FieldSize:
		s.Size = Known(v.Number)
	case FieldSender:
		s.SetSender(v.Text)
	case FieldRecipient:
		s.SetRecipient(v.Text)
	case FieldSenderDomain:
		s.SetSender(atDomain(v.Text))
	case FieldRecipientDomain:
		s.SetRecipient(atDomain(v.Text))
	}
	for field, fact := range map[FieldID]*Fact[string]{
		FieldClientName: &s.ClientName, FieldClientReverseName: &s.ClientReverseName, FieldHelo: &s.Helo,
		FieldDaemonName: &s.DaemonName, FieldPolicyContext: &s.PolicyContext,
		FieldSASLMethod: &s.SASLMethod, FieldSASLUser: &s.SASLUser,
		FieldMessageEncrypted: &s.Message.Encrypted, FieldMessageSPF: &s.Message.SPF,
		FieldMessageDKIM: &s.Message.DKIM, FieldMessageDMARC: &s.Message.DMARC,
	} {
		if field == id {
			*fact = Known(v.Text)
		}
	}
	for field, fact := range map[FieldID]*Fact[bool]{
		FieldLocal: &s.Local, FieldAuthenticated: &s.Authenticated, FieldRequireTLS: &s.RequireTLS,
		FieldMessageTLSRequiredNo: &s.Message.TLSRequiredNo, FieldListenerTLSSeen: &s.ListenerTLSSeen, FieldListenerCertSeen: &s.ListenerCertSeen,
	} {
		if field == id {
			*fact = Known(v.Number != 0)
		}
	}
}

// atDomain is an address of a domain; the domain of the null sender is "".
func atDomain(domain string) string {
	if domain == "" {
		return ""
	}
	return "someone@" + domain
}
