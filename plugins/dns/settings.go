package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/miekg/dns"

	"tlswarden/plugins"
)

const version = "1.0"

// settings are the plugin's table, [plugin.dns.settings].
type settings struct {
	Resolvers   []string         `json:"resolvers"`    // "192.0.2.53", "[::1]:5353"; none: those of /etc/resolv.conf
	Timeout     plugins.Duration `json:"timeout"`      // of all questions of one session
	FetchPolicy bool             `json:"fetch_policy"` // whether MTA-STS policies are fetched
	TrustAD     *bool            `json:"trust_ad"`     // whether the AD bit is believed; nil: of resolvers on this machine
}

const (
	defaultTimeout = 1500 * time.Millisecond
	resolvConf     = "/etc/resolv.conf"
)

// plugin is what is served.
func plugin() plugins.Plugin { return plugins.Plugin{Name: "dns", Version: version, Setup: setup} }

func setup(s plugins.Settings) (plugins.Plugin, error) {
	p, err := configure(s)
	if err != nil {
		return plugins.Plugin{}, err
	}
	return plugins.Plugin{Facts: offers(p.policies != nil), Needs: []string{"sender_domain"}, TTL: maxTTL, Lookup: p.Lookup}, nil
}

// configure makes a publisher of the settings.
func configure(s plugins.Settings) (*publisher, error) {
	set := settings{Timeout: plugins.Duration(defaultTimeout)}
	if err := s.Decode(&set); err != nil {
		return nil, err
	}
	var found []error
	if set.Timeout <= 0 {
		found = append(found, plugins.Problem("timeout", "takes more than 0 seconds"))
	}
	r, err := newResolver(set.Resolvers, set.TrustAD)
	if err = errors.Join(append(found, err)...); err != nil {
		return nil, err
	}
	p := &publisher{resolver: r, timeout: time.Duration(set.Timeout)}
	if set.FetchPolicy {
		p.policies = newFetcher(r.dial, nil)
	}
	if !r.trustsAny() {
		fmt.Fprintln(os.Stderr, "no resolver is on this machine, and trust_ad is not set: the fact dane stays unknown")
	}
	return p, nil
}

// newResolver takes the addresses of name servers, or those of /etc/resolv.conf if
// there are none.
func newResolver(addresses []string, trustAD *bool) (*resolver, error) {
	key, port := "resolvers", "53"
	if len(addresses) == 0 {
		conf, err := dns.ClientConfigFromFile(resolvConf)
		if err != nil {
			return nil, plugins.Problem(key, "not set, and %v", err)
		}
		if addresses = conf.Servers; len(addresses) == 0 {
			return nil, plugins.Problem(key, "not set, and %s names none", resolvConf)
		}
	}
	r := &resolver{}
	var found []error
	for _, a := range addresses {
		host, p, err := net.SplitHostPort(a)
		if err != nil {
			host, p = a, port
		}
		addr, err := netip.ParseAddr(host)
		if err != nil {
			found = append(found, plugins.Problem(key, "%q is no IP address, nor one with a port", a))
			continue
		}
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			found = append(found, plugins.Problem(key, "%q has no port", a))
			continue
		}
		trusted := addr.Unmap().IsLoopback()
		if trustAD != nil {
			trusted = *trustAD
		}
		r.servers = append(r.servers, server{address: net.JoinHostPort(host, p), trusted: trusted})
	}
	return r, errors.Join(found...)
}
