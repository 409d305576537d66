package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"tlswarden/internal/tomlfile"
)

// taken are the addresses that listen entries name, each with where that stands.
type taken []takenAt

type takenAt struct {
	listen Listen
	front  string
	pos    tomlfile.Pos
}

// take reports an address at which another entry listens.
func (t *taken) take(r *tomlfile.Reader, front string, l Listen, pos tomlfile.Pos) {
	for _, other := range *t {
		if l.collides(&other.listen) {
			r.Errorf(pos, "give each front end an address of its own", "listen: %s is the address of [%s] at %s:%d, too%s",
				l, other.front, other.pos.File, other.pos.Line, as(&l, &other.listen))
			return
		}
	}
	*t = append(*t, takenAt{l, front, pos})
}

// as says how the other address is written, if that differs.
func as(l, other *Listen) string {
	if l.String() == other.String() {
		return ""
	}
	return fmt.Sprintf(" (as %s)", other)
}

// collides reports whether a system would not give both addresses to one process.
func (l *Listen) collides(other *Listen) bool {
	if l.Network != other.Network || l.Network == "unix" {
		return l.Network == other.Network && l.Address == other.Address
	}
	host, port := l.hostPort()
	otherHost, otherPort := other.hostPort()
	return port == otherPort && (host == otherHost || covers(host, otherHost) || covers(otherHost, host))
}

// hostPort is the address taken apart, with a name that stands for an address as that.
func (l *Listen) hostPort() (host, port string) {
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return l.Address, ""
	}
	port = strings.TrimLeft(port, "0")
	switch a, err := netip.ParseAddr(host); {
	case err == nil:
		return a.Unmap().String(), port
	case host == "" || host == "*":
		return "::", port
	case strings.EqualFold(strings.TrimSuffix(host, "."), "localhost"):
		return "127.0.0.1", port
	}
	return strings.ToLower(host), port
}

// covers reports whether one host is all addresses, of which the other is one: of
// both versions of IP, or of IPv4.
func covers(all, host string) bool {
	a, err := netip.ParseAddr(host)
	return all == "::" || all == "0.0.0.0" && err == nil && a.Is4()
}
