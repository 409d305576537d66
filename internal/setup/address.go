package setup

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tlswarden/packaging"
)

// Address is where the daemon listens.
type Address struct {
	Host, Port string // without brackets
	Path       string // of a unix-domain socket; then there is no host
}

// ParseAddress reads an address as the daemon's configuration has it: inet:host:port
// or unix:/path.
func ParseAddress(s string) (Address, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case kind == "unix" && rest != "":
		return Address{Path: rest}, nil
	case kind == "inet":
		if host, port, err := net.SplitHostPort(rest); err == nil && host != "" && port != "" {
			return Address{Host: strings.ToLower(host), Port: port}, nil
		}
	}
	return Address{}, fmt.Errorf("%q is no address", s)
}

// String is the address as the configuration has it, and as Postfix writes it.
func (a Address) String() string {
	if a.Path != "" {
		return "unix:" + a.Path
	}
	return "inet:" + net.JoinHostPort(a.Host, a.Port)
}

// nearby is the address at which this machine reaches it: nobody can connect to
// "all addresses".
func (a Address) nearby() Address {
	if ip := net.ParseIP(a.Host); ip != nil && ip.IsUnspecified() {
		if a.Host = "127.0.0.1"; ip.To4() == nil {
			a.Host = "::1"
		}
	}
	return a
}

// hosts are the addresses of this machine that a host name or address stands for.
// A socket for all IPv6 addresses takes IPv4, too (ipv6(7), IPV6_V6ONLY).
func hosts(host string) []string {
	switch host {
	case "localhost", "::":
		return []string{host, "127.0.0.1", "::1"}
	case "0.0.0.0":
		return []string{host, "127.0.0.1"}
	}
	if ip := net.ParseIP(host); ip != nil {
		return []string{ip.String()}
	}
	return []string{host}
}

// same says whether two addresses are of one listener.
func (a Address) same(b Address) bool {
	if a.Path != "" || b.Path != "" {
		return a.Path != "" && b.Path != "" && resolve(a.Path) == resolve(b.Path)
	}
	return a.Port == b.Port && slices.ContainsFunc(hosts(a.Host), func(h string) bool { return slices.Contains(hosts(b.Host), h) })
}

// resolve follows the links of a path, of which the last element need not be there.
func resolve(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return filepath.Clean(path)
}

// Addresses are where both front ends listen, in the order of the configuration.
type Addresses struct {
	Milter, Policy []Address
	File           string // the configuration, which need not be there
}

// of are the addresses of a front end.
func (a Addresses) of(front string) []Address {
	if front == Policy {
		return a.Policy
	}
	return a.Milter
}

// WithDefaults adds the addresses that the shipped lines name, and the sockets of
// the units: who has no configuration any more may still be hooked up by them.
func (a Addresses) WithDefaults() Addresses {
	a.Milter = append(slices.Clone(a.Milter), tcp(packaging.MilterAddress), Address{Path: packaging.PostfixMilterSocket}, Address{Path: packaging.SendmailMilterSocket})
	a.Policy = append(slices.Clone(a.Policy), tcp(packaging.PolicyAddress), Address{Path: packaging.PostfixPolicySocket})
	return a
}

func tcp(address string) Address {
	host, port, _ := strings.Cut(address, ":")
	return Address{Host: host, Port: port}
}

// postfixAddress reads an address as Postfix does in its lists: a path without a type
// is a socket's, local: is unix:, and inet: without a host is this machine (host_port and
// auto_clnt_create of its sources).
func postfixAddress(s string) (Address, error) {
	kind, rest, typed := strings.Cut(s, ":")
	switch {
	case typed && kind == "inet":
		host, port := "", rest
		if i := strings.LastIndexByte(rest, ':'); i >= 0 {
			host, port = rest[:i], rest[i+1:]
		}
		host = strings.TrimPrefix(strings.Trim(strings.ToLower(host), "[]"), "ipv6:")
		if port != "" {
			return Address{Host: cmp.Or(host, "localhost"), Port: port}, nil
		}
	case typed && (kind == "unix" || kind == "local") && rest != "":
		return Address{Path: rest}, nil
	case s != "" && !typed:
		return Address{Path: s}, nil
	}
	return Address{}, fmt.Errorf("%q is not a valid address of Postfix", s)
}

// postfixMatch reports whether an address, as Postfix's lists have it, is one of
// these. A relative path begins at the queue directory, as do all of them for a service
// in chroot.
func postfixMatch(list []Address, queue string) func(string) bool {
	return func(written string) bool {
		a, err := postfixAddress(written)
		if err != nil {
			return false
		}
		below := a
		if a.Path != "" {
			below.Path = filepath.Join(queue, a.Path)
			if !filepath.IsAbs(a.Path) {
				a = below
			}
		}
		return slices.ContainsFunc(list, func(b Address) bool { return b.same(a) || b.same(below) })
	}
}

// sendmailAddress reads what stands behind S= in a filter's equates: inet:port@host,
// inet6:port@host, and unix: or local: with a path; libmilter's smfi_setconn.
func sendmailAddress(s string) (Address, error) {
	kind, rest, ok := strings.Cut(s, ":")
	if !ok {
		kind, rest = "local", s
	}
	switch kind {
	case "unix", "local":
		return Address{Path: rest}, nil
	case "inet", "inet6":
		port, host, ok := strings.Cut(rest, "@")
		if _, err := strconv.ParseUint(port, 10, 16); ok && err == nil {
			host = strings.TrimPrefix(strings.Trim(strings.ToLower(host), "[]"), "ipv6:")
			return Address{Host: host, Port: port}, nil
		}
	}
	return Address{}, fmt.Errorf("%q is no address", s)
}

// sendmail is the address as Sendmail writes it.
func (a Address) sendmail() string {
	switch {
	case a.Path != "":
		return "local:" + a.Path
	case strings.Contains(a.Host, ":"):
		return "inet6:" + a.Port + "@" + a.Host // in brackets its milter_open fails
	}
	return "inet:" + a.Port + "@" + a.Host
}
