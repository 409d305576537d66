package main

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// notPublic are addresses that net/netip does not know as private, but that are not
// of the public net, or lead elsewhere (IANA special-purpose address registries).
func notPublic() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("198.18.0.0/15"), // RFC 2544
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("64:ff9b::/96"), // RFC 6052: leads to any IPv4 address
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2002::/16"), // RFC 3056: the same
		netip.MustParsePrefix("fec0::/10"),
	}
}

// public says whether an address is of the public net.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range notPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// publicOnly keeps a dialer from connecting to other than public addresses.
func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !public(a.Addr()) {
		return fmt.Errorf("%s is not on the public net", a.Addr())
	}
	return nil
}
