package milter

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
	"tlswarden/rules/ruletest"
	"tlswarden/rules/ruletest/corpus"
)

// start serves a listener until the end of the test.
func start(t testing.TB, c Config, ln net.Listener) *Server {
	t.Helper()
	s := New(c)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// dialServer starts a server for one connection, and ends it with the test.
func dialServer(t testing.TB, c Config) *wire {
	t.Helper()
	ln := newPipes()
	start(t, c, ln)
	w := newWire(t, ln.dial())
	t.Cleanup(func() { w.conn.Close() })
	return w
}

// base is a session in plaintext.
func base(mta string) smtpSession {
	return smtpSession{
		mta: mta, client: "198.51.100.7", clientPort: 40000, clientName: "mail.example.net", clientReverse: "mail.example.net",
		serverAddress: "192.0.2.25", serverPort: 25, helo: "mail.example.net",
		sender: "a@example.net", recipients: []string{"b@example.com"},
	}
}

// encrypted is the same with TLS.
func encrypted(mta string) smtpSession {
	s := base(mta)
	s.tls, s.version, s.cipher, s.bits = true, "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256
	return s
}

// with changes a session.
func (s smtpSession) with(change func(*smtpSession)) smtpSession {
	change(&s)
	return s
}

// factsOf plays a session and returns what the gate saw at the last recipient.
func factsOf(t *testing.T, s smtpSession) map[string]string {
	t.Helper()
	gate := &scriptGate{}
	w := dialServer(t, Config{Gate: gate})
	if o := w.play(s); o.end != "c" {
		t.Fatalf("the outcome is %+v", o)
	}
	return gate.facts
}

// TestTLSFacts holds what is known of TLS against what there is, for both MTAs,
// with and without our macro lists.
func TestTLSFacts(t *testing.T) {
	named := func(kind string) func(*smtpSession) {
		return func(s *smtpSession) {
			s.cert, s.certSubject, s.certIssuer, s.certDN = kind, "client (x).example.net", "Some CA", "/O=Example/CN=client (x).example.net"
		}
	}
	ownLists := func(s *smtpSession) { s.ownLists = true }
	noHelo := func(s *smtpSession) { s.noSecondHelo = true }
	const sha256FP = "83:05:1C:95:73:7A:BE:E9:83:05:1C:95:73:7A:BE:E9:83:05:1C:95:73:7A:BE:E9:83:05:1C:95:73:7A:BE:E9"
	const version = `tls="true" tls_version="TLSv1.3" cipher="TLS_AES_256_GCM_SHA384" cipher_bits="256"`
	const noNames = ` cert_subject="" cert_dn="" cert_issuer="" cert_fingerprint="" cert_key_fingerprint=""`
	const plaintext = `tls="false" tls_version="none" cipher="" cipher_bits="0" tls_sni="" cert_presented="false" cert_verified="false"` + noNames
	const postfixUnverified = version + ` cert_verified="false" cert_subject="" cert_issuer=""`
	const postfixVerified = version + ` cert_presented="true" cert_verified="true" cert_subject="client (x).example.net" cert_issuer="Some CA"`
	tests := []struct {
		name    string
		session smtpSession
		want    string
	}{
		{"postfix, plaintext", base(postfix), plaintext},
		{"postfix, no certificate", encrypted(postfix), postfixUnverified},
		{"postfix, untrusted", encrypted(postfix).with(named(untrustedCert)), postfixUnverified},
		{"postfix, trusted", encrypted(postfix).with(named(trustedCert)), postfixVerified},
		{"postfix, trusted, a name of the issuer alone", encrypted(postfix).with(named(trustedCert)).with(func(s *smtpSession) { s.certSubject = "" }),
			version + ` cert_presented="true" cert_verified="true" cert_subject="" cert_issuer="Some CA"`},
		{"postfix, no second EHLO", encrypted(postfix).with(noHelo), postfixUnverified},
		{"postfix, SNI", encrypted(postfix).with(func(s *smtpSession) { s.sni = "mx.example.com" }),
			`tls="true" tls_version="TLSv1.3" cipher="TLS_AES_256_GCM_SHA384" cipher_bits="256" tls_sni="mx.example.com" cert_verified="false" cert_subject="" cert_issuer=""`},
		{"postfix, own lists, plaintext", base(postfix).with(ownLists), ""},
		{"postfix, own lists, trusted", encrypted(postfix).with(named(trustedCert)).with(ownLists), postfixVerified},
		{"postfix, own lists, no certificate", encrypted(postfix).with(ownLists), postfixUnverified},
		{"postfix, own lists, no second EHLO", encrypted(postfix).with(ownLists).with(noHelo), ""},

		{"sendmail, plaintext", base(sendmail), plaintext},
		{"sendmail, no certificate", encrypted(sendmail), version + ` cert_presented="false" cert_verified="false"` + noNames},
		{"sendmail, untrusted", encrypted(sendmail).with(named(untrustedCert)),
			version + ` cert_presented="true" cert_verified="false" cert_subject="" cert_dn="" cert_issuer=""`},
		{"sendmail, trusted", encrypted(sendmail).with(named(trustedCert)),
			version + ` cert_presented="true" cert_verified="true" cert_subject="client (x).example.net" cert_dn="/O=Example/CN=client (x).example.net" cert_issuer="Some CA"`},
		{"sendmail, untrusted, fingerprint", encrypted(sendmail).with(named(untrustedCert)).with(func(s *smtpSession) { s.certFP = sha256FP }),
			version + ` cert_presented="true" cert_verified="false" cert_subject="" cert_dn="" cert_issuer="" cert_fingerprint="` + strings.ToLower(strings.ReplaceAll(sha256FP, ":", "")) + `"`},
		{"sendmail, untrusted, MD5", encrypted(sendmail).with(named(untrustedCert)).with(func(s *smtpSession) { s.certMD5 = "D4:32:6A:61:B5:28:09:D4:C0:7C:A5:96:00:64:BC:E6" }),
			version + ` cert_presented="true" cert_verified="false" cert_subject="" cert_dn="" cert_issuer="" cert_fingerprint="d4326a61b52809d4c07ca5960064bce6"`},
		{"sendmail, a fingerprint that is none", encrypted(sendmail).with(named(untrustedCert)).with(func(s *smtpSession) { s.certFP = "D4:32:6A" }),
			version + ` cert_presented="true" cert_verified="false" cert_subject="" cert_dn="" cert_issuer=""`},
		{"sendmail, a fingerprint without certificate", encrypted(sendmail).with(func(s *smtpSession) { s.certFP = sha256FP }), version + ` cert_presented="false" cert_verified="false"` + noNames},
		{"sendmail, no second EHLO", encrypted(sendmail).with(noHelo), version + ` cert_presented="false" cert_verified="false"` + noNames},
		{"sendmail, own lists, plaintext", base(sendmail).with(ownLists), ""},
		{"sendmail, own lists, trusted", encrypted(sendmail).with(named(trustedCert)).with(ownLists), version + ` cert_presented="true"`},
		{"sendmail, own lists, no second EHLO", encrypted(sendmail).with(ownLists).with(noHelo), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := tlsFacts(factsOf(t, test.session)); got != test.want {
				t.Errorf("known is\n%s\nnot\n%s", got, test.want)
			}
		})
	}
}

// tlsFacts renders the facts about TLS, in the order of the catalogue.
func tlsFacts(facts map[string]string) string {
	var known []string
	for _, f := range rules.Fields() {
		value, ok := facts[f.Name]
		if ok && (f.ID >= rules.FieldTLS && f.ID <= rules.FieldCertKeyFingerprint) {
			known = append(known, f.Name+"="+value)
		}
	}
	return strings.Join(known, " ")
}

// TestOtherFacts shows that both MTAs' ways to say the other facts come to the
// same.
func TestOtherFacts(t *testing.T) {
	for _, mta := range []string{postfix, sendmail} {
		for _, client := range []string{"198.51.100.7", "2001:db8::7"} {
			t.Run(mta+"/"+client, func(t *testing.T) {
				s := base(mta)
				s.client, s.serverAddress, s.clientName = client, "2001:db8::25", ""
				s.method, s.user, s.size, s.requireTLS = "PLAIN", "some (one)", 1234, true
				got := factsOf(t, s)
				for name, want := range map[string]string{
					"client": client, "local": "false", "client_name": "", "client_reverse_name": "mail.example.net",
					"client_port": "40000", "helo": "mail.example.net", "server_address": "2001:db8::25", "server_port": "25",
					"authenticated": "true", "sasl_method": "PLAIN", "sasl_user": "some (one)",
					"sender": "a@example.net", "recipient": "b@example.com", "size": "1234", "requiretls": "true",
				} {
					if got[name] != fmt.Sprintf("%q", want) {
						t.Errorf("%s is %s, want %q", name, got[name], want)
					}
				}
			})
		}
	}
}

// TestMessagesOfOneConnection shows that what is known of the connection lasts
// from one message to the next, with Postfix's abort between them and without,
// and what is known of a message does not.
func TestMessagesOfOneConnection(t *testing.T) {
	for _, mta := range []string{postfix, sendmail} {
		t.Run(mta, func(t *testing.T) {
			gate := &scriptGate{}
			w := dialServer(t, Config{Gate: gate})
			w.negotiate(terms{version: 6, actions: 0x1ff, protocol: 0x1fffff})
			p := &player{wire: w, s: encrypted(mta)}
			p.s.user, p.s.requireTLS = "someone", true
			p.connect()
			p.message()
			first := gate.facts
			p.s.user, p.s.requireTLS, p.s.sender = "", false, ""
			p.message()
			if first["tls"] != `"true"` || tlsFacts(first) != tlsFacts(gate.facts) {
				t.Errorf("TLS was %s and is %s", tlsFacts(first), tlsFacts(gate.facts))
			}
			for name, want := range map[string]string{"helo": `"mail.example.net"`, "client": `"198.51.100.7"`,
				"authenticated": `"false"`, "requiretls": `"false"`, "sender": `""`} {
				if gate.facts[name] != want {
					t.Errorf("%s is %s, want %s", name, gate.facts[name], want)
				}
			}
		})
	}
}

// TestVerdicts plays sessions to a real policy: what is refused, and that want
// of knowledge never bounces mail.
func TestVerdicts(t *testing.T) {
	policy := rules.New(rules.Config{StampAll: true, Rules: []*rules.Rule{
		ruleOf("everyone", &rules.Profile{Name: "any-tls"}, rules.Reject),
	}})
	for _, mta := range []string{postfix, sendmail} {
		tests := []struct {
			name    string
			session smtpSession
			want    outcome
		}{
			{"plaintext", base(mta), outcome{replies: []string{"530 5.7.0 no encryption; this mail needs TLS, use STARTTLS"}}},
			{"TLS", encrypted(mta), outcome{replies: []string{"c"}, end: "c",
				changes: []string{"i 0 X-TLS-Policy pass; TLSv1.3 TLS_AES_256_GCM_SHA384 256"}}},
			{"TLS, forged", encrypted(mta).with(func(s *smtpSession) { s.headers = []string{"Received: x", "x-tls-policy: pass"} }),
				outcome{replies: []string{"c"}, end: "c", changes: []string{"m 1 X-TLS-Policy ",
					"i 0 X-TLS-Policy pass; TLSv1.3 TLS_AES_256_GCM_SHA384 256"}}},
			{"own lists, plaintext", base(mta).with(func(s *smtpSession) { s.ownLists = true }),
				outcome{replies: []string{"451 4.7.0 it is not known whether the session is encrypted; this mail needs TLS"}}},
			{"loopback", base(mta).with(func(s *smtpSession) { s.client = "127.0.0.1" }), outcome{replies: []string{"c"}, end: "c"}},
		}
		for _, test := range tests {
			t.Run(mta+"/"+test.name, func(t *testing.T) {
				w := dialServer(t, Config{Gate: policyGate{policy}})
				got := w.play(test.session)
				if !slices.Equal(got.replies, test.want.replies) || got.end != test.want.end || !slices.Equal(got.changes, test.want.changes) {
					t.Errorf("the outcome is\n%+v\nnot\n%+v", got, test.want)
				}
			})
		}
	}
}

// corpusGate gives a case's policy the facts that only a gate knows.
type corpusGate struct {
	policyGate
	facts ruletest.Facts
	last  *rules.Decision
}

func (g corpusGate) Open() Transaction { return g }

func (g corpusGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	given := g.facts.Session(time.Now())
	s.ListenerTLSSeen, s.ListenerCertSeen, s.Now = given.ListenerTLSSeen, given.ListenerCertSeen, given.Now
	*g.last = g.policy.Decide(s, later, "test")
	return *g.last, nil
}

// TestCorpus plays the shared session cases, and such as only a milter can, by the milter protocol, as both
// MTAs. The verdicts must be those of the engine alone.
func TestCorpus(t *testing.T) {
	var cases []corpus.Case
	for _, dir := range []string{"../rules/ruletest/testdata", "testdata/corpus"} {
		more, err := corpus.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, more...)
	}
	for _, mta := range []string{postfix, sendmail} {
		played := 0
		for _, c := range cases {
			s, ok := sessionOf(mta, c)
			if !ok {
				continue
			}
			played++
			t.Run(mta+"/"+c.Name, func(t *testing.T) {
				var d rules.Decision
				w := dialServer(t, Config{Gate: corpusGate{policyGate{c.Policy}, c.Test.Facts, &d}})
				o := w.play(s)
				for _, line := range c.Test.Check(&d) {
					t.Error(line)
				}
				want := "c"
				if d.Action >= rules.Defer {
					want = d.Reply.String()
				}
				got := o.replies[0]
				if got == "c" { // at the end the message is the last to speak
					got = o.end
				}
				if got != want {
					t.Errorf("the reply is %q, want %q", got, want)
				}
			})
		}
		if played*2 < len(cases) {
			t.Errorf("of %d cases %s can play only %d", len(cases), mta, played)
		}
	}
}

// sessionOf makes a case of the corpus a session of an MTA, unless the policy
// looks at what that MTA does not tell a milter.
func sessionOf(mta string, c corpus.Case) (smtpSession, bool) {
	given := c.Test.Facts.Session(time.Now())
	used, known := given.TLSUsed().Get()
	silent := rules.SetOf(rules.FieldPolicyContext, rules.FieldDaemonName)
	if used {
		silent |= rules.SetOf(rules.FieldCertKeyFingerprint, rules.FieldTLSSNI)
		if mta == postfix {
			silent |= rules.SetOf(rules.FieldCertPresented, rules.FieldCertDN, rules.FieldCertFingerprint)
		}
	}
	if !known { // neither are the macros of CONNECT that are asked for
		silent |= rules.SetOf(rules.FieldClientName, rules.FieldClientReverseName, rules.FieldServerPort, rules.FieldServerAddress)
	}
	client, ok := given.Client.Get()
	if c.Policy.Needs()&silent != 0 || !ok || !client.IsValid() || used && !given.TLSVersion().Known() {
		return smtpSession{}, false
	}
	text := func(name string) string { s, _ := c.Test.Facts[name].(string); return s }
	s := smtpSession{
		mta: mta, ownLists: !known,
		client: client.String(), clientPort: given.ClientPort.Or(0), clientName: given.ClientName.Or(""), clientReverse: given.ClientReverseName.Or(""),
		serverAddress: text("server_address"), serverPort: given.ServerPort.Or(0), helo: given.Helo.Or(""),
		tls: used, version: text("tls_version"), cipher: given.Cipher().Or(""), bits: given.CipherBits().Or(-1),
		certSubject: text("cert_subject"), certDN: text("cert_dn"), certIssuer: text("cert_issuer"), certFP: text("cert_fingerprint"),
		method: given.SASLMethod.Or(""), user: given.SASLUser.Or(""),
		sender: written(given.SenderAddress()), size: given.Size.Or(0), requireTLS: given.RequireTLS.Or(false),
		recipients: []string{written(given.RecipientAddress())},
	}
	switch {
	case given.CertVerified().Or(false):
		s.cert = trustedCert
	case given.CertPresented().Or(false):
		s.cert = untrustedCert
	}
	s.says(c)
	return s, true
}

// says has the message say what the case knows of it. A field that comes twice
// is unknown.
func (s *smtpSession) says(c corpus.Case) {
	switch c.Test.Facts["message.encrypted"] {
	case "smime":
		s.headers = append(s.headers, "Content-Type: application/pkcs7-mime; smime-type=enveloped-data")
	case "pgp":
		s.body = []string{"-----BEGIN PGP MESSAGE-----\r\n", "\r\nhQEMA\r\n"}
	case nil:
		s.headers = append(s.headers, "Content-Type: text/plain", "Content-Type: text/html")
	}
	switch c.Test.Facts["message.tls_required_no"] {
	case true:
		s.headers = append(s.headers, "TLS-Required: No")
	case nil:
		s.headers = append(s.headers, "TLS-Required: No", "TLS-Required: No")
	}
	results := ""
	for _, method := range []string{"spf", "dkim", "dmarc"} {
		if result, ok := c.Test.Facts["message."+method].(string); ok {
			results += "; " + method + "=" + result
		}
	}
	if trusted := c.Policy.Trusted(); results != "" {
		s.headers = append(s.headers, "Authentication-Results: "+trusted[0]+results)
	}
}

// written is an address as a client writes it.
func written(a mailaddr.Address, _ bool) string { return a.Written }
