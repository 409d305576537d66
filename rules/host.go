package rules

import "net/netip"

// Host is the machine of the mail server that asks, as far as that can be seen. It
// is no fact that rules can look at: it tells apart servers that go by the same
// address, as containers do, each on a host of its own.
type Host struct {
	Address netip.Addr // where it connects from; the zero Addr is this machine
	Name    string     // what the server calls itself, "" if it does not say
}

// HostAddress tells where a connection comes from by the addresses of its two ends,
// which on a unix-domain socket are both the zero Addr. This machine is one host,
// whether it connects by such a socket, over loopback, or from the very address
// that it connects to. Other addresses of loopback, which nothing uses by itself,
// stand for what somebody distinguishes by them, such as the ends of tunnels.
func HostAddress(peer, local netip.Addr) netip.Addr {
	peer = peer.Unmap()
	if peer == local.Unmap() || peer == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || peer == netip.IPv6Loopback() {
		return netip.Addr{}
	}
	return peer
}

// SetHost records which host's mail server the session is with.
func (s *Session) SetHost(h Host) { s.host = h }

// Host tells which host's mail server the session is with.
func (s *Session) Host() Host { return s.host }
