package milter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// echoGate says all that it knows, in each place where a text leaves the house.
type echoGate struct {
	*scriptGate
	place string
}

func (g echoGate) Open() Transaction { return g }

func (g echoGate) Decide(s *rules.Session, _ rules.FieldSet, _ string) (rules.Decision, error) {
	var all strings.Builder
	for _, f := range rules.Fields() {
		if v, ok := f.Read(s); ok {
			fmt.Fprintf(&all, "%s=%s ", f.Name, f.Format(v))
		}
	}
	var d rules.Decision
	switch g.place {
	case "reply":
		d.Action, d.Reply = rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: all.String()}
	case "tag":
		d.Stamp = all.String()
	case "results":
		d.Stamp, d.Results = "pass", all.String()
	case "quarantine":
		d.Action, d.Quarantined, d.Rule = rules.Quarantine, true, &rules.Rule{Name: all.String()}
	}
	return d, nil
}

// TestInjection shows that nothing that comes from outside ends a line, a header
// or a reply, wherever it goes, and that percent signs arrive as they are. What
// each frame looks like is checked where it is read.
func TestInjection(t *testing.T) {
	const evil = "%s%n\r\nX-Injected: yes\r\n.\r\n250 ok\x1b[2J\xff\x7f"
	sources := map[string]func(*smtpSession){
		"helo":             func(s *smtpSession) { s.helo = evil },
		"sender":           func(s *smtpSession) { s.sender = evil + "@example.net" },
		"recipient":        func(s *smtpSession) { s.recipients = []string{evil + "@example.com"} },
		"subject":          func(s *smtpSession) { s.cert, s.certSubject = trustedCert, evil },
		"NUL in a subject": func(s *smtpSession) { s.cert, s.certSubject = trustedCert, "\x00"+evil },
		"login":            func(s *smtpSession) { s.method, s.user = evil, evil },
		"client name":      func(s *smtpSession) { s.clientName, s.clientReverse = evil, evil },
		"cipher":           func(s *smtpSession) { s.cipher = evil },
	}
	for source, change := range sources {
		for _, place := range []string{"reply", "tag", "results", "quarantine"} {
			t.Run(source+"/"+place, func(t *testing.T) {
				gate := echoGate{&scriptGate{policy: policyOf(rules.Tag, rules.Quarantine)}, place}
				w := dialServer(t, Config{Gate: gate})
				got := w.play(encrypted(sendmail).with(change))
				said := strings.Join(append(got.changes, got.replies[0]), "|")
				if place != "quarantine" && source != "cipher" && len(said) < 250 { // all facts, or the limit
					t.Errorf("it says only %q", said)
				}
				if n := map[string]int{"tag": 1, "results": 2, "quarantine": 1}[place]; len(got.changes) != n {
					t.Errorf("changes %q", got.changes)
				}
			})
		}
	}
}

// TestInjectionByPolicy is the same with a real policy, which puts into a reply
// all that a reply can hold.
func TestInjectionByPolicy(t *testing.T) {
	policy := policyFrom(t, `
[profile.agreed]
cert_names = ["mx.partner.example"]
client_cert = "trusted"

[[rule]]
name = "agreed, 100%"
require = "agreed"
otherwise = "reject"
reply = "100% {shortfall} {seen} {rule} {client} {sender_domain}"
`)
	s := encrypted(sendmail)
	s.cert, s.certSubject, s.sender = trustedCert, "%s\r\nX: y\x00z", "a@%n\r\nevil.example"
	w := dialServer(t, Config{Gate: policyGate{policy}})
	got := w.play(s)
	if r := got.replies[0]; !strings.HasPrefix(r, "554 5.7.0 100% ") || !strings.Contains(r, "%s") || strings.Contains(r, "\r") {
		t.Errorf("the reply is %q", r)
	}
}

// TestOddMacros shows what is made of macros that are many, long, doubled,
// contradictory, or from milter_macro_defaults: nothing is believed that does not
// make sense, and nothing breaks.
func TestOddMacros(t *testing.T) {
	many := strings.Repeat("{x}\x00y\x00", 8000)
	long := strings.Repeat("z", 64<<10)
	sha256 := strings.Repeat("AB:", 31) + "AB"
	tests := []struct {
		name, mail string // macros of MAIL
		want       map[string]string
	}{
		{"64 KiB of small ones", "Mj\x00mx\x00" + many + "{tls_version}\x00TLSv1.3\x00", map[string]string{"tls": "true", "tls_version": "TLSv1.3"}},
		{"one of 64 KiB", "Mj\x00mx\x00{auth_type}\x00" + long + "\x00{tls_version}\x00TLSv1.3\x00", map[string]string{"tls": "true", "sasl_method": long}},
		{"a version of 64 KiB", "Mj\x00mx\x00{tls_version}\x00" + long + "\x00", map[string]string{"tls": "?"}},
		{"two versions", "Mj\x00mx\x00{tls_version}\x00TLSv1\x00{tls_version}\x00TLSv1.3\x00", map[string]string{"tls_version": "TLSv1"}},
		{"an empty version, then one", "Mj\x00mx\x00{tls_version}\x00\x00{tls_version}\x00TLSv1.3\x00", map[string]string{"tls_version": "TLSv1.3"}},
		{"a version by default", "Mj\x00mx\x00{tls_version}\x00unknown\x00", map[string]string{"tls": "?", "tls_version": "?"}},
		{"a suite without version", "Mj\x00mx\x00{cipher}\x00AES128-SHA\x00", map[string]string{"tls": "?"}},
		{"bits that are none", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{cipher_bits}\x00-5\x00", map[string]string{"tls": "true", "cipher_bits": "?"}},
		{"too many bits", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{cipher_bits}\x0099999999999999999999\x00", map[string]string{"cipher_bits": "?"}},
		{"verified and not", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{verify}\x00FAIL\x00{verify}\x00OK\x00{cn_subject}\x00mx\x00", map[string]string{"cert_verified": "false", "cert_subject": ""}},
		{"verified by default", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{verify}\x00yes\x00{cn_subject}\x00mx\x00", map[string]string{"cert_verified": "?", "cert_subject": "?"}},
		{"a certificate in plaintext", "Mj\x00mx\x00{verify}\x00OK\x00{cn_subject}\x00mx\x00", map[string]string{"tls": "false", "cert_subject": "", "cert_verified": "false"}},
		{"two fingerprints", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{verify}\x00OK\x00{cert_md5}\x00" + strings.Repeat("CD", 16) + "\x00{cert_fp}\x00" + sha256 + "\x00",
			map[string]string{"cert_fingerprint": strings.Repeat("ab", 32), "cert_key_fingerprint": "?"}},
		{"a fingerprint of something else", "Mj\x00mx\x00{tls_version}\x00TLSv1.3\x00{verify}\x00OK\x00{cert_fp}\x00yes\x00{cert_md5}\x00" + strings.Repeat("CD", 16) + "\x00",
			map[string]string{"cert_fingerprint": "?"}},
		{"a name without value", "Mj\x00mx\x00{tls_version}", map[string]string{"tls": "false"}},
		{"no names", "M\x00\x00\x00\x00\x00", map[string]string{"tls": "?"}},
		{"no content", "M", map[string]string{"tls": "?", "authenticated": "?"}},
		{"nothing at all", "", map[string]string{"tls": "?", "authenticated": "?"}},
		{"logged in by two names", "Mj\x00mx\x00{auth_authen}\x00a\x00{auth_authen}\x00b\x00", map[string]string{"authenticated": "true", "sasl_user": "a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			gate := &scriptGate{}
			w := dialServer(t, Config{Gate: gate, Log: (&logBuffer{}).logger()})
			w.negotiate(offer())
			w.send(cmdConnect, "x\x004\x9c\x40198.51.100.7\x00")
			w.await()
			w.send(cmdMacro, test.mail)
			w.send(cmdMail, "<a@example.net>\x00")
			w.await()
			w.send(cmdRcpt, "<b@example.com>\x00")
			if a := w.await(); a.reply != "c" {
				t.Errorf("the reply is %q", a.reply)
			}
			for name, want := range test.want {
				got, known := gate.facts[name]
				if want = fmt.Sprintf("%q", want); want == `"?"` && known || want != `"?"` && got != want {
					t.Errorf("%s is %.100s, want %.100s", name, got, want)
				}
			}
		})
	}
}

// TestAnotherSession shows that nothing of one SMTP session is known in the next
// on the same connection, however it begins.
func TestAnotherSession(t *testing.T) {
	next := "Cy\x004\x9c\x41203.0.113.9\x00"
	for name, frames := range map[string][]string{
		"CONNECT":                {next},
		"QUIT_NC":                {"K", next},
		"QUIT_NC, no CONNECT":    {"K"},
		"macros ahead of it":     {"DHj\x00mx\x00{tls_version}\x00TLSv1.3\x00", "DMj\x00mx\x00{tls_version}\x00TLSv1.3\x00", next},
		"macros ahead of both":   {"DHj\x00mx\x00{tls_version}\x00TLSv1.3\x00", "K", next},
		"in the midst of a mail": {"DMj\x00mx\x00{tls_version}\x00TLSv1.3\x00", "M<x@example.net>\x00", "Rx\x00", next},
	} {
		t.Run(name, func(t *testing.T) {
			gate := &scriptGate{}
			w := dialServer(t, Config{Gate: gate})
			first := encrypted(sendmail)
			first.method, first.user, first.cert, first.certSubject = "PLAIN", "joe", trustedCert, "mx"
			w.play(first)
			for _, f := range frames {
				w.send(f[0], f[1:])
				if f[0] != cmdMacro && f[0] != cmdQuitNC {
					w.await()
				}
			}
			for _, command := range []byte{cmdMail, cmdRcpt} {
				w.send(command, "<b@example.com>\x00")
				w.await()
			}
			for _, f := range rules.Fields() {
				value, known := gate.facts[f.Name]
				if f.ID == rules.FieldHelo && value == `""` { // known to be none in the new one
					continue
				}
				if known && (f.ID >= rules.FieldTLS && f.ID <= rules.FieldSASLUser || f.ID == rules.FieldHelo || strings.Contains(value, "198.51.100.7")) {
					t.Errorf("%s is %s", f.Name, value)
				}
			}
		})
	}
}

// TestManyRecipientsWait shows that as many can wait as there is room for, that
// the others are told to come again, and that the message has one answer.
func TestManyRecipientsWait(t *testing.T) {
	w := dialServer(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}})
	w.negotiate(offer())
	p := &player{wire: w, s: base(postfix)}
	p.connect()
	p.event(milter.StageMailFrom, cmdMail, cstrings("<a@example.net>"))
	let, late := 0, 0
	for i := range 3000 {
		a := p.event(milter.StageRcptTo, cmdRcpt, cstrings(fmt.Sprintf("<%0100d@example.com>", i)))
		switch {
		case a.reply == "c" && late == 0:
			let++
		case strings.HasPrefix(a.reply, "452 4.5.3 "):
			late++
		default:
			t.Fatalf("recipient %d: %q", i, a.reply)
		}
	}
	if let < 1000 || late == 0 {
		t.Errorf("%d wait, %d come again", let, late)
	}
	if a := p.event(milter.StageEOM, cmdEnd, ""); a.reply != noTLS {
		t.Errorf("the reply is %q", a.reply)
	}
	if o := p.message(); o.replies[0] != "c" || o.end != noTLS {
		t.Errorf("the next message: %+v", o)
	}
}
