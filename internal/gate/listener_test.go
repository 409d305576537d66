package gate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tlswarden/rules"
)

// catch is a gate at whose safety catch sessions are tried.
type catch struct {
	*bench
	t  *testing.T
	tx *Transaction
}

const anyCert = "[profile.p]\nclient_cert = \"any\"\n[[rule]]\nname = \"r\"\nrequire = \"p\"\notherwise = \"reject\"\n"

func newCatch(t *testing.T, ruleText string) *catch {
	t.Helper()
	b := newBench(t, Logfmt, "judge_local = true\n"+ruleText)
	return &catch{b, t, b.Open(Policy)}
}

func (c *catch) want(what string, s *rules.Session, want rules.Action) {
	c.t.Helper()
	d, err := c.tx.Decide(s, 0, "pid=1 queue_id=Q1")
	if err != nil || d.Action != want {
		c.t.Errorf("%s: %v %v, want %v", what, d.Action, err, want)
	}
}

// from changes the client of a session.
func from(client string, s *rules.Session) *rules.Session {
	switch client {
	case "unknown":
		s.Client, s.Local = rules.Fact[netip.Addr]{}, rules.Fact[bool]{}
	case "none":
		s.SetLocal()
	default:
		s.SetClient(netip.MustParseAddr(client))
	}
	return s
}

// on changes the host of the server that a session is with.
func on(address, name string, s *rules.Session) *rules.Session {
	h := rules.Host{Name: name}
	if address != "" {
		h.Address = netip.MustParseAddr(address)
	}
	s.SetHost(h)
	return s
}

// TestSafetyCatch shows that plaintext is deferred until TLS was seen on the
// same listener within a day.
func TestSafetyCatch(t *testing.T) {
	c := newCatch(t, everyone)
	for _, st := range []struct {
		name string
		wait time.Duration
		port uint16
		tls  string
		want rules.Action
	}{
		{"nothing was seen", 0, 25, "", rules.Defer},
		{"a weak session is a session", 0, 25, "TLSv1", rules.Reject},
		{"now TLS was seen", 0, 25, "", rules.Reject},
		{"not on another port", 0, 587, "", rules.Defer},
		{"still within a day", 23 * time.Hour, 25, "", rules.Reject},
		{"a day later", 2 * time.Hour, 25, "", rules.Defer},
		{"TLS again", 0, 25, "TLSv1.3", rules.Accept},
		{"and it counts", 0, 25, "", rules.Reject},
		{"TLS at the end of the day", 23*time.Hour + 59*time.Minute, 25, "TLSv1.3", rules.Accept},
		{"counts for another one", 23*time.Hour + 59*time.Minute, 25, "", rules.Reject},
		{"and no longer", time.Minute, 25, "", rules.Defer},
	} {
		c.now = c.now.Add(st.wait)
		s := session(st.tls)
		s.ServerPort = rules.Known(st.port)
		c.want(st.name, s, st.want)
	}
	out := c.done()
	if n := strings.Count(out, "is STARTTLS working on this server"); n != 4 {
		t.Errorf("the log speaks of STARTTLS %d times, want 4:\n%s", n, out)
	}
	for _, want := range []string{
		`level=ERROR msg="no encrypted session from such clients has been seen here since tlswarden began watching at 2027-01-31T12:00:00Z, so their plaintext mail is deferred instead of rejected; is STARTTLS working on this server?" clients=public server=192.0.2.2:587 hint="on a public client, using the server name that such clients use, run: openssl s_client -starttls smtp -connect NAME:587. `,
		`msg="no encrypted session from such clients has been seen here within 24 hours, so their plaintext mail is deferred instead of rejected; is STARTTLS working on this server?" clients=public server=192.0.2.2:25 hint=`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %s in\n%s", want, out)
		}
	}
}

// TestWitnesses shows for whom a session with TLS, and with a certificate, speaks:
// for clients of its kind. Whose kind is not known speaks for nobody, and nobody
// for it.
func TestWitnesses(t *testing.T) {
	kindsOf := map[string][]string{
		"loopback": {"127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1", "none", "192.0.2.2"}, // the last is the server
		"private":  {"10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "100.127.255.254", "fd12::1", "fe80::1%eth0", "::ffff:10.0.0.5", "64:ff9b::10.0.0.5"},
		"public":   {"198.51.100.7", "172.32.0.1", "100.128.0.1", "2001:db8::7", "::ffff:198.51.100.7", "64:ff9b::198.51.100.7", "192.0.2.3"},
		"unknown":  {"unknown"},
	}
	tried := 0
	for kind, clients := range kindsOf {
		for _, witness := range clients {
			for other, subjects := range kindsOf {
				want := rules.Defer
				if kind == other && kind != "unknown" {
					want = rules.Reject
				}
				c := newCatch(t, everyone)
				c.want("TLS from "+witness, from(witness, session("TLSv1.3")), rules.Accept)
				for _, subject := range subjects {
					tried++
					c.want(fmt.Sprintf("plaintext from %s, TLS from %s", subject, witness), from(subject, session("")), want)
				}
				c.done()
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d pairs were tried", tried)
	}
}

// TestCertWitness shows the same of client certificates.
func TestCertWitness(t *testing.T) {
	certified := func(yes bool) *rules.Session {
		s := session("TLSv1.3")
		s.SetTLS(rules.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", CertPresented: rules.Known(yes)})
		return s
	}
	c := newCatch(t, anyCert)
	c.want("nothing was seen", certified(false), rules.Defer)
	c.want("a certificate from inside", from("10.0.0.5", certified(true)), rules.Accept)
	c.want("does not speak for outside", certified(false), rules.Defer)
	c.want("but for inside", from("10.0.0.6", certified(false)), rules.Reject)
	c.want("a certificate from outside", certified(true), rules.Accept)
	c.want("speaks for outside", certified(false), rules.Reject)
	elsewhere := certified(false)
	elsewhere.ServerPort = rules.Fact[uint16]{}
	c.want("and not where the port is unknown", elsewhere, rules.Defer)
	out := c.done()
	for _, want := range []string{
		`msg="no client certificate from such clients has been seen here since tlswarden began watching at 2027-01-31T12:00:00Z, so their mail without one is deferred instead of rejected; does this server ask for certificates?" clients=public server=192.0.2.2:25 hint="on a public client`,
		`msg="the mail server does not report its own address and port and the client's address, so nothing can show that it asks for client certificates`,
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("not one line %s in\n%s", want, out)
		}
	}
}

// TestHosts shows that servers which go by the same address, each on a host of its
// own, do not speak for each other.
func TestHosts(t *testing.T) {
	hosts := [][2]string{{"", ""}, {"203.0.113.1", ""}, {"203.0.113.2", ""}, {"203.0.113.2", "a.example.com"}, {"", "a.example.com"}, {"", "b.example.com"}}
	for _, w := range hosts {
		c := newCatch(t, everyone)
		c.want("TLS", on(w[0], w[1], session("TLSv1.3")), rules.Accept)
		for _, h := range hosts {
			want := rules.Defer
			if h == w || h == [2]string{w[0], ""} { // who says no name means the only one
				want = rules.Reject
			}
			c.want(fmt.Sprintf("plaintext to %q, TLS to %q", h, w), on(h[0], h[1], session("")), want)
		}
		if out := c.done(); w[1] == "" && !strings.Contains(out, `server=192.0.2.2:25 name=a.example.com host=203.0.113.2 hint=`) {
			t.Errorf("the log does not name the host:\n%s", out)
		}
	}
}

// TestNamelessHost shows that a session without the host's name, as the policy
// service has it beside a milter that is not asked, goes by the only name that was
// heard there, also after a restart, and by none if there are several.
func TestNamelessHost(t *testing.T) {
	c := newCatch(t, everyone)
	c.want("TLS", on("", "a.example.com", session("TLSv1.3")), rules.Accept)
	c.want("without a name", session(""), rules.Reject)
	again := newCatch(t, everyone)
	again.Recall(c.Seen())
	again.want("after a restart", session(""), rules.Reject)
	again.want("another name", on("", "b.example.com", session("TLSv1.3")), rules.Accept)
	again.want("without a name, of two", session(""), rules.Defer)
	c.done()
	again.done()
}

// TestUnknownListener shows that TLS seen somewhere does not speak for a
// listener that the MTA does not name.
func TestUnknownListener(t *testing.T) {
	c := newCatch(t, everyone)
	for _, st := range []struct {
		tls  string
		want rules.Action
	}{{"TLSv1.3", rules.Accept}, {"", rules.Defer}, {"TLSv1.3", rules.Accept}, {"", rules.Defer}} {
		s := session(st.tls)
		s.ServerPort = rules.Fact[uint16]{}
		c.want(st.tls, s, st.want)
	}
	out := c.done()
	if strings.Count(out, "so nothing can show that STARTTLS works, and plaintext mail is deferred instead of rejected") != 1 {
		t.Errorf("the log does not say it once:\n%s", out)
	}
	if n := strings.Count(out, "pid=1 queue_id=Q1 client="); n != 4 {
		t.Errorf("%d lines with both references:\n%s", n, out)
	}
}

// TestMacroDefault shows that a TLS version without a suite, which is of Postfix's
// milter_macro_defaults and no session, does not speak for a listener.
func TestMacroDefault(t *testing.T) {
	c := newCatch(t, everyone)
	s := session("")
	s.SetTLS(rules.TLS{Version: "TLSv1.3"})
	c.want("a version alone", s, rules.Accept)
	c.want("is no session", session(""), rules.Defer)
	c.done()
}

// TestClockSetBack shows that what was seen while the clock was ahead does not
// count for as long as it was, and that the log says again what it said then.
func TestClockSetBack(t *testing.T) {
	c := newCatch(t, everyone)
	right := c.now
	c.now = right.AddDate(1, 0, 0)
	other := func(s *rules.Session) *rules.Session { s.ServerPort = rules.Known(uint16(587)); return s }
	c.want("TLS in a year", session("TLSv1.3"), rules.Accept)
	c.want("plaintext elsewhere in a year", other(session("")), rules.Defer)
	c.now = right
	c.want("the clock is set back", session(""), rules.Reject)
	c.want("elsewhere, too", other(session("")), rules.Defer)
	c.now = right.Add(23 * time.Hour)
	c.want("still within a day", session(""), rules.Reject)
	c.want("elsewhere", other(session("")), rules.Defer)
	c.now = right.Add(25 * time.Hour)
	c.want("a day later", session(""), rules.Defer)
	out := c.done()
	if n := strings.Count(out, "server=192.0.2.2:587"); n != 2 {
		t.Errorf("the log speaks of the other port %d times, want 2:\n%s", n, out)
	}
	if !strings.Contains(out, "has been seen here within 24 hours, so") {
		t.Errorf("the gate is thought to watch from the future on:\n%s", out)
	}
}

// TestBusiestListener shows that many others do not push out the listener that all
// ask about.
func TestBusiestListener(t *testing.T) {
	c := newCatch(t, everyone)
	c.want("TLS", session("TLSv1.3"), rules.Accept)
	for i := range 2 * maxListeners {
		s := session("TLSv1.3")
		s.ServerAddress = rules.Known(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
		c.want("elsewhere", s, rules.Accept)
		c.want("plaintext", session(""), rules.Reject)
	}
	if n := c.listeners.seen.Len(); n != maxListeners {
		t.Errorf("%d listeners are remembered, want %d", n, maxListeners)
	}
	c.done()
}

// TestLongName shows that no name of a host is kept in any length.
func TestLongName(t *testing.T) {
	c := newCatch(t, everyone)
	c.want("TLS", on("", strings.Repeat("a", 60_000), session("TLSv1.3")), rules.Accept)
	if n := len(c.Seen().Sightings[0].Host.Name); n > maxName {
		t.Errorf("a name of %d octets is kept", n)
	}
	c.done()
}

// TestSupplyDoesNotAllocate shows that looking a listener up makes no garbage.
func TestSupplyDoesNotAllocate(t *testing.T) {
	g := New(Config{})
	s := on("203.0.113.1", "mx.example.com", session("TLSv1.3"))
	now := g.now()
	g.supply(s, now)
	if n := testing.AllocsPerRun(100, func() { g.supply(s, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
