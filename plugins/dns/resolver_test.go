package main

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tlswarden/plugins"
)

// TestTransport shows answers that do not fit into a datagram, or come beside
// others.
func TestTransport(t *testing.T) {
	var long strings.Builder // near 64 KiB, of which one record counts
	long.WriteString(`_mta-sts.big.example. 900 TXT "v=STSv1; id=1"` + "\n")
	for i := range 240 {
		fmt.Fprintf(&long, "_mta-sts.big.example. 900 TXT \"%03d%s\"\n", i, strings.Repeat("x", 245))
	}
	var tooMany strings.Builder // policies, so that there is none
	for i := range 100 {
		fmt.Fprintf(&tooMany, "_mta-sts.big.example. 900 TXT \"v=STSv1; id=%d\"\n", i)
	}
	for name, c := range map[string]struct {
		zone string
		want bool
	}{"64 KiB": {long.String(), true}, "a hundred policies": {tooMany.String(), false}} {
		t.Run(name, func(t *testing.T) {
			z := serve(t, c.zone)
			f := publisherOf(z).sts(deadline(t), "big.example")[0]
			if f.value != c.want || f.err != nil || z.asked.Load() != 2 {
				t.Errorf("%v, %v, %d questions", f.value, f.err, z.asked.Load())
			}
		})
	}
}

// TestWrongID shows that an answer to a question that was not asked is passed over,
// and the right one, which comes later, is taken.
func TestWrongID(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packets.Close() }()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil {
				return
			}
			right := new(dns.Msg)
			right.SetReply(q)
			rr, _ := dns.NewRR(q.Question[0].Name + ` 900 TXT "v=STSv1; id=1"`)
			right.Answer = []dns.RR{rr}
			wrong := new(dns.Msg)
			wrong.SetReply(q)
			wrong.Id++
			for _, m := range []*dns.Msg{wrong, right} {
				wire, _ := m.Pack()
				_, _ = packets.WriteTo(wire, from)
			}
		}
	}()
	p := publisherOf(&zone{address: packets.LocalAddr().String()})
	if f := p.sts(deadline(t), "all.example")[0]; f.value != true || f.err != nil {
		t.Errorf("%v, %v", f.value, f.err)
	}
}

// TestSecondServer shows that servers which fail, or are not there, are passed over.
func TestSecondServer(t *testing.T) {
	failing, good := serve(t, records), serve(t, records)
	for _, name := range []string{"_mta-sts.all.example.", "_smtp._tls.all.example."} {
		failing.oddly(name, dns.TypeTXT, code(dns.RcodeServerFailure))
	}
	failing.oddly("all.example.", dns.TypeMX, code(dns.RcodeRefused))
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	a, err := publisherOf(&zone{address: gone.LocalAddr().String()}, failing, good).lookup(t.Context(), "all.example")
	if want := facts(true, true, true); err != nil || !maps.Equal(a.Facts, want) {
		t.Errorf("%v, %v; want %v", a.Facts, err, want)
	}
}

// TestLostDatagram shows that a question is asked again.
func TestLostDatagram(t *testing.T) {
	z := serve(t, records)
	lost := false
	z.oddly("_mta-sts.all.example.", dns.TypeTXT, func(q *dns.Msg, _ bool) *dns.Msg {
		if !lost {
			lost = true
			return nil
		}
		return z.answer(q)
	})
	p := publisherOf(z)
	p.timeout = 2 * time.Second
	if a, err := p.lookup(t.Context(), "all.example"); err != nil || a.Facts["mta_sts"] != true {
		t.Errorf("%v, %v", a.Facts, err)
	}
}

// TestSecurity shows when DANE counts: with the AD bit, from a server trusted in
// that.
func TestSecurity(t *testing.T) {
	for _, c := range []struct {
		name            string
		secure, trusted bool
		want            any
		questions       int32
	}{
		{"secure", true, true, true, 7},
		{"insecure", false, true, false, 3},
		{"not trusted", true, false, nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := serve(t, records)
			z.signed(c.secure)
			p := publisherOf(z)
			p.resolver.servers[0].trusted = c.trusted
			a, err := p.lookup(t.Context(), "all.example")
			if want := facts(true, c.want, true); err != nil || !maps.Equal(a.Facts, want) || z.asked.Load() != c.questions {
				t.Errorf("%v, %v, %d questions; want %v", a.Facts, err, z.asked.Load(), want)
			}
		})
	}
}

// TestHalfTrusted shows that the answer of a server that is not trusted says
// nothing of DNSSEC, where another one could.
func TestHalfTrusted(t *testing.T) {
	p := publisherOf(serve(t, records), serve(t, records))
	p.resolver.servers[0].trusted = false
	a, err := p.lookup(t.Context(), "all.example")
	if want := facts(true, nil, true); !maps.Equal(a.Facts, want) || err == nil || !strings.Contains(err.Error(), "not trusted with DNSSEC") {
		t.Errorf("%v, %v; want %v", a.Facts, err, want)
	}
}

// TestUsable shows which TLSA records can authenticate a mail server.
func TestUsable(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	for text, want := range map[string]bool{
		"3 1 1 " + digest: true, "3 0 1 " + digest: true, "2 0 1 " + digest: true, "2 1 2 " + digest + digest: true,
		"3 1 0 3059": true, "0 1 1 " + digest: false, "1 1 1 " + digest: false, "4 1 1 " + digest: false, "3 2 1 " + digest: false,
		"3 1 3 " + digest: false, "3 1 1 abcd": false, "3 1 2 " + digest: false, "255 1 1 " + digest: false,
	} {
		rr, err := dns.NewRR("_25._tcp.mx.example. TLSA " + text)
		if err != nil {
			t.Fatal(err)
		}
		if got := isUsable(rr.(*dns.TLSA)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestTTL shows how long answers hold.
func TestTTL(t *testing.T) {
	soa := func(ttl, minimum int) string {
		return fmt.Sprintf("example. %d SOA ns.example. h.example. 1 2 3 4 %d", ttl, minimum)
	}
	for _, c := range []struct {
		name   string
		answer []string
		ns     []string
		want   time.Duration
	}{
		{"the least", []string{`a.example. 500 TXT "a"`, `a.example. 400 TXT "b"`}, nil, 400 * time.Second},
		{"an alias", []string{`a.example. 200 CNAME b.example.`, `b.example. 400 TXT "b"`}, nil, 200 * time.Second},
		{"bounded below", []string{`a.example. 0 TXT "a"`}, nil, minTTL},
		{"bounded above", []string{`a.example. 4000000000 TXT "a"`}, nil, maxTTL},
		{"negative", nil, []string{soa(3600, 300)}, 300 * time.Second},
		{"negative by the record's own", nil, []string{soa(200, 300)}, 200 * time.Second},
		{"negative after an alias", []string{`a.example. 100 CNAME b.example.`}, []string{soa(3600, 300)}, 100 * time.Second},
		{"negative without SOA", nil, nil, minTTL},
	} {
		m := new(dns.Msg)
		for _, text := range c.answer {
			m.Answer = append(m.Answer, parse(t, text))
		}
		for _, text := range c.ns {
			m.Ns = append(m.Ns, parse(t, text))
		}
		if got := read(m, dns.TypeTXT, true).ttl; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func parse(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// TestPublic shows to which addresses policies are not fetched from.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"193.0.6.139": true, "2001:67c:2e8::1": true, "2a00:1450::1": true, "::ffff:193.0.6.139": true, "64:ff9b::c100:68b": true,
		"2001:200::1": true, "2001:1ff:ffff::1": false, "3ffe::1": true, "3fff:fff::1": false, "4000::1": false,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::1": false, "::": false, "fe80::1": false, "fd00::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false,
		"::127.0.0.1": false, "::193.0.6.139": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::a00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::c100:68b": false, "64:ff9b::1:c100:68b": false,
		"192.88.99.1": false, "192.0.2.1": false, "198.51.100.1": false, "203.0.113.1": false, "198.19.255.255": false, "192.0.0.9": false,
		"192.31.196.1": false, "192.52.193.1": false, "192.175.48.1": false, "240.0.0.1": false, "239.1.1.1": false, "100.127.255.255": false,
		"2001::7f00:1": false, "2001:0:7f00:1::1": false, "2001:2::1": false, "2001:10::1": false, "2001:20::1": false, "2001:db8::1": false,
		"2620:4f:8000::1": false, "100::1": false, "100:0:0:1::1": false, "5f00::1": false, "fec0::1": false, "fc00::1": false,
		"2a00:1450::1%eth0": false, "64:ff9b::c100:68b%eth0": false, "fe80::1%eth0": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
		err := publicOnly(t.Context(), "tcp", net.JoinHostPort(text, "443"), nil)
		if (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// FuzzAnswer shows that of whatever a name server sends, an answer comes that
// holds for a time within the bounds, or none.
func FuzzAnswer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("_mta-sts.example.", dns.TypeTXT)
	for _, text := range []string{`_mta-sts.example. 5 TXT "v=STSv1; id=1"`, "_mta-sts.example. 4294967295 CNAME example.", "example. 1 MX 0 .", "example. 1 TLSA 3 1 1 ab"} {
		a := new(dns.Msg)
		a.SetReply(q)
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		a.Answer = []dns.RR{rr}
		wire, err := a.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil || fits(q, m) != nil {
			return
		}
		a := read(m, dns.TypeTXT, false)
		if a.ttl < minTTL || a.ttl > maxTTL || a.secure || a.judged {
			t.Errorf("%+v", a)
		}
		hasSTS(a.records)
		for _, host := range mailHosts("example", read(m, dns.TypeMX, true)) {
			if host == "." || host != strings.ToLower(host) {
				t.Errorf("a mail host %q", host)
			}
		}
	})
}

// TestPlugin runs the plugin as the daemon does.
func TestPlugin(t *testing.T) {
	z := serve(t, records)
	for name, c := range map[string]struct {
		settings string
		want     plugins.Facts
	}{
		"on this machine":     {`{"resolvers": ["` + z.address + `"]}`, plugins.Facts{"mta_sts": true, "dane": true, "tlsrpt": true}},
		"trust none":          {`{"resolvers": ["` + z.address + `"], "trust_ad": false, "timeout": "10s"}`, plugins.Facts{"mta_sts": true, "tlsrpt": true}},
		"no TLS on that port": {`{"resolvers": ["` + z.address + `"], "fetch_policy": true}`, plugins.Facts{"mta_sts": true, "dane": true, "tlsrpt": true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := runPlugin(t, c.settings, "all.example")
			if !maps.Equal(got, c.want) || (err != nil) != (name == "no TLS on that port") {
				t.Errorf("%v, %v; want %v", got, err, c.want)
			}
		})
	}
}
