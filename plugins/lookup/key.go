package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tlswarden/internal/mailaddr"
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
	mailbox
	fingerprint
	network
)

// keys are the facts of the session that rows can be found by, with how tables may
// write them. All are texts.
func keys() map[string]form {
	return map[string]form{
		"client": network, "client_name": domain, "client_reverse_name": domain, "helo": domain,
		"sender": mailbox, "sender_domain": domain, "recipient": mailbox, "recipient_domain": domain,
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

// entries are the forms in which a table's value is compared with those of a session:
// one, or both names of a domain that mail servers fold to another one, its own first. An error
// says that no session has such a value, and what to write instead.
func (f form) entries(s string) ([]string, error) {
	if err := checkText(s); err != nil {
		return nil, err
	}
	normal, other := s, ""
	var err error
	switch f {
	case domain:
		normal, other, err = domainKey(s)
	case mailbox:
		normal, other, err = mailboxKey(s)
	case folded:
		normal = strings.ToLower(s)
	case fingerprint:
		normal, err = fingerprintKey(s)
	}
	switch {
	case err != nil:
		return nil, err
	case other != "":
		return []string{other, normal}, nil
	}
	return []string{normal}, nil
}

// fingerprintKey is a fingerprint as the daemon tells it.
func fingerprintKey(s string) (string, error) {
	normal := strings.ToLower(strings.ReplaceAll(s, ":", ""))
	if strings.Trim(normal, "0123456789abcdef") != "" {
		return "", errors.New(`is no fingerprint; write its hexadecimal digits alone, as openssl x509 -fingerprint -sha256 prints them behind the "="`)
	}
	if !slices.Contains([]int{32, 40, 56, 64, 96, 128}, len(normal)) {
		return "", fmt.Errorf("has %d hexadecimal digits; a fingerprint has 64 for SHA-256, 40 for SHA-1, 32 for MD5", len(normal))
	}
	return normal, nil
}

// normal is the form in which a session's value is compared with those of a table.
// The daemon tells most of them so.
func (f form) normal(s string) string {
	if f == folded {
		return strings.ToLower(s)
	}
	return s
}

// prefix is the network that a table's value names: an address, or one with the
// length of the network.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		if a.Zone() != "" {
			return netip.Prefix{}, errors.New("has a zone; write it without what follows the %")
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, errors.New("is no address and no network; write 192.0.2.1 or 192.0.2.0/24")
	case p != p.Masked():
		return p, fmt.Errorf("has bits beyond its length; write %v", p.Masked())
	case p.Addr().Is4In6():
		return p, errors.New("is an IPv4 network in IPv6 form; write 192.0.2.0/24")
	}
	return p, nil
}

// scripts adds the forms in which a database may have names of other scripts, whose rows
// nobody converts: with U-labels.
func (f form) scripts(forms []string) []string {
	if f != domain && f != mailbox {
		return forms
	}
	for _, s := range forms {
		local, name := "", s
		if f == mailbox {
			local, name = mailaddr.Split(s)
			local += "@"
		}
		if u := mailaddr.Unicode(name); u != "" {
			forms = append(forms, local+u)
		}
	}
	return forms
}

// fitting are those forms of a fact that a table can have at all, so that oddities
// from outside never reach a database.
func fitting(forms []string) []string {
	return slices.DeleteFunc(forms, func(s string) bool { return len(s) > maxKey || strings.ContainsRune(s, 0) })
}
