package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/miekg/dns"

	"tlswarden/plugins"
)

// spare is what is left of the daemon's time for one call when the questions end,
// so that what is known by then still arrives.
const spare = 100 * time.Millisecond

// publisher finds out what domains publish. It may be used by many goroutines at
// once.
type publisher struct {
	resolver *resolver
	policies *fetcher // nil: policies are not fetched
	timeout  time.Duration
}

// finding is what was found out about one fact.
type finding struct {
	key   string
	value any // nil: unknown
	ttl   time.Duration
	err   error // why it is unknown
}

// offers are the facts that can be found out, with the mode of policies if they are
// fetched.
func offers(mode bool) []plugins.Fact {
	facts := []plugins.Fact{
		{Key: "mta_sts", Type: plugins.Boolean, Meaning: "the sender's domain has a valid MTA-STS record (_mta-sts, RFC 8461)"},
		{Key: "dane", Type: plugins.Boolean, Meaning: "each mail host of the sender's domain has a usable TLSA record, secured by DNSSEC (RFC 7672)"},
		{Key: "tlsrpt", Type: plugins.Boolean, Meaning: "the sender's domain wants reports about TLS (_smtp._tls, RFC 8460)"},
	}
	if mode {
		facts = append(facts, plugins.Fact{Key: "mta_sts_mode", Type: plugins.Name, Meaning: "mode of its MTA-STS policy: enforce, testing, none; empty without one"})
	}
	return facts
}

// Lookup answers for a session.
func (p *publisher) Lookup(ctx context.Context, s plugins.Session) (plugins.Answer, error) {
	forms, ok := s.Forms("sender_domain")
	if !ok {
		return plugins.Answer{}, errors.New("sender_domain is unknown")
	}
	return p.lookup(ctx, forms[len(forms)-1]) // the name that the DNS has
}

// lookup asks all questions about a domain at once.
func (p *publisher) lookup(ctx context.Context, domain string) (plugins.Answer, error) {
	if !canPublish(domain) {
		nothing := plugins.Facts{"mta_sts": false, "dane": false, "tlsrpt": false}
		if p.policies != nil {
			nothing["mta_sts_mode"] = ""
		}
		return plugins.Answer{Facts: nothing}, nil
	}
	ctx, cancel := context.WithDeadline(ctx, p.end(ctx, time.Now()))
	defer cancel()
	var sts []finding
	var reports, dane finding
	var wg sync.WaitGroup
	wg.Go(func() { sts = p.sts(ctx, domain) })
	wg.Go(func() { reports = p.tlsrpt(ctx, domain) })
	wg.Go(func() { dane = p.dane(ctx, domain) })
	wg.Wait()
	return join(append(sts, reports, dane))
}

// end is when the questions of a call end that came at a time: so that the answer still
// arrives within the call.
func (p *publisher) end(ctx context.Context, now time.Time) time.Time {
	end := now.Add(p.timeout)
	if d, ok := ctx.Deadline(); ok && d.Add(-spare).Before(end) {
		return d.Add(-spare)
	}
	return end
}

// canPublish says whether there can be records about a domain. The null sender has
// none, and an address in brackets is none. Its longest record must fit.
func canPublish(domain string) bool {
	return validHost(domain) && len("_smtp._tls."+domain) <= 253
}

// sts finds out about MTA-STS: the record and, if that is allowed, the mode of the
// policy.
func (p *publisher) sts(ctx context.Context, domain string) []finding {
	record := p.text(ctx, "mta_sts", "_mta-sts."+domain+".", hasSTS)
	if p.policies == nil {
		return []finding{record}
	}
	mode := finding{key: "mta_sts_mode", ttl: maxTTL}
	switch record.value {
	case false:
		mode.value = "" // no record, no policy: RFC 8461 section 3.1
	case true:
		found, err := p.policies.fetch(ctx, domain)
		if err != nil {
			mode.err = err
			break
		}
		mode.value = found.mode
		if found.mode != "" {
			mode.ttl = max(found.maxAge, minTTL)
		}
	}
	return []finding{record, mode}
}

// tlsrpt finds out about reports.
func (p *publisher) tlsrpt(ctx context.Context, domain string) finding {
	return p.text(ctx, "tlsrpt", "_smtp._tls."+domain+".", hasTLSRPT)
}

// text finds out whether the TXT records of a name are what they must be.
func (p *publisher) text(ctx context.Context, key, name string, valid func([]dns.RR) bool) finding {
	f := finding{key: key, ttl: maxTTL}
	a, err := p.resolver.ask(ctx, name, dns.TypeTXT)
	if err != nil {
		f.err = err
		return f
	}
	f.value, f.ttl = valid(a.records), a.ttl
	return f
}

// join makes one answer of all findings. It holds as long as each of them.
func join(found []finding) (plugins.Answer, error) {
	a := plugins.Answer{Facts: plugins.Facts{}, TTL: maxTTL}
	var failed []error
	for _, f := range found {
		a.Facts[f.key] = f.value
		a.TTL = min(a.TTL, f.ttl)
		if f.err != nil {
			failed = append(failed, f.err)
		}
	}
	return a, errors.Join(failed...)
}
