package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// maxHosts is how many mail hosts of a domain are looked at: whoever sends mail
// chooses the domain, and each host is a question.
const maxHosts = 10

// TLSA parameters: RFC 7218.
const (
	usageTA, usageEE    = 2, 3
	selectorKey         = 1
	matchFull           = 0
	matchSHA256, size32 = 1, 32
	matchSHA512, size64 = 2, 64
)

// dane finds out whether each mail host of a domain has a TLSA record that is
// usable, and that nobody can forge.
func (p *publisher) dane(ctx context.Context, domain string) finding {
	f := finding{key: "dane", ttl: maxTTL}
	if !p.resolver.now().trustsAny() {
		return f // told at the start
	}
	mx := p.judged(ctx, domain+".", dns.TypeMX, &f)
	hosts := mailHosts(domain, mx)
	switch {
	case f.err != nil:
	case !mx.secure || len(hosts) == 0: // RFC 7672 section 2.2.1
		f.value = false
	case len(hosts) > maxHosts:
		f.err = fmt.Errorf("%s has %d mail hosts, more than %d", domain, len(hosts), maxHosts)
	default:
		p.eachHost(ctx, hosts, &f)
	}
	return f
}

// mailHosts are the names of a domain's mail hosts, lower-case, with the final dot.
func mailHosts(domain string, mx answer) []string {
	if mx.missing {
		return nil
	}
	if len(mx.records) == 0 {
		return []string{domain + "."} // RFC 5321 section 5.1: the domain itself
	}
	var hosts []string
	seen := map[string]bool{".": true} // RFC 7505: no mail at all
	for _, rr := range mx.records {
		if r, ok := rr.(*dns.MX); ok && !seen[strings.ToLower(r.Mx)] {
			host := strings.ToLower(r.Mx)
			seen[host] = true
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// eachHost asks for all hosts at once. One without a usable record settles it,
// whatever is unknown of the others.
func (p *publisher) eachHost(ctx context.Context, hosts []string, f *finding) {
	found := make([]finding, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() { found[i] = p.host(ctx, host) })
	}
	wg.Wait()
	f.value = true
	for _, one := range found {
		f.ttl = min(f.ttl, one.ttl)
		switch {
		case one.value == false:
			f.value, f.err = false, nil
			return
		case one.err != nil:
			f.value, f.err = nil, errors.Join(f.err, one.err)
		}
	}
}

// host finds out whether one mail host has a usable record.
func (p *publisher) host(ctx context.Context, host string) finding {
	f := finding{ttl: maxTTL}
	usable := false
	for _, base := range p.bases(ctx, host, &f) {
		var published bool
		if usable, published = p.tlsa(ctx, base, &f); published || f.err != nil {
			break
		}
	}
	if f.err == nil {
		f.value = usable
	}
	return f
}

// bases are the names under which a mail host may have its records, of which the first
// that has any counts: the name to which its aliases lead, and its own. A host has none
// if its address is not secure: servers without DNSSEC are not asked for TLSA records, for
// some of them fail then (RFC 7672 section 2.2.2).
func (p *publisher) bases(ctx context.Context, host string, f *finding) []string {
	address := p.judged(ctx, host, dns.TypeA, f)
	switch alias := address.name != host; {
	case f.err != nil:
	case address.secure && alias:
		return []string{address.name, host}
	case address.secure:
		return []string{host}
	case alias && p.judged(ctx, host, dns.TypeCNAME, f).secure: // where it leads is not, but the alias is
		return []string{host}
	}
	return nil
}

// judged asks a question about DANE, whose answer must come from a server that is
// trusted with DNSSEC.
func (p *publisher) judged(ctx context.Context, name string, kind uint16, f *finding) answer {
	a, err := p.resolver.ask(ctx, name, kind)
	if err == nil {
		f.ttl = min(f.ttl, a.ttl)
		if !a.judged {
			err = fmt.Errorf("%s %s: the resolver that answered is not trusted with DNSSEC", name, dns.TypeToString[kind])
		}
	}
	f.err = err
	return a
}

// tlsa finds out whether there are secure records under a base domain, and whether one of
// them is usable: RFC 7672 section 2.2.3.
func (p *publisher) tlsa(ctx context.Context, base string, f *finding) (usable, published bool) {
	name := "_25._tcp." + base
	if _, ok := dns.IsDomainName(name); !ok {
		return false, false // too long a name for a record
	}
	a := p.judged(ctx, name, dns.TypeTLSA, f)
	for _, rr := range a.records {
		if r, ok := rr.(*dns.TLSA); ok && a.secure {
			usable, published = usable || isUsable(r), true
		}
	}
	return usable, published
}

// isUsable says whether a mail server can be authenticated by a record: RFC 7672
// section 3.1, which leaves out the usages that need a certification authority.
func isUsable(r *dns.TLSA) bool {
	if r.Usage != usageTA && r.Usage != usageEE || r.Selector > selectorKey {
		return false
	}
	octets := len(r.Certificate) / 2 // which is in hexadecimal
	switch r.MatchingType {
	case matchFull:
		return octets > 0
	case matchSHA256:
		return octets == size32
	case matchSHA512:
		return octets == size64
	}
	return false
}
