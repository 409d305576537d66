package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tlswarden/plugins"
)

// maxKey is how many octets a fact of the session can have that is looked for.
const maxKey = 1024

// form says how values of a fact of the session are compared.
type form int

const (
	exact form = iota
	folded
	domain
	fingerprint
	network
)

// keys are the facts of the session that rows can be found by, with how tables may
// write them. All are texts.
func keys() map[string]form {
	return map[string]form{
		"client": network, "client_name": domain, "client_reverse_name": domain, "helo": domain,
		"sender": folded, "sender_domain": domain, "recipient": folded, "recipient_domain": domain,
		"sasl_user": exact, "tls_sni": domain, "cert_subject": folded, "cert_issuer": folded,
		"cert_fingerprint": fingerprint, "cert_key_fingerprint": fingerprint,
	}
}

// checkKey says whether rows can be found by a fact of the session.
func checkKey(setting, name string) error {
	if _, ok := keys()[name]; ok {
		return nil
	}
	var names []string
	for known := range keys() {
		names = append(names, known)
	}
	slices.Sort(names)
	return plugins.Problem(setting, "%q is not one of %s", name, strings.Join(names, ", "))
}

// normal is the form in which a table's value is compared with that of a session.
// An error says that no session has such a value.
func (f form) normal(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("is empty")
	case len(s) > maxKey:
		return "", fmt.Errorf("has more than %d octets", maxKey)
	case f == domain:
		s = strings.ToLower(strings.TrimSuffix(s, "."))
		if strings.ContainsFunc(s, func(r rune) bool { return r > '~' || r <= ' ' }) {
			return "", errors.New("is no domain name; names of other scripts stand as A-labels (xn--)")
		}
	case f == folded:
		s = strings.ToLower(s)
	case f == fingerprint:
		s = strings.ToLower(strings.ReplaceAll(s, ":", ""))
		if strings.Trim(s, "0123456789abcdef") != "" {
			return "", errors.New("is no fingerprint")
		}
	}
	return s, nil
}

// prefix is the network that a table's value names: an address, or one with the
// length of the network.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		if a.Zone() != "" {
			return netip.Prefix{}, errors.New("has a zone")
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, errors.New("is no address and no network")
	case p != p.Masked():
		return p, fmt.Errorf("has bits beyond its length; %v was meant?", p.Masked())
	case p.Addr().Is4In6():
		return p, errors.New("is an IPv4 network in IPv6 form")
	}
	return p, nil
}

// fit says whether a table can have these values at all, so that oddities from
// outside never reach a database.
func fit(facts []string) bool {
	for _, s := range facts {
		if len(s) > maxKey || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}
