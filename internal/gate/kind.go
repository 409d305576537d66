package gate

import (
	"net/netip"

	"tlswarden/rules"
)

// Kind is where clients are, as seen from the mail server. A session shows that
// STARTTLS works for clients of its own kind only: what comes from inside does not
// pass the firewall that may strip STARTTLS from what comes from outside.
type Kind uint8

// The kinds of clients.
const (
	Loopback Kind = iota // of the mail server's own machine
	Private              // with an address that the Internet does not route
	Public               // all others
	kinds
)

var kindNames = [kinds]string{"loopback", "private", "public"}

func (k Kind) String() string { return kindNames[k] }

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, bool) {
	for k, n := range kindNames {
		if n == name {
			return Kind(k), true
		}
	}
	return 0, false
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 section 2.1
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056 section 2

	// Blocks that the Internet does not route, beside those that netip knows.
	unrouted = []netip.Prefix{
		netip.MustParsePrefix("100.64.0.0/10"),  // RFC 6598 section 7
		netip.MustParsePrefix("192.0.0.0/24"),   // RFC 6890 section 2.2.2
		netip.MustParsePrefix("198.18.0.0/15"),  // RFC 2544, appendix C.2.2
		netip.MustParsePrefix("64:ff9b:1::/48"), // RFC 8215 section 3
		netip.MustParsePrefix("fec0::/10"),      // RFC 3879 section 4
	}
)

// kindOf tells the kind of a session's client, false if its address is unknown. A
// client that is known to have none is of the mail server's own machine (a
// unix-domain socket, sendmail -bs), and so is one that connects from the very
// address that it connects to.
func kindOf(s *rules.Session) (Kind, bool) {
	client, known := s.Client.Get()
	switch {
	case !known:
		return 0, false
	case !client.IsValid() || s.ServerAddress == rules.Known(client):
		return Loopback, true
	case client.IsUnspecified():
		return 0, false
	}
	return kindOfAddress(client), true
}

func kindOfAddress(a netip.Addr) Kind {
	switch b := a.As16(); { // an IPv4 client, behind a translator
	case nat64.Contains(a):
		a = netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(a):
		a = netip.AddrFrom4([4]byte(b[2:6]))
	}
	switch {
	case a.IsLoopback():
		return Loopback
	case a.IsPrivate(), a.IsLinkLocalUnicast(): // RFC 1918, 4193, 3927, 4291
		return Private
	}
	for _, block := range unrouted {
		if block.Contains(a) {
			return Private
		}
	}
	return Public
}
