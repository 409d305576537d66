package main

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// special are the blocks of the IANA IPv4 and IPv6 Special-Purpose Address
// Registries, of those within 2000::/3 for IPv6: no host that serves policies to
// everybody is in one. Some lead to any IPv4 address (6to4, Teredo).
func special() []netip.Prefix {
	var blocks []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8",         // this network: RFC 791 section 3.2
		"10.0.0.0/8",        // private: RFC 1918
		"100.64.0.0/10",     // shared by customers of a carrier: RFC 6598
		"127.0.0.0/8",       // loopback: RFC 1122 section 3.2.1.3
		"169.254.0.0/16",    // link-local: RFC 3927
		"172.16.0.0/12",     // private: RFC 1918
		"192.0.0.0/24",      // protocol assignments: RFC 6890 section 2.1
		"192.0.2.0/24",      // documentation: RFC 5737
		"192.31.196.0/24",   // AS112: RFC 7535
		"192.52.193.0/24",   // AMT: RFC 7450
		"192.88.99.0/24",    // relays of 6to4: RFC 7526
		"192.168.0.0/16",    // private: RFC 1918
		"192.175.48.0/24",   // AS112: RFC 7534
		"198.18.0.0/15",     // benchmarks: RFC 2544
		"198.51.100.0/24",   // documentation: RFC 5737
		"203.0.113.0/24",    // documentation: RFC 5737
		"224.0.0.0/4",       // multicast: RFC 5771
		"240.0.0.0/4",       // reserved, and broadcast: RFC 1112 section 4, RFC 8190
		"2001::/23",         // protocol assignments: RFC 2928; Teredo, benchmarks, AMT, AS112, ORCHID, ORCHIDv2, DRIP
		"2001:db8::/32",     // documentation: RFC 3849
		"2002::/16",         // 6to4: RFC 3056
		"2620:4f:8000::/48", // AS112: RFC 7534
		"3fff::/20",         // documentation: RFC 9637
	} {
		blocks = append(blocks, netip.MustParsePrefix(text))
	}
	return blocks
}

// public says whether an address is of the public net. An address with a zone is
// of a link, and in no prefix.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if netip.MustParsePrefix("64:ff9b::/96").Contains(a) { // RFC 6052: the way to an IPv4 address
		octets := a.As16()
		a = netip.AddrFrom4([4]byte(octets[12:]))
	}
	// Of IPv6, only 2000::/3 is given to hosts of the public net (RFC 4291 section
	// 2.4, IANA Internet Protocol Version 6 Address Space).
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	for _, block := range special() {
		if block.Contains(a) {
			return false
		}
	}
	return a.IsValid()
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
