package rules

import (
	"testing"
	"time"
)

// TestCompleteTakesEveryFact shows that a session which knows nothing but that it
// is the same encryption learns all that another knows, save what is of the
// recipient or of the daemon.
func TestCompleteTakesEveryFact(t *testing.T) {
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES256-GCM-SHA384"})
	s.Complete(known())
	own := SetOf(FieldRecipient, FieldRecipientDomain, FieldNow, FieldListenerTLSSeen, FieldListenerCertSeen)
	for _, f := range Fields() {
		got, ok := f.Read(&s)
		if ok == own.Has(f.ID) {
			t.Errorf("%s: known is %v", f.Name, ok)
			continue
		}
		if want, _ := f.Read(known()); ok && got != want {
			t.Errorf("%s is %v, want %v", f.Name, got, want)
		}
	}
}

// TestCompleteOverwritesNothing shows that what is known stays.
func TestCompleteOverwritesNothing(t *testing.T) {
	var other Session
	other.SetTLS(TLS{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES256-GCM-SHA384", CertSubject: Known("forged")})
	other.Helo, other.RequireTLS, other.PolicyContext = Known("other"), Known(true), Known("other")
	other.SetSender("other@example.net")
	s, before := known(), known()
	s.Now, before.Now = Known(time.Unix(1, 0)), Known(time.Unix(1, 0))
	s.Complete(&other)
	for _, f := range Fields() {
		got, _ := f.Read(s)
		if want, _ := f.Read(before); got != want {
			t.Errorf("%s became %v, was %v", f.Name, got, want)
		}
	}
}

func TestSameTLS(t *testing.T) {
	plain, nothing := &Session{}, &Session{}
	plain.SetPlaintext()
	tls := func(version, cipher string) *Session {
		var s Session
		s.SetTLS(TLS{Version: version, Cipher: cipher, CertFingerprint: Known("AA")})
		return &s
	}
	const suite = "ECDHE-RSA-AES256-GCM-SHA384"
	for _, c := range []struct {
		name string
		a, b *Session
		want Agreement
	}{
		{"nothing and plaintext", nothing, plain, Unsettled},
		{"nothing and TLS", nothing, tls("TLSv1.2", suite), Unsettled},
		{"both plaintext", plain, plain, Agreed},
		{"plaintext and TLS", plain, tls("TLSv1.2", suite), Opposed},
		{"plaintext and TLS of an unknown version", plain, tls("", ""), Opposed},
		{"the same", tls("TLSv1.2", suite), tls("TLSv1.2", suite), Agreed},
		{"another version", tls("TLSv1.2", suite), tls("TLSv1.1", suite), Opposed},
		{"another suite", tls("TLSv1.3", "TLS_AES_128_GCM_SHA256"), tls("TLSv1.3", "TLS_AES_256_GCM_SHA384"), Opposed},
		{"no version", tls("TLSv1.2", suite), tls("", suite), Unsettled},
		{"no suite", tls("TLSv1.3", ""), tls("TLSv1.3", "TLS_AES_256_GCM_SHA384"), Unsettled},
	} {
		for _, pair := range [][2]*Session{{c.a, c.b}, {c.b, c.a}} {
			if got := pair[0].SameTLS(pair[1]); got != c.want {
				t.Errorf("%s: %d, want %d", c.name, got, c.want)
			}
			s := *pair[0]
			s.Complete(pair[1])
			lent := s.tls.CertFingerprint.known && !pair[0].tls.CertFingerprint.known
			if lent && c.want != Agreed {
				t.Errorf("%s: a fingerprint was lent", c.name)
			}
		}
	}
}

// TestMergedCertificate shows that what is not known of a certificate that was
// sent is not known either where the other side takes it for none.
func TestMergedCertificate(t *testing.T) {
	certificate := func(presented, verified Fact[bool], names Fact[string]) *Session {
		var s Session
		s.SetTLS(TLS{Version: "TLSv1.2", Cipher: "AES128-SHA", CertPresented: presented, CertVerified: verified, CertSubject: names, CertIssuer: names})
		return &s
	}
	var unknown Fact[bool]
	yes, no := Known(true), Known(false)
	for name, c := range map[string]struct {
		milter, policy, want *Session
	}{
		"sent, without names": {certificate(unknown, no, Known("")), certificate(yes, unknown, Fact[string]{}), certificate(yes, unknown, Fact[string]{})},
		"verified":            {certificate(yes, yes, Known("mx")), certificate(yes, yes, Known("mx")), certificate(yes, yes, Known("mx"))},
		"none":                {certificate(unknown, no, Known("")), certificate(no, no, Known("")), certificate(no, no, Known(""))},
		"one side is silent":  {certificate(unknown, unknown, Fact[string]{}), certificate(yes, yes, Known("mx")), certificate(yes, yes, Known("mx"))},
		"neither knows of it": {certificate(unknown, no, Known("")), certificate(unknown, unknown, Fact[string]{}), certificate(unknown, no, Known(""))},
	} {
		for i, pair := range [][2]*Session{{c.milter, c.policy}, {c.policy, c.milter}} {
			s := *pair[0]
			s.Complete(pair[1])
			if got, want := s.tls.TLS, c.want.tls.TLS; got != want {
				t.Errorf("%s, %d: %+v, want %+v", name, i, got, want)
			}
		}
	}
}

// TestMergedHelo shows that a name of HELO counts beside a side that knows of none.
func TestMergedHelo(t *testing.T) {
	for _, names := range [][2]string{{"", "mx.example.net"}, {"mx.example.net", ""}} {
		s, other := Session{Helo: Known(names[0])}, Session{Helo: Known(names[1])}
		s.Complete(&other)
		if got := s.Helo.Or("?"); got != "mx.example.net" {
			t.Errorf("%q: %q", names, got)
		}
	}
}
