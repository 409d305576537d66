package milter

import (
	"net"
	"net/netip"

	"tlswarden/rules"
)

// host tells which host's mail server the session is with: by where its connection
// comes from, and by the macro j.
func (s *session) host() rules.Host {
	return rules.Host{Address: rules.HostAddress(addressOf(s.conn.RemoteAddr()), addressOf(s.conn.LocalAddr())), Name: s.hostName()}
}

// addressOf is the IP address of an end of a connection, none on a unix-domain
// socket.
func addressOf(end net.Addr) netip.Addr {
	if tcp, ok := end.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.Addr{}
}
