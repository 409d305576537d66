package rules

import (
	"net/netip"
	"testing"
)

func TestHostAddress(t *testing.T) {
	for _, c := range []struct{ peer, local, want string }{
		{"", "", ""}, // a unix-domain socket
		{"127.0.0.1", "127.0.0.1", ""},
		{"127.0.0.1", "127.0.0.2", ""},
		{"::1", "::1", ""},
		{"::ffff:127.0.0.1", "::ffff:127.0.0.1", ""},
		{"192.0.2.1", "192.0.2.1", ""},
		{"::ffff:192.0.2.1", "192.0.2.1", ""},
		{"192.0.2.1", "192.0.2.2", "192.0.2.1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1"},
		{"127.0.0.2", "127.0.0.1", "127.0.0.2"},
		{"fe80::1%eth0", "fe80::2%eth0", "fe80::1%eth0"},
	} {
		address := func(s string) (a netip.Addr) {
			if s != "" {
				a = netip.MustParseAddr(s)
			}
			return a
		}
		if got := HostAddress(address(c.peer), address(c.local)); got != address(c.want) {
			t.Errorf("from %q to %q: %v, want %q", c.peer, c.local, got, c.want)
		}
	}
}
