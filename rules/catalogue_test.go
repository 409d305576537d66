package rules

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// plainName drops what tells a Go name from that of a field.
func plainName(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", ".", "").Replace(s))
}

// TestEveryFactHasItsRow proves that the catalogue lacks no fact of a Session,
// and no field a fact.
func TestEveryFactHasItsRow(t *testing.T) {
	facts := map[string]bool{"tls": true, "sender": true, "senderdomain": true, "recipient": true, "recipientdomain": true}
	collect := func(typ reflect.Type, rename map[string]string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			name := f.Name
			if r, ok := rename[name]; ok {
				name = r
			}
			facts[plainName(name)] = true
		}
	}
	collect(reflect.TypeFor[Session](), map[string]string{"Message": "tls"}) // whose facts follow
	collect(reflect.TypeFor[MessageFacts](), map[string]string{
		"Encrypted": "message.encrypted", "TLSRequiredNo": "message.tls_required_no",
		"SPF": "message.spf", "DKIM": "message.dkim", "DMARC": "message.dmarc",
	})
	collect(reflect.TypeFor[TLS](), map[string]string{"Version": "tls_version", "Bits": "cipher_bits", "SNI": "tls_sni"})
	rows := map[string]bool{}
	for _, f := range Fields() {
		rows[plainName(f.Name)] = true
		if !facts[plainName(f.Name)] {
			t.Errorf("field %s has no fact in Session", f.Name)
		}
		if f.Meaning == "" || f.read == nil {
			t.Errorf("field %s lacks its meaning or its reader", f.Name)
		}
		if !f.Supply.Milter() && !f.Supply.Policy() {
			t.Errorf("no front end supplies %s", f.Name)
		}
	}
	for name := range facts {
		if !rows[name] {
			t.Errorf("fact %s has no row in the catalogue", name)
		}
	}
}

func TestCatalogueOrder(t *testing.T) {
	for i, f := range Fields() {
		if int(f.ID) != i {
			t.Errorf("row %d has the id %d (%s)", i, f.ID, f.Name)
		}
		if FieldByName(f.Name) != f || FieldByID(f.ID) != f {
			t.Errorf("%s is not found by its name or id", f.Name)
		}
	}
	if FieldByName("TLS") != nil {
		t.Error("names are matched without regard to case")
	}
}

// known is a session that knows everything.
func known() *Session {
	var s Session
	s.SetClient(netip.MustParseAddr("192.0.2.1"))
	s.ClientName, s.ClientReverseName, s.Helo = Known("mx.example.org"), Known("mx.example.org"), Known("mx.example.org")
	s.ClientPort, s.ServerPort = Known(uint16(40000)), Known(uint16(25))
	s.ServerAddress = Known(netip.MustParseAddr("192.0.2.2"))
	s.DaemonName, s.PolicyContext = Known("MTA"), Known("ctx")
	s.ListenerTLSSeen, s.ListenerCertSeen = Known(true), Known(true)
	s.Authenticated, s.SASLMethod, s.SASLUser = Known(true), Known("PLAIN"), Known("joe")
	s.Size, s.RequireTLS, s.Now = Known(int64(1)), Known(false), Known(time.Now())
	s.Message = MessageFacts{
		Encrypted: Known("no"), TLSRequiredNo: Known(false), SPF: Known("pass"), DKIM: Known("none"), DMARC: Known("fail"),
	}
	s.SetTLS(TLS{
		Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES256-GCM-SHA384", Bits: Known(256), SNI: Known("mx.example.com"),
		CertPresented: Known(true), CertVerified: Known(true), CertSubject: Known("mx"), CertDN: Known("/CN=mx"),
		CertIssuer: Known("CA"), CertFingerprint: Known("AA:BB"), CertKeyFingerprint: Known("CC:DD"),
	})
	s.SetSender("a@example.org")
	s.SetRecipient("b@example.com")
	return &s
}

func TestZeroSessionKnowsNothing(t *testing.T) {
	var zero Session
	plain := Session{}
	plain.SetPlaintext()
	for _, f := range Fields() {
		if v, ok := f.Read(&zero); ok {
			t.Errorf("%s of the zero session is known: %v", f.Name, v)
		}
		if _, ok := f.Read(known()); !ok {
			t.Errorf("%s of a session that knows everything is unknown", f.Name)
		}
		_, ok := f.Read(&plain)
		if tlsFact := f.ID >= FieldTLS && f.ID <= FieldCertKeyFingerprint; ok != tlsFact {
			t.Errorf("%s in plaintext: known is %v", f.Name, ok)
		}
	}
}

func TestFieldFormat(t *testing.T) {
	want := map[FieldID]string{
		FieldClient: "192.0.2.1", FieldTLS: "true", FieldTLSVersion: "TLSv1.2", FieldServerPort: "25",
		FieldCertFingerprint: "aabb", FieldSenderDomain: "example.org", FieldRequireTLS: "false",
	}
	for id, text := range want {
		f := FieldByID(id)
		v, _ := f.Read(known())
		if got := f.Format(v); got != text {
			t.Errorf("%s: %q, want %q", f.Name, got, text)
		}
	}
}
