package main

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

const records = `
	example.                        3600 SOA ns.example. hostmaster.example. 1 7200 3600 86400 600
	all.example.                     900 MX  10 mx1.all.example.
	all.example.                     900 MX  20 MX2.all.example.
	_mta-sts.all.example.            800 TXT "v=STSv1; id=20260101;"
	_smtp._tls.all.example.          700 TXT "v=TLSRPTv1; rua=mailto:tls@all.example"
	_25._tcp.mx1.all.example.        300 TLSA 3 1 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
	_25._tcp.mx2.all.example.        600 TLSA 2 0 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

	alias.example.                   900 MX  10 mx1.all.example.
	_mta-sts.alias.example.          120 CNAME _mta-sts.all.example.
	_smtp._tls.alias.example.          5 CNAME _smtp._tls.nowhere.example.

	half.example.                    900 MX  10 mx1.all.example.
	half.example.                    900 MX  20 mx.half.example.
	_smtp._tls.half.example.           1 TXT "v=TLSRPTv1; rua=https://half.example/"

	nomx.example.                    900 A   192.0.2.1
	_25._tcp.nomx.example.           900 TLSA 3 1 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

	null.example.                    900 MX  0 .
	_25._tcp.null.example.           900 TLSA 3 1 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

	two.example.                     900 MX  10 mx.two.example.
	_mta-sts.two.example.            900 TXT "v=STSv1; id=1;"
	_mta-sts.two.example.            900 TXT "v=STSv1; id=2;"
	_25._tcp.mx.two.example.         900 TLSA 1 1 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

	others.example.                  900 MX  10 mx1.all.example.
	_mta-sts.others.example.         900 TXT "v=spf1 -all"
	_mta-sts.others.example.         900 TXT "v=STS" "v1; i" "d=1"

	xn--mnchen-3ya.example.          900 MX  10 mx1.all.example.
	_mta-sts.xn--mnchen-3ya.example. 900 TXT "v=STSv1; id=1"
`

// facts are those that there are without policies; nil is unknown.
func facts(sts, dane, tlsrpt any) plugins.Facts {
	return plugins.Facts{"mta_sts": sts, "dane": dane, "tlsrpt": tlsrpt}
}

// TestLookup shows what domains publish, and how long that holds.
func TestLookup(t *testing.T) {
	p := publisherOf(serve(t, records))
	for _, c := range []struct {
		domain string
		want   plugins.Facts
		ttl    time.Duration // 0: not told
	}{
		{"all.example", facts(true, true, true), 300 * time.Second},
		{"alias.example", facts(true, true, false), minTTL},
		{"half.example", facts(false, false, true), minTTL},
		{"nomx.example", facts(false, true, false), 600 * time.Second},
		{"null.example", facts(false, false, false), 600 * time.Second},
		{"two.example", facts(false, false, false), 600 * time.Second},
		{"others.example", facts(true, true, false), 300 * time.Second},
		{"xn--mnchen-3ya.example", facts(true, true, false), 300 * time.Second},
		{"missing.example", facts(false, false, false), 600 * time.Second},
		// No such name can have records.
		{"", facts(false, false, false), 0},
		{"[192.0.2.1]", facts(false, false, false), 0},
		{"a..example", facts(false, false, false), 0},
		{"münchen.example", facts(false, false, false), 0},
		{"a b.example", facts(false, false, false), 0},
		{"a\x00b.example", facts(false, false, false), 0},
		{strings.Repeat("a", 64) + ".example", facts(false, false, false), 0},
		{strings.Repeat("a.", 122) + "example", facts(false, false, false), 0},
	} {
		t.Run(c.domain, func(t *testing.T) {
			a, err := p.lookup(t.Context(), c.domain)
			if err != nil || !maps.Equal(a.Facts, c.want) || a.TTL != c.ttl {
				t.Errorf("%v for %v, %v; want %v for %v", a.Facts, a.TTL, err, c.want, c.ttl)
			}
		})
	}
}

// TestDomainOfDNS shows that of a domain that mail servers fold to another name, the
// DNS is asked for the name that it has.
func TestDomainOfDNS(t *testing.T) {
	p := publisherOf(serve(t, `_mta-sts.xn--cla-7ka.example. 300 IN TXT "v=STSv1; id=1"
_smtp._tls.class.example. 300 IN TXT "v=TLSRPTv1; rua=mailto:tls@class.example"`))
	run := plugintest.Run(t, plugins.Plugin{Name: "dns", Facts: offers(false), Lookup: p.Lookup}, "")
	got, err := run.Lookup(t.Context(), plugins.Facts{"sender_domain": plugintest.Domain("cla\u00df.example")})
	if want := facts(true, false, false); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// TestUnknown shows that a failure leaves unknown what it concerns, and no more.
func TestUnknown(t *testing.T) {
	const sts, reports, tlsa = "_mta-sts.all.example.", "_smtp._tls.all.example.", "_25._tcp.mx1.all.example."
	for name, c := range map[string]struct {
		question string
		kind     uint16
		answer   oddity
		want     plugins.Facts
		err      string
	}{
		"SERVFAIL":           {sts, dns.TypeTXT, code(dns.RcodeServerFailure), facts(nil, true, true), sts + " TXT: SERVFAIL"},
		"REFUSED":            {reports, dns.TypeTXT, code(dns.RcodeRefused), facts(true, true, nil), reports + " TXT: REFUSED"},
		"odd code":           {reports, dns.TypeTXT, code(13), facts(true, true, nil), reports + " TXT: response code 13"},
		"MX fails":           {"all.example.", dns.TypeMX, code(dns.RcodeServerFailure), facts(true, nil, true), "all.example. MX: SERVFAIL"},
		"one host fails":     {tlsa, dns.TypeTLSA, code(dns.RcodeServerFailure), facts(true, nil, true), tlsa + " TLSA: SERVFAIL"},
		"another question":   {sts, dns.TypeTXT, anotherQuestion, facts(nil, true, true), sts + " TXT: an answer to another question"},
		"no question":        {sts, dns.TypeTXT, noQuestion, facts(nil, true, true), sts + " TXT: not an answer"},
		"a question":         {sts, dns.TypeTXT, func(q *dns.Msg, _ bool) *dns.Msg { return q.Copy() }, facts(nil, true, true), sts + " TXT: not an answer"},
		"cut short over TCP": {sts, dns.TypeTXT, cutShort, facts(nil, true, true), sts + " TXT: not an answer"},
	} {
		t.Run(name, func(t *testing.T) {
			z := serve(t, records)
			z.oddly(c.question, c.kind, c.answer)
			a, err := publisherOf(z).lookup(t.Context(), "all.example")
			if !maps.Equal(a.Facts, c.want) || err == nil || err.Error() != c.err {
				t.Errorf("%v, %v; want %v, %s", a.Facts, err, c.want, c.err)
			}
		})
	}
}

func anotherQuestion(q *dns.Msg, _ bool) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	a.Question[0].Name = "_mta-sts.other.example."
	return a
}

func noQuestion(q *dns.Msg, _ bool) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	a.Question = nil
	return a
}

func cutShort(q *dns.Msg, _ bool) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	a.Truncated = true
	return a
}

// TestOneHostFails shows that a mail host without a record settles it, although
// nothing is known of the other one.
func TestOneHostFails(t *testing.T) {
	z := serve(t, records)
	z.oddly("_25._tcp.mx1.all.example.", dns.TypeTLSA, code(dns.RcodeServerFailure))
	a, err := publisherOf(z).lookup(t.Context(), "half.example")
	if want := facts(false, false, true); err != nil || !maps.Equal(a.Facts, want) {
		t.Errorf("%v, %v; want %v", a.Facts, err, want)
	}
}

// TestSilence shows that what is late is unknown, and what is in time is used, be it
// the daemon's time or the plugin's own that ends.
func TestSilence(t *testing.T) {
	z := serve(t, records)
	z.oddly("_mta-sts.all.example.", dns.TypeTXT, silent)
	for name, own := range map[string]bool{"own time": true, "the call's time": false} {
		t.Run(name, func(t *testing.T) {
			p, ctx := publisherOf(z), t.Context()
			if own {
				p.timeout = 3 * time.Second
			} else {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 3*time.Second+spare)
				defer cancel()
			}
			a, err := p.lookup(ctx, "all.example")
			if want := facts(nil, true, true); !maps.Equal(a.Facts, want) || err == nil || !strings.Contains(err.Error(), "timeout") {
				t.Errorf("%v, %v; want %v and a timeout", a.Facts, err, want)
			}
		})
	}
}

// TestEnd shows that questions end before the call does, by what the answer takes.
func TestEnd(t *testing.T) {
	now := time.Now()
	p := &publisher{timeout: time.Second}
	for call, want := range map[time.Duration]time.Duration{time.Hour: time.Second, time.Second: time.Second - spare, spare: 0} {
		ctx, cancel := context.WithDeadline(t.Context(), now.Add(call))
		if got := p.end(ctx, now).Sub(now); got != want {
			t.Errorf("of a call that ends after %v, questions end after %v, not %v", call, got, want)
		}
		cancel()
	}
	if got := p.end(context.Background(), now).Sub(now); got != time.Second {
		t.Errorf("of a call without an end, questions end after %v", got)
	}
}

// TestNoTime shows that a call whose time has passed asks nobody.
func TestNoTime(t *testing.T) {
	z := serve(t, records)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := publisherOf(z).lookup(ctx, "all.example")
	if want := facts(nil, nil, nil); !maps.Equal(a.Facts, want) || err == nil || z.asked.Load() != 0 {
		t.Errorf("%v, %v, %d questions", a.Facts, err, z.asked.Load())
	}
}

// TestManyHosts shows that the number of questions is bounded.
func TestManyHosts(t *testing.T) {
	var many strings.Builder
	for i := range maxHosts + 1 {
		many.WriteString("many.example. 900 MX 10 mx" + string(rune('a'+i)) + ".example.\n")
	}
	z := serve(t, many.String())
	a, err := publisherOf(z).lookup(t.Context(), "many.example")
	if a.Facts["dane"] != nil || err == nil || err.Error() != "many.example has 11 mail hosts, more than 10" || z.asked.Load() != 3 {
		t.Errorf("%v, %v, %d questions", a.Facts, err, z.asked.Load())
	}
}
