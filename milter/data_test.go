package milter

import (
	"bytes"
	"strings"
	"testing"

	"tlswarden/rules"
)

// TestProxied shows that recipients that wait are decided at DATA where Postfix
// hands the message on by smtpd_proxy_filter, and nowhere else.
func TestProxied(t *testing.T) {
	const waits = `
[[rule]]
name = "encrypted itself"
when = { message.encrypted = "pgp" }
action = "accept"
`
	tests := []struct {
		name, rules string
		end, log    string
	}{
		{"reject", waits + "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n", "450 4.7.0 no encryption; this mail needs TLS, use STARTTLS", ""},
		{"accept", waits, "c", ""},
		{"tag", waits + "[[rule]]\nname = \"r\"\naction = \"tag\"\n", "c", "mail is not tagged"},
		{"quarantine", waits + "[[rule]]\nname = \"r\"\naction = \"quarantine\"\n", string(cannotHold[1 : len(cannotHold)-1]), ""},
		{"quarantine without waiting", "[[rule]]\nname = \"r\"\naction = \"quarantine\"\n", string(cannotHold[1 : len(cannotHold)-1]), ""},
		{"no message", "[[rule]]\nname = \"r\"\naction = \"tag\"\n", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var lines logBuffer
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, test.rules)}, Log: lines.logger()})
			s := base(postfix)
			s.proxied = true
			for range 2 {
				if got := w.play(s); got.replies[0] != "c" || got.end != test.end || len(got.changes) > 0 {
					t.Fatalf("the outcome is %+v", got)
				}
			}
			if test.log == "" && lines.String() != "" || strings.Count(lines.String(), test.log) != 1 && test.log != "" {
				t.Errorf("the log is %q", lines.String())
			}
		})
	}
	t.Run("no proxy", func(t *testing.T) {
		for _, own := range []bool{false, true} {
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, waits+"[[rule]]\nname = \"r\"\naction = \"reject\"\n")}})
			s := base(postfix)
			s.ownLists, s.body = own, []string{"\r\n-----BEGIN PGP MESSAGE-----\r\n" + strings.Repeat("a line\r\n", 4000)}
			if got := w.play(s); got.replies[0] != "c" || got.end != "c" || got.pieces != 1 {
				t.Errorf("own lists %v: %+v", own, got)
			}
		}
	})
}

// TestEachTransactionEnds shows that the gate hears of the end of each mail
// transaction once, however it ends.
func TestEachTransactionEnds(t *testing.T) {
	mail, rcpt := frame(cmdMail, cstrings("<a@example.net>")), frame(cmdRcpt, cstrings("<b@example.com>"))
	tests := map[string][][]byte{
		"end of message":   {mail, rcpt, frame(cmdEnd, "")},
		"abort":            {mail, rcpt, frame(cmdAbort, "")},
		"end, then abort":  {mail, rcpt, frame(cmdEnd, ""), frame(cmdAbort, "")},
		"abort twice":      {mail, frame(cmdAbort, ""), frame(cmdAbort, "")},
		"HELO":             {mail, rcpt, frame(cmdHelo, cstrings("mail.example.net"))},
		"HELO, then abort": {mail, frame(cmdHelo, cstrings("mail.example.net")), frame(cmdAbort, "")},
		"another session":  {mail, rcpt, frame(cmdQuitNC, "")},
		"CONNECT":          {mail, rcpt, frame(cmdConnect, "x\x00U")},
		"MAIL":             {mail, rcpt, mail, rcpt, frame(cmdAbort, "")},
		"RCPT alone":       {rcpt, frame(cmdEnd, "")},
	}
	for name, frames := range tests {
		t.Run(name, func(t *testing.T) {
			gate := &scriptGate{}
			w := dialServer(t, Config{Gate: gate})
			w.negotiate(offer())
			begun, ended := 0, 0
			for _, f := range append(frames, frame(cmdUnknown, "x\x00")) {
				w.write(f)
				if c := f[lengthSize]; c != cmdAbort && c != cmdQuitNC {
					w.await()
				}
				for _, call := range gate.take() {
					switch word, _, _ := strings.Cut(call, " "); word {
					case "begin":
						begun++
					case "end":
						ended++
					}
					if ended > begun || begun > ended+1 {
						t.Fatalf("%d transactions have begun, %d ended", begun, ended)
					}
				}
			}
			if begun != ended || begun == 0 {
				t.Errorf("%d transactions have begun, %d ended", begun, ended)
			}
		})
	}
}

// TestRecipientsApart shows that recipients that wait for the same rule share a
// message only if the rules after it do not tell them apart.
func TestRecipientsApart(t *testing.T) {
	policy := policyFrom(t, `
[[rule]]
name = "encrypted itself"
when = { message.encrypted = "pgp" }
action = "accept"

[[rule]]
name = "finance"
when = { recipient = "finance@example.com" }
require = "any-tls"
otherwise = "reject"
`)
	for _, test := range []struct {
		recipients string
		second     string
		end        string
	}{
		{"b@example.com c@example.com", "c", "c"},
		{"b@example.com finance@example.com", string(apart[1 : len(apart)-1]), "c"},
		{"finance@example.com b@example.com", string(apart[1 : len(apart)-1]), noTLS},
		{"finance@example.com FINANCE@example.com", "c", noTLS},
	} {
		w := dialServer(t, Config{Gate: policyGate{policy}})
		s := base(sendmail)
		s.recipients = strings.Fields(test.recipients)
		if got := w.play(s); got.replies[1] != test.second || got.end != test.end {
			t.Errorf("%s: %+v", test.recipients, got)
		}
	}
}

// TestHiddenHeader shows that results are not believed where Postfix hides
// another field than its own Received from milters.
func TestHiddenHeader(t *testing.T) {
	const rule = "message.trusted_authserv_ids = [\"mx.example.com\"]\n[[rule]]\nname = \"passes\"\nwhen = { message.spf = \"pass\" }\non_unknown = \"defer\"\naction = \"reject\"\n"
	const forged = "Authentication-Results: mx.example.com; spf=pass"
	const own = "Received: from mail.example.net (mail.example.net [198.51.100.7])\n\tby mx.example.com (Postfix) with ESMTPS id 4bT1x0\n\tfor <b@example.com>; Sun, 22 Nov 2026 12:00:00 +0000 (UTC)"
	other := strings.Replace(own, "4bT1x0", "4bT1x1", 1)
	for name, test := range map[string]struct {
		headers []string
		trusted bool
	}{
		"usual":                    {[]string{forged, "Received: from x by other.example id 4bT1x0"}, true},
		"looped":                   {[]string{other, forged}, true},
		"hidden":                   {[]string{own, forged}, false},
		"hidden, one between":      {[]string{"X: y", own, forged}, false},
		"without for":              {[]string{"Received: by mx.example.com (Postfix) id 4bT1x0; Sun, 22 Nov", forged}, false},
		"Sendmail looks like this": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := base(postfix)
			if s.headers = test.headers; test.headers == nil {
				s = base(sendmail)
				s.headers, test.trusted = []string{own, forged}, true
			}
			got := (dialServer(t, Config{Gate: policyGate{policyFrom(t, rule)}})).play(s)
			if got.end[0] != map[bool]byte{true: '5', false: '4'}[test.trusted] {
				t.Errorf("the outcome is %+v", got)
			}
		})
	}
}

// TestFirstReceived shows that where the queue id is not told, a Received of the
// same host counts if it comes first.
func TestFirstReceived(t *testing.T) {
	const received = "from x by mx.example.com (Postfix) id 4bT1x0"
	var s session
	s.macros.packets[atConnect] = packet("j\x00mx.example.com\x00")
	if !s.isOwn(received) {
		t.Error("the first is not taken for it")
	}
	s.message.headers.begun = true
	if s.isOwn(received) {
		t.Error("a later one is")
	}
	s.macros.packets[atConnect] = ""
	s.message.headers.begun = false
	if s.isOwn(received) {
		t.Error("one of a host without a name is")
	}
}

// brittle is a connection that panics.
type brittle struct {
	memoryConn
	write bool
}

func (b *brittle) Read(p []byte) (int, error) {
	n, err := b.memoryConn.Read(p)
	if err != nil {
		panic("read panics")
	}
	return n, err
}

func (b *brittle) Write(p []byte) (int, error) {
	if b.write {
		panic("write panics")
	}
	return b.memoryConn.Write(p)
}

// heard is what the peer of a connection said: one frame.
func heard(f string) *bytes.Reader { return bytes.NewReader(frame(f[0], f[1:])) }

// TestPanicsOfOurs shows that a panic outside the gate ends no more than the
// connection, and is told in the log of the server.
func TestPanicsOfOurs(t *testing.T) {
	negotiation, helo := "O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff", "Hx\x00"
	for call, c := range map[string]*brittle{
		"a frame": {},
		"a reply": {write: true, memoryConn: memoryConn{in: heard(negotiation)}},
		"HELO":    {write: true, memoryConn: memoryConn{in: heard(helo)}},
	} {
		t.Run(call, func(t *testing.T) {
			libraryLog(t)
			if c.in == nil {
				c.in = heard(helo)
			}
			c.piece = 1 << 10
			var lines logBuffer
			gate := &scriptGate{}
			s := New(Config{Gate: gate, Log: lines.logger(), OnFailure: rules.Defer})
			s.welcome(c, new(listener))
			s.sessions.Wait()
			if !strings.Contains(lines.String(), `msg="milter: connection closed after a panic" call=`) ||
				!strings.Contains(lines.String(), call) {
				t.Errorf("the log is %q", lines.String())
			}
			if calls := gate.take(); calls[len(calls)-1] != "close" {
				t.Errorf("the gate was used like this: %q", calls)
			}
		})
	}
}
