package milter

import (
	"strconv"
	"strings"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// listed says whether the MTA takes macro lists at all.
func (s *session) listed() bool { return s.terms.actions&milter.OptSetSymList != 0 }

// encryption sets the facts about TLS as they are at MAIL.
//
// If the macros of MAIL are those that we asked for they are the truth, and
// without {tls_version} the session is plaintext. Otherwise {tls_version} counts
// where it is there, at MAIL or else at HELO, for a session never goes back to
// plaintext; and if it is nowhere, nothing is known: the MTA may just not send it.
func (s *session) encryption(m macros, honoured bool) {
	complete := honoured
	if !honoured && m.tlsVersion == "" {
		m = s.macros.packets[atHelo].parse()
		complete = s.mta == mtaPostfix // its own list for HELO has the certificate's macros
	}
	switch {
	case strings.HasPrefix(m.tlsVersion, "TLSv"), strings.HasPrefix(m.tlsVersion, "SSLv"):
		s.facts.SetTLS(s.encrypted(m, honoured, complete))
	case honoured && m.tlsVersion == "" && m.cipher == "":
		s.facts.SetPlaintext()
	default:
		s.facts.ForgetTLS()
		if m.tlsVersion != "" || m.cipher != "" {
			// milter_macro_defaults of Postfix can supply any value.
			s.server.log.once(warnVersion, "milter: the MTA's TLS macros make no sense and are ignored",
				"tls_version", printable(m.tlsVersion, 40), "cipher", printable(m.cipher, 40))
		}
	}
}

// encrypted reads the macros of an encrypted session. In a complete list what is
// missing is known to be so.
func (s *session) encrypted(m macros, honoured, complete bool) rules.TLS {
	t := rules.TLS{Version: m.tlsVersion, Cipher: m.cipher}
	if bits, err := strconv.Atoi(m.cipherBits); err == nil && bits >= 0 {
		t.Bits = rules.Known(bits)
	}
	if m.sni != "" {
		t.SNI = rules.Known(m.sni)
	}
	named := m.certSubject != "" || m.certIssuer != ""
	postfix := s.mta == mtaPostfix || honoured && s.mta != mtaSendmail
	switch {
	case m.verify != "":
		certBySendmail(&t, m, complete)
	case postfix && (named || complete):
		certByPostfix(&t, m, named)
	case named:
		t.CertPresented = rules.Known(true)
	}
	return t
}

// certByPostfix: the macros are the common names of a certificate that was
// verified (MILTER_README). Of any other nothing is said, not even that it was
// there.
func certByPostfix(t *rules.TLS, m macros, verified bool) {
	t.CertVerified = rules.Known(verified)
	t.CertSubject, t.CertIssuer = rules.Known(m.certSubject), rules.Known(m.certIssuer)
	if verified {
		t.CertPresented = rules.Known(true)
	}
}

// certBySendmail: {verify} says what came of the certificate (op.me, "STARTTLS"),
// and the names are there whether it was verified or not. Anyone can write a
// name into a certificate of their own, so an unverified one has no names here,
// as with Postfix.
func certBySendmail(t *rules.TLS, m macros, complete bool) {
	yes, no, empty := rules.Known(true), rules.Known(false), rules.Known("")
	switch m.verify {
	case "OK":
		t.CertPresented, t.CertVerified = yes, yes
		t.CertSubject = certName(m.cnSubject, complete)
		t.CertIssuer = certName(m.cnIssuer, complete)
		t.CertDN = certName(m.certSubject, complete)
		t.CertFingerprint = fingerprint(m)
	case "FAIL":
		t.CertPresented, t.CertVerified = yes, no
		t.CertSubject, t.CertIssuer, t.CertDN = empty, empty, empty
		t.CertFingerprint = fingerprint(m)
	case "NO", "NOT":
		t.CertPresented, t.CertVerified = no, no
		t.CertSubject, t.CertIssuer, t.CertDN = empty, empty, empty
		t.CertFingerprint, t.CertKeyFingerprint = empty, empty
	}
}

// certName is one name of a certificate: xtext, or a word that says that
// Sendmail could not read it.
func certName(value string, complete bool) rules.Fact[string] {
	switch {
	case strings.HasPrefix(value, "BadCertificate"), value == "" && !complete:
		return rules.Fact[string]{}
	}
	return rules.Known(xtext(value))
}

// fingerprint is that of a certificate that was presented, verified or not:
// {cert_fp}, by the digest of CertFingerprintAlgorithm, or where that is not set
// {cert_md5}. Of the key there is none.
func fingerprint(m macros) rules.Fact[string] {
	value := m.certFP
	if value == "" {
		value = m.certMD5
	}
	if _, err := rules.ParseFingerprint(value); err != nil {
		return rules.Fact[string]{} // also where Sendmail could not compute it
	}
	return rules.Known(value)
}
