package milter

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-milter"
)

// noTLSUnsure is noTLS where the message might have been encrypted itself.
const noTLSUnsure = "450 4.7.0 no encryption; this mail needs TLS, use STARTTLS"

// mailNames are what {v} of Postfix can begin with (postconf(5), mail_name).
var mailNames = []string{"", "Postcow", "8.17.1", "8", "Sendmail", "postfix", "x"}

// TestMailName shows that what Postfix calls itself changes nothing of what
// becomes of mail.
func TestMailName(t *testing.T) {
	for _, name := range mailNames {
		t.Run("proxied/"+name, func(t *testing.T) {
			s := base(postfix)
			s.mailName, s.proxied = name, true
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}})
			if o := w.play(s); o.replies[0] != "c" || o.end != noTLSUnsure {
				t.Errorf("%+v", o)
			}
		})
		t.Run("queued/"+name, func(t *testing.T) {
			s := base(postfix)
			s.mailName, s.body = name, []string{"\r\n-----BEGIN PGP MESSAGE-----\r\n"}
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}})
			if o := w.play(s); o.replies[0] != "c" || o.end != "c" {
				t.Errorf("%+v", o)
			}
		})
		t.Run("facts/"+name, func(t *testing.T) {
			s := encrypted(postfix)
			s.user, s.method, s.cert, s.certSubject = "joe+20x", "PLAIN", trustedCert, "a+20b"
			want := factsOf(t, s)
			s.mailName = name
			for f, v := range factsOf(t, s) {
				if v != want[f] {
					t.Errorf("%s is %s, want %s", f, v, want[f])
				}
			}
		})
	}
}

// connectedWith sends CONNECT with its macros, MAIL and RCPT, and returns what the gate
// was asked.
func connectedWith(t *testing.T, connect string, macros ...string) *scriptGate {
	t.Helper()
	gate := &scriptGate{}
	w := dialServer(t, Config{Gate: gate})
	w.negotiate(offer())
	w.send(cmdMacro, "C"+cstrings(macros...))
	w.send(cmdConnect, connect)
	w.await()
	w.send(cmdMacro, "M"+cstrings("j", "mx.example.com", "i", "4bT1x0"))
	for _, command := range []byte{cmdMail, cmdRcpt} {
		w.send(command, "<b@example.com>\x00")
		w.await()
	}
	return gate
}

// TestPlayedSessions shows that the sessions which cleanup(8) plays are told from
// real ones, whatever Postfix calls itself.
func TestPlayedSessions(t *testing.T) {
	const local, outside = "localhost\x004\x00\x00127.0.0.1\x00", "x\x004\x9c\x40198.51.100.7\x00"
	for _, name := range mailNames {
		v := strings.TrimSpace(name + " 3.7.11")
		played := []string{"j", "mx", "v", v, "i", "4bT1x0", "{client_addr}", "127.0.0.1", "{client_port}", "0", "{client_name}", "localhost", "{daemon_port}", "0"}
		for _, connect := range []string{local, outside, "x\x00U"} {
			if gate := connectedWith(t, connect, played...); slices.Contains(gate.take(), "begin") {
				t.Errorf("%q: a session of cleanup(8) at %q is judged", v, connect)
			}
		}
		real := []string{"j", "mx", "v", v, "{client_addr}", "198.51.100.7", "{client_port}", "40000", "{client_connections}", "1", "{client_resolve}", "FAIL"}
		if gate := connectedWith(t, outside, real...); !slices.Contains(gate.take(), "begin") {
			t.Errorf("%q: a session of smtpd(8) is not judged", v)
		}
	}
	// Sendmail has a queue id at CONNECT; of its standard input it knows no client.
	standardInput := []string{"j", "mx", "v", "8.17.1.9", "i", "6AM0xyz", "{opMode}", "s", "{client_port}", "0"}
	gate := connectedWith(t, "localhost\x00U", standardInput...)
	if !slices.Contains(gate.take(), "begin") || gate.facts["local"] != `"true"` {
		t.Errorf("sendmail -bs: %v", gate.facts)
	}
}

// TestNoDATA shows that nothing waits where the MTA does not tell of DATA, as
// Postfix does not under milter_protocol = 2: then it may say no more of the
// message. Sendmail always comes to the end.
func TestNoDATA(t *testing.T) {
	const quarantine = "[[rule]]\nname = \"r\"\naction = \"quarantine\"\n"
	for name, c := range map[string]struct {
		mta, rules string
		version    uint32
		recipients []string
		reply, end string
		warns      int
	}{
		"Postfix":             {postfix, encryptedItself, 2, []string{"b@example.com"}, noTLSUnsure, "", 1},
		"quarantine":          {postfix, quarantine, 3, []string{"b@example.com"}, string(cannotHold[1 : len(cannotHold)-1]), "", 1},
		"nothing waits":       {postfix, "[[rule]]\nname = \"r\"\naction = \"tag\"\n", 2, []string{"b@example.com"}, "c", "c", 0},
		"version 4":           {postfix, encryptedItself, 4, []string{"b@example.com"}, "c", noTLS, 0},
		"Sendmail":            {sendmail, encryptedItself, 2, []string{"b@example.com"}, "c", noTLS, 0},
		"Sendmail quarantine": {sendmail, quarantine, 2, []string{"b@example.com"}, "c", "c", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var lines logBuffer
			w := dialServer(t, Config{Gate: policyGate{policyFrom(t, c.rules)}, Log: lines.logger()})
			w.negotiate(terms{version: c.version, actions: 0x1ff, protocol: 0x1fffff})
			s := base(c.mta)
			s.recipients = c.recipients
			p := &player{wire: w, s: s}
			p.connect()
			if c.version < 4 {
				p.agreed.protocol |= milter.OptNoData
			}
			for range 2 {
				if o := p.message(); o.replies[0] != c.reply || o.end != c.end {
					t.Errorf("%+v", o)
				}
			}
			if n := strings.Count(lines.String(), "milter_protocol = 6"); n != c.warns {
				t.Errorf("warned %d times: %s", n, lines.String())
			}
		})
	}
}

// TestDataAgain shows that a client which is refused at DATA gains nothing by
// asking again in the same transaction.
func TestDataAgain(t *testing.T) {
	gate := &scriptGate{policy: policyFrom(t, encryptedItself), judges: true}
	w := dialServer(t, Config{Gate: gate})
	w.negotiate(offer())
	s := base(postfix)
	s.proxied = true
	p := &player{wire: w, s: s}
	p.connect()
	p.event(milter.StageMailFrom, cmdMail, cstrings("<a@example.net>"))
	p.event(milter.StageRcptTo, cmdRcpt, cstrings("<b@example.com>"))
	for range 3 {
		if a := p.event(milter.StageData, cmdData, ""); a.reply != noTLSUnsure {
			t.Errorf("the reply is %q", a.reply)
		}
	}
	decided := 0
	for _, call := range gate.take() {
		if strings.HasPrefix(call, "decide") {
			decided++
		}
	}
	if decided != 2 { // at RCPT, and once at DATA
		t.Errorf("it is decided %d times", decided)
	}
}

// TestNoID shows that a value of milter_macro_defaults does not pass for a queue id.
func TestNoID(t *testing.T) {
	for _, version := range []string{"Postfix 3.7.11", "Postcow 3.7.11"} {
		w := dialServer(t, Config{Gate: policyGate{policyFrom(t, encryptedItself)}})
		w.negotiate(offer())
		var got []byte
		for _, f := range [][]byte{
			frame(cmdMacro, "C"+cstrings("j", "mx", "v", version, "i", "NOQUEUE", "{client_port}", "40000", "{client_connections}", "1", "{client_resolve}", "FAIL")),
			frame(cmdConnect, "x\x004\x9c\x40198.51.100.7\x00"), frame(cmdMacro, "M"+cstrings("j", "mx", "i", "NOQUEUE")),
			frame(cmdMail, cstrings("<a@example.net>")), frame(cmdMacro, "R"+cstrings("i", "NOQUEUE")), frame(cmdRcpt, cstrings("<b@example.com>")),
			frame(cmdMacro, "T"+cstrings("j", "mx", "i", "NOQUEUE")), frame(cmdData, ""),
		} {
			w.write(f)
			if f[lengthSize] != cmdMacro {
				got = append(got, w.await().reply[0])
			}
		}
		if string(got) != "ccc4" {
			t.Errorf("%s: %q", version, got)
		}
	}
}

// TestNoHELO shows where it is known that a client gave no HELO, and where XCLIENT
// may have given one of which no event tells.
func TestNoHELO(t *testing.T) {
	const at = "x\x004\x9c\x40198.51.100.7\x00"
	real := []string{"j", "mx", "v", "Postfix 3.7.11", "{client_port}", "40000", "{client_connections}", "1", "{client_resolve}", "FAIL", "{daemon_addr}", "192.0.2.25", "{daemon_port}", "25"}
	for name, c := range map[string]struct {
		connect string
		macros  []string
		none    bool
	}{
		"usual":          {at, real, true},
		"no port":        {"x\x004\x00\x00198.51.100.7\x00", real, false},
		"no address":     {"x\x00U", real, false},
		"TLS at CONNECT": {at, append(real, "{tls_version}", "TLSv1.3"), false},
	} {
		if got, known := connectedWith(t, c.connect, c.macros...).facts["helo"]; known != c.none || known && got != `""` {
			t.Errorf("%s: helo is known %v, %s", name, known, got)
		}
	}
}

// TestNoHELOAtPort shows which sessions at one port of the client may be one that
// goes on after XCLIENT: those after one whose client may send that, which Postfix
// does not count. Nobody else makes it unknown that there was no HELO.
func TestNoHELOAtPort(t *testing.T) {
	type one struct {
		client, connections string
		none                bool
	}
	for name, sessions := range map[string][]one{
		"a client with two addresses":  {{"198.51.100.7", "1", true}, {"198.51.100.8", "1", true}},
		"a proxy":                      {{"10.0.0.5", "0", true}, {"198.51.100.8", "1", false}, {"198.51.100.9", "1", false}},
		"a proxy, and XCLIENT twice":   {{"10.0.0.5", "0", true}, {"10.0.0.6", "0", false}, {"198.51.100.9", "1", false}},
		"another client before it":     {{"198.51.100.7", "1", true}, {"10.0.0.5", "0", true}, {"198.51.100.8", "1", false}},
		"another client between":       {{"10.0.0.5", "0", true}, {"198.51.100.7", "1", false}, {"198.51.100.8", "1", false}},
		"connections that are unknown": {{"198.51.100.7", "", true}, {"198.51.100.8", "1", false}},
	} {
		for _, open := range []bool{true, false} { // while the first is there, and just after it
			gate, ln := &scriptGate{}, newPipes()
			start(t, Config{Gate: gate}, ln)
			for i, s := range sessions {
				w := newWire(t, ln.dial())
				w.negotiate(offer())
				macros := []string{"j", "mx", "v", "Postfix 3.7.11", "{client_port}", "40000", "{client_resolve}", "FAIL", "{daemon_addr}", "192.0.2.25", "{daemon_port}", "25"}
				if s.connections != "" {
					macros = append(macros, "{client_connections}", s.connections)
				}
				w.send(cmdMacro, "C"+cstrings(macros...))
				for _, event := range []string{string(cmdConnect) + "x\x004\x9c\x40" + s.client + "\x00", "M<a@example.net>\x00", "R<b@example.com>\x00"} {
					w.send(event[0], event[1:])
					w.await()
				}
				if got, known := gate.facts["helo"]; known != s.none {
					t.Errorf("%s, open %v, session %d: helo is known %v, %s", name, open, i, known, got)
				}
				if open {
					t.Cleanup(func() { w.conn.Close() })
				} else {
					w.conn.Close()
				}
			}
		}
	}
}

// TestUnjudged shows that it is recorded once if recipients waited for the end of
// a message that went on to its data, and that end never came.
func TestUnjudged(t *testing.T) {
	mail, rcpt, data := frame(cmdMail, cstrings("<a@example.net>")), frame(cmdRcpt, cstrings("<b@example.com>")), frame(cmdData, "")
	id := frame(cmdMacro, "T"+cstrings("j", "mx", "i", "4bT1x0"))
	for name, c := range map[string]struct {
		frames [][]byte
		want   int
	}{
		"abort":             {[][]byte{mail, rcpt, id, data, frame(cmdAbort, "")}, 1},
		"another MAIL":      {[][]byte{mail, rcpt, id, data, mail}, 1},
		"HELO, then abort":  {[][]byte{mail, rcpt, id, data, frame(cmdHelo, cstrings("x")), frame(cmdAbort, "")}, 1},
		"another session":   {[][]byte{mail, rcpt, id, data, frame(cmdQuitNC, "")}, 1},
		"CONNECT":           {[][]byte{mail, rcpt, id, data, frame(cmdConnect, "x\x00U")}, 1},
		"QUIT":              {[][]byte{mail, rcpt, id, data, frame(cmdQuit, "")}, 1},
		"close":             {[][]byte{mail, rcpt, id, data}, 1},
		"the end comes":     {[][]byte{mail, rcpt, id, data, frame(cmdEnd, ""), frame(cmdAbort, "")}, 0},
		"no DATA":           {[][]byte{mail, rcpt, frame(cmdAbort, "")}, 0},
		"nobody waits":      {[][]byte{mail, id, data, frame(cmdAbort, "")}, 0},
		"decided at DATA":   {[][]byte{mail, rcpt, frame(cmdMacro, "T"+cstrings("j", "mx")), data, frame(cmdAbort, "")}, 0},
		"several messages":  {[][]byte{mail, rcpt, id, data, mail, rcpt, id, data, frame(cmdAbort, ""), mail, rcpt, frame(cmdAbort, "")}, 2},
		"the header is cut": {[][]byte{mail, rcpt, id, data, frame(cmdHeader, cstrings("Subject", "x")), frame(cmdAbort, "")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			gate := &scriptGate{policy: policyFrom(t, encryptedItself), judges: true}
			w := dialServer(t, Config{Gate: gate})
			w.negotiate(offer())
			w.send(cmdMacro, "C"+cstrings("j", "mx", "v", "Postcow 3.7.11", "{client_port}", "40000"))
			w.send(cmdConnect, "x\x004\x9c\x40198.51.100.7\x00")
			w.await()
			for _, f := range c.frames {
				w.write(f)
				if strings.IndexByte("ADKQL", f[lengthSize]) < 0 {
					w.await()
				}
			}
			w.conn.Close()
			n := 0
			for calls := gate.take(); ; calls = gate.take() {
				runtime.Gosched()
				for _, call := range calls {
					if strings.HasPrefix(call, "unjudged") {
						n++
					}
					if call == "close" {
						if n != c.want {
							t.Errorf("recorded %d times, want %d", n, c.want)
						}
						return
					}
				}
			}
		})
	}
}
