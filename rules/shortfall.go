package rules

import (
	"strconv"
	"strings"

	"tlswarden/internal/tlsname"
)

func itoa(n int) string { return strconv.Itoa(n) }

// shortfalls renders what a session lacks of a profile, a sentence each: the
// known shortfalls, or if there are none what cannot be told.
func (p *Profile) shortfalls(s *Session, g grade) []string {
	set, say := g.short, p.shortSentence
	if set == 0 {
		set, say = g.open, p.openSentence
	}
	var out []string
	for l := lack(0); l < lackCount; l++ {
		if set.has(l) {
			out = append(out, say(s, l))
		}
	}
	return out
}

func shown(f Fact[string], none string) string {
	v, ok := f.Get()
	if !ok || v == "" {
		return none
	}
	return printable(v, maxShown)
}

// maxShown bounds a value from outside where it is shown, in bytes.
const maxShown = 80

func (p *Profile) shortSentence(s *Session, l lack) string {
	cipher := shown(s.tls.cipher, "the cipher suite")
	switch l {
	case lackTLS:
		return "no encryption"
	case lackVersion:
		v, _ := s.tls.version.Get()
		return v.String() + " is below " + p.MinVersion.String()
	case lackNotNull:
		return cipher + " does not encrypt"
	case lackBits:
		return cipher + " has " + itoa(int(s.tls.suite.Bits)) + " bits, fewer than " + itoa(p.MinBits)
	case lackForwardSecrecy:
		return cipher + " has no forward secrecy"
	case lackAEAD:
		return cipher + " has no AEAD"
	case lackBCP195:
		return cipher + " is advised against in BCP 195"
	case lackListed:
		if p.About != nil && p.About.Short != "" {
			return cipher + " is not in " + p.About.Short
		}
		return cipher + " is not among the cipher suites agreed on"
	case lackNotForbidden:
		return cipher + " is not accepted"
	case lackCert:
		return "no client certificate"
	case lackCertTrust:
		return "no trusted client certificate"
	case lackCertName:
		return pinSentence("certificate name", s.tls.CertSubject)
	case lackCertIssuer:
		return pinSentence("certificate issuer", s.tls.CertIssuer)
	case lackFingerprint:
		return pinSentence("certificate fingerprint", s.tls.CertFingerprint)
	}
	return pinSentence("certificate key fingerprint", s.tls.CertKeyFingerprint)
}

func pinSentence(what string, f Fact[string]) string {
	if v, _ := f.Get(); v != "" {
		return what + " " + printable(v, maxShown) + " is not the agreed one"
	}
	return "no " + what
}

func (p *Profile) openSentence(s *Session, l lack) string {
	cipher := shown(s.tls.cipher, "the cipher suite")
	switch l {
	case lackTLS:
		return "it is not known whether the session is encrypted"
	case lackVersion:
		return "the TLS version is not known"
	case lackBits:
		return cipher + " is not known to have " + itoa(p.MinBits) + " bits"
	case lackForwardSecrecy:
		return cipher + " is not known to have forward secrecy"
	case lackAEAD:
		return cipher + " is not known to have AEAD"
	case lackBCP195:
		return cipher + " is not known to BCP 195"
	case lackListed, lackNotForbidden:
		return "the cipher suite is not known"
	case lackCert, lackCertTrust:
		return "it is not known whether the client has a certificate"
	case lackCertName:
		return "the certificate name is not known"
	case lackCertIssuer:
		return "the certificate issuer is not known"
	}
	return "the certificate fingerprint is not known, or is made with another digest"
}

// Seen says in a phrase how the session was encrypted.
func (s *Session) Seen() string {
	used, known := s.tls.used.Get()
	if !known {
		return "unknown"
	}
	if !used {
		return "no encryption"
	}
	var b strings.Builder
	v, ok := s.tls.version.Get()
	if !ok {
		b.WriteString("TLS of unknown version")
	} else {
		b.WriteString(v.String())
	}
	if c, ok := s.tls.cipher.Get(); ok {
		b.WriteString(" with ")
		b.WriteString(printable(c, maxShown))
	}
	if n, ok := s.tls.Bits.Get(); ok {
		b.WriteString(" (" + itoa(n) + " bits)")
	}
	return b.String()
}

// stampSeen is the short form for headers: "none", or version, cipher, bits.
func (s *Session) stampSeen() string {
	used, known := s.tls.used.Get()
	if !known {
		return "unknown"
	}
	if !used {
		return "none"
	}
	v := s.tls.version.Or(tlsname.VersionUnknown).String()
	out := v + " " + shown(s.tls.cipher, "unknown")
	if n, ok := s.tls.Bits.Get(); ok {
		out += " " + itoa(n)
	}
	return out
}
