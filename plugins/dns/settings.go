package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

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
	resolvConfPath = "/etc/resolv.conf"
)

const untrusted = "no resolver is on this machine, and trust_ad is not set: the fact dane stays unknown"

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
	if !r.now().trustsAny() {
		fmt.Fprintln(os.Stderr, untrusted)
	}
	return p, nil
}

// newResolver takes the addresses of name servers, or those of /etc/resolv.conf if
// there are none.
func newResolver(addresses []string, trustAD *bool) (*resolver, error) {
	const key = "resolvers"
	r := &resolver{}
	if len(addresses) == 0 {
		r.conf = &resolvConf{path: resolvConfPath, port: "53", trustAD: trustAD, log: os.Stderr}
		if err := r.conf.load(); err != nil {
			return nil, plugins.Problem(key, "not set, and %v", err)
		}
		return r, nil
	}
	var found []error
	for _, a := range addresses {
		s, err := newServer(a, "53", trustAD)
		if err != nil {
			found = append(found, plugins.Problem(key, "%v", err))
			continue
		}
		r.servers = append(r.servers, s)
	}
	return r, errors.Join(found...)
}

// newServer takes the address of a name server, with its port or without.
func newServer(address, port string, trustAD *bool) (server, error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		host, p = address, port
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return server{}, fmt.Errorf("%q is no IP address, nor one with a port", address)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return server{}, fmt.Errorf("%q has no port", address)
	}
	trusted := addr.Unmap().IsLoopback()
	if trustAD != nil {
		trusted = *trustAD
	}
	return server{address: net.JoinHostPort(host, p), trusted: trusted}, nil
}
