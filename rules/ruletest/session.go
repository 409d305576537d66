package ruletest

import (
	"net/netip"
	"time"

	"tlswarden/rules"
)

// Facts are the facts of a test's session by field name, as TOML types them:
// string, int64, bool or time.Time.
type Facts map[string]any

func (f Facts) text(name string) string {
	s, _ := f[name].(string)
	return s
}

func (f Facts) number(name string) int64 {
	n, _ := f[name].(int64)
	return n
}

func (f Facts) flag(name string) bool {
	b, _ := f[name].(bool)
	return b
}

// fact returns a fact that stays unknown unless it is given.
func fact[T any](f Facts, name string) rules.Fact[T] {
	if v, ok := f[name].(T); ok {
		return rules.Known(v)
	}
	return rules.Fact[T]{}
}

// Session builds the session that the facts describe, without those of plugins.
func (f Facts) Session(now time.Time) *rules.Session {
	var s rules.Session
	f.client(&s)
	s.ServerAddress = rules.Known(f.addr("server_address"))
	s.ServerPort = rules.Known(uint16(f.number("server_port")))
	s.DaemonName = rules.Known(f.text("daemon_name"))
	s.PolicyContext = rules.Known(f.text("policy_context"))
	s.ListenerTLSSeen = rules.Known(f.seen("listener.tls_seen"))
	s.ListenerCertSeen = rules.Known(f.seen("listener.cert_seen"))
	f.tls(&s)
	s.SASLMethod = rules.Known(f.text("sasl_method"))
	s.SASLUser = rules.Known(f.text("sasl_user"))
	s.Authenticated = rules.Known(f.LoggedIn())
	s.SetSender(f.mailbox("sender"))
	s.SetRecipient(f.mailbox("recipient"))
	s.Size = rules.Known(f.number("size"))
	s.RequireTLS = rules.Known(f.flag("requiretls"))
	s.Message = rules.MessageFacts{
		Encrypted:     fact[string](f, "message.encrypted"),
		TLSRequiredNo: fact[bool](f, "message.tls_required_no"),
		SPF:           fact[string](f, "message.spf"),
		DKIM:          fact[string](f, "message.dkim"),
		DMARC:         fact[string](f, "message.dmarc"),
	}
	if t, ok := f["now"].(time.Time); ok {
		now = t
	}
	s.Now = rules.Known(now)
	return &s
}

// mailbox is the address under a name, or one of the domain that is given alone.
func (f Facts) mailbox(name string) string {
	domain := f.text(name + "_domain")
	if _, given := f[name]; given || domain == "" {
		return f.address(name)
	}
	return "someone@" + domain
}

// seen is a listener fact: true unless the test says otherwise.
func (f Facts) seen(name string) bool {
	b, given := f[name].(bool)
	return b || !given
}

// LoggedIn says whether the test's client logged in.
func (f Facts) LoggedIn() bool {
	return f.flag("authenticated") || f.text("sasl_user") != "" || f.text("sasl_method") != ""
}

func (f Facts) client(s *rules.Session) {
	s.SetClient(f.addr("client"))
	if local, given := f["local"].(bool); given {
		s.Local = rules.Known(local)
	}
	s.ClientName = rules.Known(f.text("client_name"))
	s.ClientReverseName = rules.Known(f.text("client_reverse_name"))
	s.ClientPort = rules.Known(uint16(f.number("client_port")))
	s.Helo = rules.Known(f.text("helo"))
}

// addr is an address whose form Parse has checked; none is the zero Addr.
func (f Facts) addr(name string) netip.Addr {
	a, _ := netip.ParseAddr(f.text(name))
	return a.Unmap()
}

// address is an envelope address; the null sender may be written "<>".
func (f Facts) address(name string) string {
	if a := f.text(name); a != "<>" {
		return a
	}
	return ""
}

// Encrypted says whether the test's session is encrypted: true, false or
// unknown.
func (f Facts) Encrypted() rules.Fact[bool] {
	if b, ok := f["tls"].(bool); ok {
		return rules.Known(b)
	}
	if v, ok := f["tls_version"].(string); ok {
		return rules.Known(v != "none")
	}
	if _, ok := f["cipher"]; ok {
		return rules.Known(true)
	}
	return rules.Fact[bool]{}
}

func (f Facts) tls(s *rules.Session) {
	used, known := f.Encrypted().Get()
	switch {
	case !known:
		return
	case !used:
		s.SetPlaintext()
		return
	}
	t := rules.TLS{
		Version:            f.text("tls_version"),
		Cipher:             f.text("cipher"),
		SNI:                fact[string](f, "tls_sni"),
		CertPresented:      rules.Known(f.flag("cert_presented") || f.flag("cert_verified")),
		CertVerified:       rules.Known(f.flag("cert_verified")),
		CertSubject:        rules.Known(f.text("cert_subject")),
		CertDN:             rules.Known(f.text("cert_dn")),
		CertIssuer:         rules.Known(f.text("cert_issuer")),
		CertFingerprint:    rules.Known(f.text("cert_fingerprint")),
		CertKeyFingerprint: rules.Known(f.text("cert_key_fingerprint")),
	}
	if n, ok := f["cipher_bits"].(int64); ok {
		t.Bits = rules.Known(int(n))
	}
	s.SetTLS(t)
}
