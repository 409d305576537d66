package rules

import "strings"

// Agreement says how what two front ends know of one session's encryption goes
// together.
type Agreement uint8

// The agreements.
const (
	Unsettled Agreement = iota // one of them does not know enough to tell
	Agreed                     // both say plaintext, or both the same version and suite
	Opposed                    // one says what the other rules out
)

// SameTLS compares what two sessions say of the encryption: they agree only if
// both say whether there is any, and if there is, both name version and suite.
func (s *Session) SameTLS(other *Session) Agreement {
	a, b := &s.tls, &other.tls
	switch {
	case !a.used.known || !b.used.known:
		return Unsettled
	case a.used != b.used:
		return Opposed
	case !a.used.value:
		return Agreed
	case !a.version.known || !b.version.known || !a.cipher.known || !b.cipher.known:
		return Unsettled
	case a.version != b.version || a.cipher != b.cipher:
		return Opposed
	}
	return Agreed
}

// Complete takes from another view of the same mail transaction what this one
// does not know, all but the recipient and what the daemon itself supplies. TLS
// facts are taken only if both agree (see [Session.SameTLS]). Texts are copied,
// so that the other may be of a shorter life.
func (s *Session) Complete(other *Session) {
	s.completeConnection(other)
	take(&s.Authenticated, other.Authenticated)
	takeText(&s.SASLMethod, other.SASLMethod)
	takeText(&s.SASLUser, other.SASLUser)
	if !s.sender.Known && other.sender.named {
		s.sender = other.sender.clone()
	}
	take(&s.Size, other.Size)
	take(&s.RequireTLS, other.RequireTLS)
	s.completeMessage(&other.Message)
	if s.SameTLS(other) == Agreed {
		s.tls.complete(&other.tls.TLS)
	}
}

// TakeSender takes the sender of another session of the same transaction, which knows
// its mailbox better.
func (s *Session) TakeSender(other *Session) {
	if other.sender.Known {
		s.sender = other.sender
	}
}

// SameSender reports whether both sessions have the same sender, or one that the
// client wrote in the same way.
func (s *Session) SameSender(other *Session) bool {
	return s.sender.named && other.sender.named && s.sender.Same(other.sender.Address)
}

func (s *Session) completeConnection(other *Session) {
	take(&s.Client, other.Client)
	take(&s.Local, other.Local)
	takeText(&s.ClientName, other.ClientName)
	takeText(&s.ClientReverseName, other.ClientReverseName)
	take(&s.ClientPort, other.ClientPort)
	if s.Helo.Or("") == "" && other.Helo.Or("") != "" { // which XCLIENT gave, and no event told
		s.Helo = cloned(other.Helo)
	}
	takeText(&s.Helo, other.Helo)
	take(&s.ServerAddress, other.ServerAddress)
	take(&s.ServerPort, other.ServerPort)
	takeText(&s.DaemonName, other.DaemonName)
	takeText(&s.PolicyContext, other.PolicyContext)
}

func (s *Session) completeMessage(other *MessageFacts) {
	m := &s.Message
	takeText(&m.Encrypted, other.Encrypted)
	take(&m.TLSRequiredNo, other.TLSRequiredNo)
	takeText(&m.SPF, other.SPF)
	takeText(&m.DKIM, other.DKIM)
	takeText(&m.DMARC, other.DMARC)
}

// complete takes what version and suite do not tell. Whether the certificate was
// verified, and its names, are believed of the side that knows whether there was
// one: a milter of Postfix takes one without names for none (see package milter).
func (t *TLS) complete(other *TLS) {
	take(&t.Bits, other.Bits)
	takeText(&t.SNI, other.SNI)
	if !t.CertPresented.known && other.CertPresented.known {
		t.CertVerified, t.CertSubject, t.CertIssuer = Fact[bool]{}, Fact[string]{}, Fact[string]{}
	}
	if other.CertPresented.known || !t.CertPresented.known {
		take(&t.CertVerified, other.CertVerified)
		takeText(&t.CertSubject, other.CertSubject)
		takeText(&t.CertIssuer, other.CertIssuer)
	}
	take(&t.CertPresented, other.CertPresented)
	takeText(&t.CertDN, other.CertDN)
	takeText(&t.CertFingerprint, other.CertFingerprint)
	takeText(&t.CertKeyFingerprint, other.CertKeyFingerprint)
}

// TakeTLS replaces what is known of the encryption by what another session knows.
func (s *Session) TakeTLS(other *Session) {
	t := other.tls
	t.cipher = cloned(t.cipher)
	for _, text := range []*Fact[string]{
		&t.SNI, &t.CertSubject, &t.CertDN, &t.CertIssuer, &t.CertFingerprint, &t.CertKeyFingerprint,
	} {
		*text = cloned(*text)
	}
	t.Version, t.Cipher = "", t.cipher.value
	s.tls = t
}

func cloned(f Fact[string]) Fact[string] {
	f.value = strings.Clone(f.value)
	return f
}

func take[T any](to *Fact[T], from Fact[T]) {
	if !to.known {
		*to = from
	}
}

func takeText(to *Fact[string], from Fact[string]) {
	if !to.known && from.known {
		*to = Known(strings.Clone(from.value))
	}
}
