package rules

import (
	"strings"

	"tlswarden/internal/tlsname"
)

// ClientCert says what a profile demands of the client's certificate.
type ClientCert uint8

// The demands on a client certificate, weakest first.
const (
	CertNotNeeded ClientCert = iota
	CertAny                  // one must be presented
	CertTrusted              // and the server must have verified it
)

// Profile is a named bar that encryption must clear. Every profile demands
// TLS, a suite that is not known to be NULL, and other than 0 bits reported;
// the zero profile demands only that. A profile does not change once a policy
// uses it.
type Profile struct {
	Name  string
	About *About // of a built-in profile: where it comes from; nil: the admin's own

	MinVersion     tlsname.Version // VersionUnknown: any
	MinBits        int             // effective key bits by our table, not as reported; 0: any
	ForwardSecrecy bool
	AEAD           bool
	BCP195         bool // suites that RFC 9325 or RFC 10015 says MUST NOT or SHOULD NOT fail
	Ciphers        *Set // only these suites; nil: any
	ForbidCiphers  *Set // none of these; nil: none

	ClientCert          ClientCert
	CertNames           *Set // common names of the subject; nil: any
	CertIssuers         *Set
	CertFingerprints    *Set
	CertKeyFingerprints *Set
}

// lack is one way in which a session can fall short of a profile.
type lack uint8

const (
	lackTLS lack = iota
	lackVersion
	lackNotNull
	lackBits
	lackForwardSecrecy
	lackAEAD
	lackBCP195
	lackListed
	lackNotForbidden
	lackCert
	lackCertTrust
	lackCertName
	lackCertIssuer
	lackFingerprint
	lackKeyFingerprint
	lackCount
)

// lacks is a set of shortfalls.
type lacks uint16

func (l lacks) has(x lack) bool { return l&(1<<x) != 0 }

// certLacks are the shortfalls that a client certificate would mend.
const certLacks = 1<<lackCert | 1<<lackCertTrust | 1<<lackCertName | 1<<lackCertIssuer | 1<<lackFingerprint | 1<<lackKeyFingerprint

// grade is how a session stands to a profile.
type grade struct {
	short   lacks    // known shortfalls
	open    lacks    // what cannot be told
	unknown FieldSet // the facts that leave it open
}

func (g *grade) truth() Truth {
	switch {
	case g.short != 0:
		return False
	case g.open != 0:
		return Unknown
	}
	return True
}

func (g *grade) note(t Truth, l lack, f FieldID) {
	switch t {
	case False:
		g.short |= 1 << l
	case Unknown:
		g.open |= 1 << l
		g.unknown |= SetOf(f)
	}
}

// grade compares a session with the profile.
func (p *Profile) grade(s *Session) grade {
	var g grade
	used, known := s.tls.used.Get()
	if !known {
		g.note(Unknown, lackTLS, FieldTLS)
		return g
	}
	if !used {
		g.note(False, lackTLS, FieldTLS)
		return g
	}
	if p.MinVersion > tlsname.Plaintext {
		v, ok := s.tls.version.Get()
		g.note(known3(ok, v >= p.MinVersion), lackVersion, FieldTLSVersion)
	}
	p.gradeCipher(s, &g)
	p.gradeCert(s, &g)
	return g
}

// gradeCipher judges the suite. A suite that the table lacks counts as AEAD and
// forward secret under TLS 1.3, which has no others for SMTP, and as unknown
// below.
func (p *Profile) gradeCipher(s *Session, g *grade) {
	suite := s.tls.suite
	v, _ := s.tls.version.Get()
	modern := suite == nil && v == tlsname.TLSv1_3
	if suite != nil && suite.Null() {
		g.note(False, lackNotNull, FieldCipher)
		return
	}
	if bits, ok := s.tls.Bits.Get(); ok && bits == 0 {
		g.note(False, lackNotNull, FieldCipherBits)
		return
	}
	if p.MinBits > 0 {
		g.note(known3(suite != nil, suite != nil && int(suite.Bits) >= p.MinBits), lackBits, FieldCipher)
	}
	if p.ForwardSecrecy && !modern {
		g.note(known3(suite != nil, suite != nil && suite.ForwardSecrecy()), lackForwardSecrecy, FieldCipher)
	}
	if p.AEAD && !modern {
		g.note(known3(suite != nil, suite != nil && suite.AEAD()), lackAEAD, FieldCipher)
	}
	if p.BCP195 && !modern {
		g.note(known3(suite != nil, suite != nil && suite.BCP195 < tlsname.ShouldNot), lackBCP195, FieldCipher)
	}
	p.gradeLists(s, g)
}

func (p *Profile) gradeLists(s *Session, g *grade) {
	if p.Ciphers == nil && p.ForbidCiphers == nil {
		return
	}
	v, known := readCipher(s)
	// Of a name that the table lacks no more is known than whether the set has
	// that very name: it may be another name of a suite in the set. Suites of
	// TLS 1.3 have the same name everywhere, so there it is none of the set.
	unheard := s.tls.suite == nil
	modern := s.tls.version.value == tlsname.TLSv1_3
	if p.Ciphers != nil {
		listed := p.Ciphers.holds(&v)
		g.note(known3(known && (listed || !unheard || modern), listed), lackListed, FieldCipher)
	}
	if p.ForbidCiphers != nil {
		forbidden := p.ForbidCiphers.holds(&v)
		g.note(known3(known && (forbidden || !unheard || modern), !forbidden), lackNotForbidden, FieldCipher)
	}
}

func (p *Profile) gradeCert(s *Session, g *grade) {
	switch p.ClientCert {
	case CertAny:
		t := known3(s.tls.CertPresented.known, s.tls.CertPresented.value)
		if s.tls.CertVerified.value { // what was verified was presented
			t = True
		}
		g.note(t, lackCert, FieldCertPresented)
	case CertTrusted:
		l := lackCertTrust
		if presented, ok := s.tls.CertPresented.Get(); ok && !presented {
			l = lackCert
		}
		g.note(known3(s.tls.CertVerified.known, s.tls.CertVerified.value), l, FieldCertVerified)
	}
	g.pinned(p.CertNames, s, FieldCertSubject, lackCertName)
	g.pinned(p.CertIssuers, s, FieldCertIssuer, lackCertIssuer)
	g.pinned(p.CertFingerprints, s, FieldCertFingerprint, lackFingerprint)
	g.pinned(p.CertKeyFingerprints, s, FieldCertKeyFingerprint, lackKeyFingerprint)
}

func (g *grade) pinned(set *Set, s *Session, id FieldID, l lack) {
	if set == nil {
		return
	}
	v, known := catalogue[id].read(s)
	g.note(set.truth(&v, known), l, id)
}

// Needs is the set of facts that the profile looks at.
func (p *Profile) Needs() FieldSet {
	need := SetOf(FieldTLS)
	if p.MinVersion > tlsname.Plaintext {
		need |= SetOf(FieldTLSVersion)
	}
	if p.MinBits > 0 || p.ForwardSecrecy || p.AEAD || p.BCP195 || p.Ciphers != nil || p.ForbidCiphers != nil {
		need |= SetOf(FieldCipher)
	}
	switch p.ClientCert {
	case CertAny:
		need |= SetOf(FieldCertPresented)
	case CertTrusted:
		need |= SetOf(FieldCertVerified)
	}
	for id, set := range map[FieldID]*Set{
		FieldCertSubject: p.CertNames, FieldCertIssuer: p.CertIssuers,
		FieldCertFingerprint: p.CertFingerprints, FieldCertKeyFingerprint: p.CertKeyFingerprints,
	} {
		if set != nil {
			need |= SetOf(id)
		}
	}
	return need
}

// listed says in a phrase which suites are meant where Ciphers lists them.
func (p *Profile) listed() string {
	if p.About != nil && p.About.Short != "" {
		return "a cipher suite of " + p.About.Short
	}
	return "a listed cipher suite"
}

// Required says in a phrase what the profile demands, for replies.
func (p *Profile) Required() string {
	b := "TLS"
	if p.MinVersion == tlsname.TLSv1_3 {
		b = "TLSv1.3"
	} else if p.MinVersion > tlsname.Plaintext {
		b = p.MinVersion.String() + " or newer"
	}
	var with []string
	add := func(cond bool, what string) {
		if cond {
			with = append(with, what)
		}
	}
	add(p.ForwardSecrecy, "forward secrecy")
	add(p.AEAD, "AEAD")
	add(p.MinBits > 0, "at least "+itoa(p.MinBits)+" bits")
	add(p.Ciphers != nil, p.listed())
	add(p.ClientCert == CertAny, "a client certificate")
	add(p.ClientCert == CertTrusted, "a trusted client certificate")
	add(p.CertNames != nil || p.CertIssuers != nil, "an agreed certificate name")
	add(p.CertFingerprints != nil || p.CertKeyFingerprints != nil, "the agreed certificate")
	if len(with) == 0 {
		return b
	}
	last := len(with) - 1
	if last == 0 {
		return b + " with " + with[0]
	}
	return b + " with " + strings.Join(with[:last], ", ") + " and " + with[last]
}
