package main

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// daneZone are mail hosts of each kind. "TLSA" stands for a record that is usable,
// "UNUSABLE" for one that is not.
const daneZone = `
	example.                    3600 SOA  ns.example. hostmaster.example. 1 7200 3600 86400 600
	x.example.                  900 MX    10 mx.x.example.
	mx.x.example.               900 A     192.0.2.1
	_25._tcp.mx.x.example.      900 TLSA

	alias.example.              900 MX    10 mail.alias.example.
	mail.alias.example.         900 CNAME mx.x.example.

	own.example.                900 MX    10 mail.own.example.
	mail.own.example.           900 CNAME mx.bare.example.
	_25._tcp.mail.own.example.  900 TLSA
	mx.bare.example.            900 A     192.0.2.2

	both.example.               900 MX    10 mail.both.example.
	mail.both.example.          900 CNAME mx.x.example.
	_25._tcp.mail.both.example. 900 UNUSABLE

	bad.example.                900 MX    10 mail.bad.example.
	mail.bad.example.           900 CNAME mx.odd.example.
	_25._tcp.mail.bad.example.  900 TLSA
	mx.odd.example.             900 A     192.0.2.3
	_25._tcp.mx.odd.example.    900 UNUSABLE

	far.example.                900 MX    10 a.far.example.
	a.far.example.              900 CNAME b.far.example.
	b.far.example.              900 CNAME c.far.example.
	c.far.example.              900 CNAME mx.x.example.

	lost.example.               900 MX    10 mail.lost.example.
	mail.lost.example.          900 CNAME nowhere.example.

	round.example.              900 MX    10 a.round.example.
	a.round.example.            900 CNAME b.round.example.
	b.round.example.            900 CNAME a.round.example.

	tlsalias.example.           900 MX    10 mx.tlsalias.example.
	mx.tlsalias.example.        900 A     192.0.2.4
	_25._tcp.mx.tlsalias.example. 900 CNAME _25._tcp.mx.x.example.

	six.example.                900 MX    10 mx.six.example.
	mx.six.example.             900 AAAA  2001:db8::1
	_25._tcp.mx.six.example.    900 TLSA

	aonly.example.              900 A     192.0.2.5
	_25._tcp.aonly.example.     900 TLSA

	calias.example.             900 CNAME aonly.example.

	malias.example.             900 CNAME x.example.

	nothing.example.            900 TXT   "x"

	gone.example.               900 MX    10 mx.gone.example.

	null.example.               900 MX    0 .
	_25._tcp.null.example.      900 TLSA

	two.example.                900 MX    10 mx.x.example.
	two.example.                900 MX    20 mx.two.example.
	mx.two.example.             900 A     192.0.2.6
	_25._tcp.mx.two.example.    900 TLSA
`

// TestDANE shows which domains have DANE, where answers are not secure or fail, and which
// mail hosts are asked for a record: RFC 7672 sections 2.2.1 to 2.2.3.
func TestDANE(t *testing.T) {
	const insecure, fails = "insecure", "SERVFAIL"
	digest := strings.Repeat("ab", 32)
	text := strings.NewReplacer("UNUSABLE", "TLSA 0 0 1 "+digest, "TLSA\n", "TLSA 3 1 1 "+digest+"\n").Replace(daneZone)
	for _, c := range []struct {
		domain string
		odd    map[string]string // by question: insecure, or a response code
		want   any
		never  string // a question that is not asked
	}{
		{"x.example", nil, true, ""},
		// The domain's own answers.
		{"x.example", map[string]string{"x.example. MX": insecure}, false, "_25._tcp.mx.x.example. TLSA"},
		{"x.example", map[string]string{"x.example. MX": fails}, nil, "mx.x.example. A"},
		{"missing.example", nil, false, ""},
		{"missing.example", map[string]string{"missing.example. MX": insecure}, false, ""},
		{"null.example", nil, false, "_25._tcp.null.example. TLSA"},
		{"null.example", map[string]string{"null.example. MX": fails}, nil, ""},
		{"aonly.example", nil, true, ""},
		{"aonly.example", map[string]string{"aonly.example. MX": insecure}, false, "_25._tcp.aonly.example. TLSA"},
		{"aonly.example", map[string]string{"aonly.example. A": insecure, "_25._tcp.aonly.example. TLSA": fails}, false, ""},
		{"calias.example", nil, true, ""},
		{"calias.example", map[string]string{"calias.example. MX": insecure}, false, ""},
		{"malias.example", nil, true, ""},
		{"malias.example", map[string]string{"malias.example. MX": insecure}, false, ""},
		{"nothing.example", nil, false, ""},
		{"gone.example", nil, false, ""},
		{"six.example", nil, true, ""},
		// A host whose address is not secure has no TLSA records to look for.
		{"x.example", map[string]string{"mx.x.example. A": insecure, "_25._tcp.mx.x.example. TLSA": fails}, false, "_25._tcp.mx.x.example. TLSA"},
		{"x.example", map[string]string{"mx.x.example. A": insecure}, false, "_25._tcp.mx.x.example. TLSA"},
		{"gone.example", map[string]string{"mx.gone.example. A": insecure, "_25._tcp.mx.gone.example. TLSA": fails}, false, ""},
		{"six.example", map[string]string{"mx.six.example. A": insecure}, false, ""},
		{"x.example", map[string]string{"mx.x.example. A": fails}, nil, "_25._tcp.mx.x.example. TLSA"},
		{"x.example", map[string]string{"_25._tcp.mx.x.example. TLSA": fails}, nil, ""},
		{"x.example", map[string]string{"_25._tcp.mx.x.example. TLSA": insecure}, false, ""},
		// Aliases: the name to which they lead counts before the host's own.
		{"alias.example", nil, true, "_25._tcp.mail.alias.example. TLSA"},
		{"far.example", nil, true, "_25._tcp.b.far.example. TLSA"},
		{"own.example", nil, true, ""},
		{"both.example", nil, true, "_25._tcp.mail.both.example. TLSA"},
		{"bad.example", nil, false, "_25._tcp.mail.bad.example. TLSA"},
		{"bad.example", map[string]string{"_25._tcp.mx.odd.example. TLSA": insecure}, true, ""},
		{"lost.example", nil, false, ""},
		{"round.example", nil, false, ""},
		{"tlsalias.example", nil, true, ""},
		{"alias.example", map[string]string{"_25._tcp.mx.x.example. TLSA": fails}, nil, ""},
		{"own.example", map[string]string{"_25._tcp.mx.bare.example. TLSA": fails}, nil, ""},
		// An alias that leads to a name that is not secure: the host's own name counts alone,
		// if the alias itself is secure.
		{"alias.example", map[string]string{"mail.alias.example. A": insecure}, false, "_25._tcp.mx.x.example. TLSA"},
		{"own.example", map[string]string{"mail.own.example. A": insecure, "_25._tcp.mx.bare.example. TLSA": fails}, true, "_25._tcp.mx.bare.example. TLSA"},
		{"own.example", map[string]string{"mail.own.example. A": insecure, "mail.own.example. CNAME": insecure, "_25._tcp.mail.own.example. TLSA": fails}, false, "_25._tcp.mail.own.example. TLSA"},
		{"own.example", map[string]string{"mail.own.example. A": insecure, "mail.own.example. CNAME": fails}, nil, "_25._tcp.mail.own.example. TLSA"},
		{"own.example", map[string]string{"mail.own.example. A": fails}, nil, "_25._tcp.mail.own.example. TLSA"},
		// Of two hosts, one without a record settles it.
		{"two.example", nil, true, ""},
		{"two.example", map[string]string{"mx.two.example. A": insecure, "mx.x.example. A": fails}, false, ""},
		{"two.example", map[string]string{"mx.x.example. A": fails}, nil, ""},
	} {
		z := serve(t, text)
		for q, answer := range c.odd {
			name, kind, _ := strings.Cut(q, " ")
			if answer == insecure {
				z.oddly(name, dns.StringToType[kind], z.insecure)
			} else {
				z.oddly(name, dns.StringToType[kind], code(dns.StringToRcode[answer]))
			}
		}
		var asked atomic.Bool
		if name, kind, found := strings.Cut(c.never, " "); found {
			z.oddly(name, dns.StringToType[kind], func(q *dns.Msg, _ bool) *dns.Msg {
				asked.Store(true)
				return z.answer(q)
			})
		}
		f := publisherOf(z).dane(deadline(t), c.domain)
		if f.value != c.want || (f.err == nil) != (c.want != nil) {
			t.Errorf("%s with %v: %v, %v; want %v", c.domain, c.odd, f.value, f.err, c.want)
		}
		if asked.Load() {
			t.Errorf("%s with %v: %s was asked", c.domain, c.odd, c.never)
		}
	}
}
