package policyd

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/tlsname"
	"tlswarden/rules"
)

// attributes are the lines of a request, in an order of their own.
type attributes struct{ strings.Builder }

func (a *attributes) add(name, value string) { fmt.Fprintf(a, "%s=%s\n", name, value) }

func addText(a *attributes, name string, f rules.Fact[string]) {
	if v, ok := f.Get(); ok {
		a.add(name, v)
	}
}

func addValue[T any](a *attributes, name string, f rules.Fact[T]) {
	if v, ok := f.Get(); ok {
		a.add(name, fmt.Sprint(v))
	}
}

// requestOf writes the request by which Postfix would tell of a session. Facts
// that are unknown are left out.
func requestOf(s *rules.Session, state, instance string) string {
	a := &attributes{}
	a.add("request", "smtpd_access_policy")
	a.add("protocol_state", state)
	a.add("instance", instance)
	addValue(a, "client_address", s.Client)
	addText(a, "client_name", s.ClientName)
	addText(a, "reverse_client_name", s.ClientReverseName)
	addValue(a, "client_port", s.ClientPort)
	addText(a, "helo_name", s.Helo)
	addValue(a, "server_address", s.ServerAddress)
	addValue(a, "server_port", s.ServerPort)
	addText(a, "policy_context", s.PolicyContext)
	addText(a, "sasl_method", s.SASLMethod)
	addText(a, "sasl_username", s.SASLUser)
	addWritten(a, "sender", s.SenderAddress)
	addWritten(a, "recipient", s.RecipientAddress)
	addValue(a, "size", s.Size)
	addTLS(a, s)
	return a.String() + "\n"
}

func addTLS(a *attributes, s *rules.Session) {
	used, known := s.TLSUsed().Get()
	if !known {
		return
	}
	version := ""
	if used {
		version = s.TLSVersion().Or(tlsname.VersionUnknown).String()
	}
	a.add("encryption_protocol", version)
	addText(a, "encryption_cipher", s.Cipher())
	addValue(a, "encryption_keysize", s.CipherBits())
	for name, id := range map[string]rules.FieldID{
		"tls_sni": rules.FieldTLSSNI, "ccert_subject": rules.FieldCertSubject, "ccert_issuer": rules.FieldCertIssuer,
		"ccert_fingerprint": rules.FieldCertFingerprint, "ccert_pubkey_fingerprint": rules.FieldCertKeyFingerprint,
	} {
		if v, ok := rules.FieldByID(id).Read(s); ok {
			a.add(name, xtext(v.Text))
		}
	}
}

// xtext encodes as RFC 3461 section 4 has it.
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// known renders what is known of a session, a line for each field.
func known(s *rules.Session) string {
	var b strings.Builder
	for _, f := range rules.Fields() {
		if v, ok := f.Read(s); ok {
			text := f.Format(v)
			if text == "" {
				text = `""`
			}
			fmt.Fprintf(&b, "%s = %s\n", f.Name, text)
		}
	}
	return b.String()
}

// session reads a request back.
func session(t testing.TB, text string) *rules.Session {
	t.Helper()
	var r request
	if err := r.parse([]byte(strings.TrimSuffix(text, "\n"))); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	s := &rules.Session{}
	r.fill(s, stageOf(r.text(attrState)), new(mailaddr.Server))
	return s
}

func fullSession() *rules.Session {
	s := &rules.Session{
		ClientName: rules.Known("mx.example.net"), ClientReverseName: rules.Known("mx.example.net"),
		ClientPort: rules.Known(uint16(40123)), Helo: rules.Known("mx.example.net"),
		ServerAddress: rules.Known(addr("2001:db8::25")), ServerPort: rules.Known(uint16(587)),
		PolicyContext: rules.Known("submission"), Authenticated: rules.Known(true),
		SASLMethod: rules.Known("PLAIN"), SASLUser: rules.Known("user=1"), Size: rules.Known(int64(123456789012)),
	}
	s.SetClient(addr("198.51.100.7"))
	s.SetSender("o'hara@example.net")
	s.SetRecipient("r@example.com")
	s.SetTLS(rules.TLS{
		Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES256-GCM-SHA384", Bits: rules.Known(256), SNI: rules.Known("mx.example.com"),
		CertPresented: rules.Known(true), CertVerified: rules.Known(true),
		CertSubject: rules.Known("Jörg + Söhne = 1"), CertIssuer: rules.Known("Example CA"),
		CertFingerprint: rules.Known("61:9F:00"), CertKeyFingerprint: rules.Known("AA:BB:CC"),
	})
	return s
}

// TestSessionThereAndBack writes sessions as requests and reads them back.
func TestSessionThereAndBack(t *testing.T) {
	plain := fullSession()
	plain.SetPlaintext()
	plain.SetSender("")
	partly := fullSession()
	partly.ForgetTLS()
	partly.Authenticated, partly.SASLMethod, partly.SASLUser = rules.Fact[bool]{}, rules.Fact[string]{}, rules.Fact[string]{}
	partly.ForgetRecipient()
	odd := fullSession()
	odd.SetTLS(rules.TLS{Cipher: "NEW-SUITE"})
	for i, want := range []*rules.Session{fullSession(), plain, partly, odd, {}} {
		text := requestOf(want, "RCPT", "1a.2.3.4")
		if got := known(session(t, text)); got != known(want) {
			t.Errorf("session %d\ngot:\n%s\nwant:\n%s", i, got, known(want))
		}
	}
}

// TestSuppliesWhatTheCatalogueSays checks that each field that the catalogue
// promises from the policy protocol comes, and no other.
func TestSuppliesWhatTheCatalogueSays(t *testing.T) {
	s := session(t, requestOf(fullSession(), "RCPT", "1"))
	for _, f := range rules.Fields() {
		if _, ok := f.Read(s); ok != (f.Supply.PostfixPolicy != "") {
			t.Errorf("%s: supplied %v, the catalogue says %q", f.Name, ok, f.Supply.PostfixPolicy)
		}
	}
}

// ask is one question with only what a test is about, on a usual session.
type ask struct {
	state, instance, recipient string
	more                       string // further attributes, separated by blanks
}

func (a ask) String() string {
	s := fullSession()
	s.PolicyContext, s.Size = rules.Fact[string]{}, rules.Fact[int64]{}
	s.ForgetTLS()
	if a.recipient == "" {
		s.ForgetRecipient()
	} else {
		s.SetRecipient(a.recipient)
	}
	text := strings.TrimSuffix(requestOf(s, a.state, a.instance), "\n")
	more := a.more
	if !strings.Contains(more, "encryption_protocol=") {
		text += "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n"
	}
	for line := range strings.FieldsSeq(more) {
		text += line + "\n"
	}
	return text + "\n"
}

// testNow is a time for gates that have no clock.
func testNow() rules.Fact[time.Time] {
	return rules.Known(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
}

func itoa(n int) string { return strconv.Itoa(n) }

// addWritten adds an address as the client wrote it.
func addWritten(a *attributes, name string, address func() (mailaddr.Address, bool)) {
	if x, ok := address(); ok {
		a.add(name, x.Written)
	}
}
