package policyd

import (
	"net/netip"
	"strconv"
	"strings"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// notAvailable is what Postfix sends in place of a name, address or port that
// it does not have.
const notAvailable = "unknown"

// fill makes a session of the request's attributes. Its strings are parts of
// the request.
func (r *request) fill(s *rules.Session, st stage, reads *mailaddr.Server) {
	*s = rules.Session{}
	if a, ok := r.address(attrClientAddress); ok {
		s.SetClient(a)
	}
	s.ClientName = r.name(attrClientName)
	s.ClientReverseName = r.name(attrReverseClientName)
	s.ClientPort = r.port(attrClientPort)
	s.Helo = r.fact(attrHelo)
	if a, ok := r.address(attrServerAddress); ok {
		s.ServerAddress = rules.Known(a.Unmap().WithZone(""))
	}
	s.ServerPort = r.port(attrServerPort)
	s.PolicyContext = r.fact(attrContext)
	r.fillLogin(s)
	r.fillEnvelope(s, st, reads)
	r.fillTLS(s)
}

// fillLogin tells whether the client logged in. Postfix sends both attributes,
// empty without a login, if it is built with SASL.
func (r *request) fillLogin(s *rules.Session) {
	s.SASLMethod, s.SASLUser = r.fact(attrSASLMethod), r.fact(attrSASLUsername)
	if s.SASLMethod.Known() || s.SASLUser.Known() {
		s.Authenticated = rules.Known(r.text(attrSASLMethod) != "" || r.text(attrSASLUsername) != "")
	}
}

// fillEnvelope reads the addresses, which Postfix sends unquoted and else as the
// client wrote them, before any rewriting.
func (r *request) fillEnvelope(s *rules.Session, st stage, reads *mailaddr.Server) {
	here := s.ServerAddress.Or(netip.Addr{})
	if sender, ok := r.fact(attrSender).Get(); ok {
		s.SetSenderAddress(reads.Read(sender, here))
	}
	// Empty where a message has several recipients (SMTPD_POLICY_README).
	if recipient := r.text(attrRecipient); recipient != "" {
		s.SetRecipientAddress(reads.Read(recipient, here))
	}
	// The size is what the client declared, 0 if nothing, until the message is
	// there.
	if n, ok := r.number(attrSize, 63); ok && (n > 0 || st == stageEnd) {
		s.Size = rules.Known(int64(n))
	}
}

func (r *request) fillTLS(s *rules.Session) {
	version, ok := r.fact(attrProtocol).Get()
	switch {
	case !ok: // Postfix without TLS, or older than 2.3
		return
	case version == "":
		s.SetPlaintext()
		return
	case !strings.HasPrefix(version, "SSLv") && !strings.HasPrefix(version, "TLSv"):
		version = "" // encrypted, OpenSSL says "unknown"
	}
	t := rules.TLS{
		Version:            version,
		Cipher:             r.text(attrCipher),
		SNI:                r.fact(attrSNI),
		CertSubject:        r.xtext(attrCertSubject),
		CertIssuer:         r.xtext(attrCertIssuer),
		CertFingerprint:    r.fact(attrCertFingerprint),
		CertKeyFingerprint: r.fact(attrCertKeyFingerprint),
	}
	if bits, ok := r.number(attrKeysize, 31); ok {
		t.Bits = rules.Known(int(bits))
	}
	r.fillCert(&t)
	s.SetTLS(t)
}

// fillCert tells whether the client sent a certificate, and whether Postfix
// trusts it: subject and issuer are filled only then, the fingerprint always.
// Without a certificate, and with a raw public key, all three are empty. With a
// fingerprint alone Postfix does not trust the certificate, or it does, and the
// certificate has no such names (RFC 9525 wants them in subjectAltName).
func (r *request) fillCert(t *rules.TLS) {
	print, known := t.CertFingerprint.Get()
	switch {
	case t.CertSubject.Or("") != "" || t.CertIssuer.Or("") != "":
		t.CertPresented, t.CertVerified = rules.Known(true), rules.Known(true)
	case known && print == "":
		t.CertPresented, t.CertVerified = rules.Known(false), rules.Known(false)
	default:
		if known {
			t.CertPresented = rules.Known(true)
		}
		t.CertSubject, t.CertIssuer = rules.Fact[string]{}, rules.Fact[string]{}
	}
}

// address reads an IP address; Postfix writes IPv6 ones without "IPv6:".
func (r *request) address(a attribute) (netip.Addr, bool) {
	text := r.text(a)
	if text == "" || text == notAvailable {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(text)
	return ip, err == nil
}

// name reads a host name. "unknown" stands for a client that has none as well
// as for a look-up that failed for the moment, so nothing follows from it.
func (r *request) name(a attribute) rules.Fact[string] {
	if r.text(a) == notAvailable {
		return rules.Fact[string]{}
	}
	return r.fact(a)
}

func (r *request) port(a attribute) rules.Fact[uint16] {
	n, ok := r.number(a, 16)
	if !ok || n == 0 {
		return rules.Fact[uint16]{}
	}
	return rules.Known(uint16(n))
}

// number reads a decimal number of so many bits.
func (r *request) number(a attribute, bits int) (uint64, bool) {
	text := r.text(a)
	if text == "" || text == notAvailable {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, bits)
	return n, err == nil
}

func (r *request) xtext(a attribute) rules.Fact[string] {
	value, ok := r.fact(a).Get()
	if !ok || strings.IndexByte(value, '+') < 0 {
		return r.fact(a)
	}
	return rules.Known(decodeXtext(value))
}

// decodeXtext decodes RFC 3461 section 4: "+" and two upper-case hexadecimal
// digits stand for an octet. Text that is not of that form, as Postfix before
// 2.2.11 sends it, is returned as it is.
func decodeXtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '+' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return s
		}
		high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
		if high < 0 || low < 0 {
			return s
		}
		b.WriteByte(byte(high<<4 | low))
		i += 2
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
