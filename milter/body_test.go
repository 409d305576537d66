package milter

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// encryptedItself is a policy by which an encrypted message may come in
// plaintext.
const encryptedItself = `
[[rule]]
name = "encrypted itself"
when = { tls = false, message.encrypted = ["smime", "pgp"] }
action = "accept"

[[rule]]
name = "everyone"
require = "any-tls"
otherwise = "reject"
`

const noTLS = "530 5.7.0 no encryption; this mail needs TLS, use STARTTLS"

// TestEncryptedMessages shows that both MTAs' plaintext sessions are refused at
// the end of the message unless it is encrypted itself, and that no more of the
// body is taken than is needed.
func TestEncryptedMessages(t *testing.T) {
	text := strings.Repeat("a line of text\r\n", 4000)
	tests := []struct {
		name    string
		session func(*smtpSession)
		want    outcome
	}{
		{"text", func(s *smtpSession) { s.body = []string{text, text, text} },
			outcome{replies: []string{"c"}, end: noTLS, pieces: 1}},
		{"no header, no body", func(*smtpSession) {},
			outcome{replies: []string{"c"}, end: noTLS}},
		{"S/MIME", func(s *smtpSession) {
			s.headers, s.body = []string{"Content-Type: application/pkcs7-mime; smime-type=enveloped-data"}, []string{"MIIB", "MIIB"}
		}, outcome{replies: []string{"c"}, end: "c", pieces: 2}},
		{"PGP in text", func(s *smtpSession) { s.body = []string{"\r\n-----BEGIN PGP MESSAGE-----\r\n" + text, text} },
			outcome{replies: []string{"c"}, end: "c", pieces: 1}},
		{"multipart, to the end", func(s *smtpSession) {
			s.headers, s.body = []string{"Content-Type: multipart/mixed; boundary=b"}, []string{"--b\r\n\r\n", text, text, "--b--\r\n"}
		}, outcome{replies: []string{"c"}, end: noTLS, pieces: 4}},
		{"all recipients wait", func(s *smtpSession) {
			s.recipients, s.body = []string{"b@example.com", "c@example.com", "d@example.com"}, []string{text}
		}, outcome{replies: []string{"c", "c", "c"}, end: noTLS, pieces: 1}},
		{"local", func(s *smtpSession) { s.client, s.body = "127.0.0.1", []string{text, text} },
			outcome{replies: []string{"c"}, end: "c", pieces: 1}},
		{"TLS", func(s *smtpSession) {
			s.tls, s.version, s.cipher, s.bits = true, "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256
			s.body = []string{text, text}
		}, outcome{replies: []string{"c"}, end: "c", pieces: 1}},
	}
	policy := policyFrom(t, encryptedItself)
	for _, mta := range []string{postfix, sendmail} {
		for _, test := range tests {
			t.Run(mta+"/"+test.name, func(t *testing.T) {
				w := dialServer(t, Config{Gate: policyGate{policy}})
				got := w.play(base(mta).with(test.session))
				if !slices.Equal(got.replies, test.want.replies) || got.end != test.want.end || got.pieces != test.want.pieces || len(got.changes) > 0 {
					t.Errorf("the outcome is\n%+v\nnot\n%+v", got, test.want)
				}
			})
		}
	}
}

// TestWaitingRecipients shows who may share a message: those that wait for the
// same rule, and nobody else.
func TestWaitingRecipients(t *testing.T) {
	policy := policyFrom(t, `
[[rule]]
name = "exempt"
when = { recipient = "exempt@example.com" }
action = "accept"

[[rule]]
name = "never"
when = { recipient = "never@example.com" }
action = "reject"

[[rule]]
name = "marked"
when = { recipient = "marked@example.com", message.tls_required_no = true }
action = "accept"
`+encryptedItself)
	const separate = "452 4.5.3 This recipient needs a copy of the message of its own, send it separately"
	const never = "530 5.7.0 refused by the encryption policy of this site; seen: no encryption"
	tests := []struct {
		recipients, replies []string
		end                 string
	}{
		{[]string{"b", "c"}, []string{"c", "c"}, noTLS},
		{[]string{"b", "exempt", "c", "marked"}, []string{"c", separate, "c", separate}, noTLS},
		{[]string{"exempt", "b", "exempt"}, []string{"c", separate, "c"}, "c"},
		{[]string{"marked", "b"}, []string{"c", separate}, noTLS},
		{[]string{"never", "b", "never"}, []string{never, "c", never}, noTLS},
		{[]string{"never"}, []string{never}, ""},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.recipients, " "), func(t *testing.T) {
			w := dialServer(t, Config{Gate: policyGate{policy}})
			s := base(sendmail)
			s.recipients = nil
			for _, r := range test.recipients {
				s.recipients = append(s.recipients, r+"@example.com")
			}
			got := w.play(s)
			if !slices.Equal(got.replies, test.replies) || got.end != test.end {
				t.Errorf("the outcome is %+v", got)
			}
		})
	}
}

// TestLargeMessages shows that the memory that a message of 50 MB takes does not
// depend on its size, whether the MTA can skip or not, and whether the whole of
// it is looked at or nothing.
func TestLargeMessages(t *testing.T) {
	const size, piece = 50 << 20, 65535
	body := frame(cmdBody, "--b\r\n\r\n"+strings.Repeat("a line of text, and not the boundary\r\n", piece/40))
	for name, test := range map[string]struct {
		header  string
		offered milter.OptProtocol
	}{
		"read":           {"multipart/mixed; boundary=b", 0x1fffff},
		"read, no skip":  {"multipart/mixed; boundary=b", 0x1fffff &^ milter.OptSkip},
		"known, no skip": {"multipart/encrypted; protocol=application/pgp-encrypted; boundary=b", 0x1fffff &^ milter.OptSkip},
	} {
		t.Run(name, func(t *testing.T) {
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}})
			w.negotiate(terms{version: 6, actions: 0x1ff, protocol: test.offered})
			p := &player{wire: w, s: base(postfix)}
			p.connect()
			p.event(milter.StageMailFrom, cmdMail, cstrings("<a@example.net>"))
			p.event(milter.StageRcptTo, cmdRcpt, cstrings("<b@example.com>"))
			w.send(cmdHeader, cstrings("Content-Type", test.header))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var reply [headSize]byte
			for sent := 0; sent < size; sent += len(body) {
				w.write(body)
				if _, err := io.ReadFull(w.in, reply[:]); err != nil || !bytes.Equal(reply[:], []byte("\x00\x00\x00\x01c")) {
					t.Fatalf("after %d bytes: %q %v", sent, reply, err)
				}
			}
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("%d bytes of memory for a body of %d", took, size)
			}
			w.send(cmdEnd, "")
			want := map[bool]string{true: noTLS, false: "c"}[strings.HasPrefix(test.header, "multipart/mixed")]
			if got := w.await().reply; got != want {
				t.Errorf("the reply is %q, not %q", got, want)
			}
		})
	}
}

// TestMemoryAfterMessages shows that a connection keeps nothing of the messages
// that came over it.
func TestMemoryAfterMessages(t *testing.T) {
	const conns = 100
	ln := newPipes()
	start(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}}, ln)
	s := base(postfix)
	s.headers, s.body = []string{"Content-Type: multipart/mixed; boundary=b"}, []string{strings.Repeat("a line of text\r\n", 4000)}
	var wires []*wire
	for range conns {
		w := newWire(t, ln.dial())
		defer w.conn.Close()
		w.play(base(postfix)) // with an empty body
		wires = append(wires, w)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, w := range wires {
		if o := (&player{wire: w, s: s}).message(); o.pieces != 1 {
			t.Fatalf("the outcome is %+v", o)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / conns; each > 8<<10 {
		t.Errorf("a connection keeps %d bytes", each)
	}
}

// TestPanicAtEnd shows that a gate that fails at the end of the message is
// answered for, and that the next message is as any other.
func TestPanicAtEnd(t *testing.T) {
	for _, failure := range []rules.Action{rules.Accept, rules.Defer} {
		var lines logBuffer
		gate := &scriptGate{policy: policyFrom(t, encryptedItself)}
		asked := 0
		gate.answers = map[string]func(rules.FieldSet) (rules.Decision, error){"b@example.com": func(later rules.FieldSet) (rules.Decision, error) {
			if asked++; asked == 2 {
				panic("at the end")
			}
			return rules.Decision{Verdict: rules.Verdict{Pending: later != 0, Rule: &rules.Rule{Name: "r"}}}, nil
		}}
		w := dialServer(t, Config{Gate: gate, OnFailure: failure, Log: lines.logger()})
		first := w.play(base(postfix))
		want := map[rules.Action]string{rules.Accept: "c", rules.Defer: "451 4.3.0 TLS policy could not be evaluated, try again later"}[failure]
		if first.end != want || !strings.Contains(lines.String(), "at the end") {
			t.Errorf("%s: %+v, log %q", failure, first, lines.String())
		}
		if second := (&player{wire: w, s: base(postfix)}).message(); second.end != "c" {
			t.Errorf("%s: the next message: %+v", failure, second)
		}
	}
}
