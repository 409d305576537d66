package milter

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tlswarden/rules"
)

// mta is the kind of mail server.
type mta uint8

const (
	mtaUnknown mta = iota
	mtaPostfix
	mtaSendmail
	mtaSilent // it did not say: Sendmail by default
)

// mtaOf tells the kind. Where the macros of CONNECT are those that we asked for,
// as {client_port} shows, it is told by {opMode}, which Sendmail alone has, and by
// a queue id in sessions with a client, which Postfix has only by
// milter_macro_defaults. Elsewhere v has to tell, which in Postfix begins with
// mail_name: that may be anything.
func mtaOf(m macros, listed bool) mta {
	switch {
	case m.opMode != "":
		return mtaSendmail
	case listed && m.clientPort != "" && (m.queueID == "" || simulated(m) || m.version != "" && !numbered(m.version)):
		return mtaPostfix
	case m.version == "":
		return mtaSilent
	case strings.HasPrefix(m.version, "Postfix"):
		return mtaPostfix
	case numbered(m.version):
		return mtaSendmail
	}
	return mtaUnknown
}

// numbered reports whether a version begins as Sendmail's does.
func numbered(version string) bool { return version[0] >= '0' && version[0] <= '9' }

// cString cuts a NUL-ended string from the front.
func cString(b []byte) (s, rest []byte) {
	s, rest, _ = bytes.Cut(b, []byte{0})
	return s, rest
}

// connect is the content of a CONNECT frame.
type connect struct {
	host    string
	family  byte // '4', '6', 'L' (unix-domain socket), 'U' (unknown)
	port    uint16
	address string
}

// parseConnect reads it: host name, NUL, family and, but for the family 'U',
// two bytes of port and an address.
func parseConnect(b []byte) (connect, bool) {
	host, rest, ok := bytes.Cut(b, []byte{0})
	if !ok || len(rest) == 0 {
		return connect{}, false
	}
	c := connect{host: string(host), family: rest[0]}
	if rest = rest[1:]; len(rest) >= 2 {
		c.port = binary.BigEndian.Uint16(rest)
		address, _ := cString(rest[2:])
		c.address = string(address)
		return c, true
	}
	return c, c.family != '4' && c.family != '6'
}

// connected sets the facts of the SMTP connection.
func (s *session) connected(c connect, m macros) {
	f := &s.facts
	s.mta = mtaOf(m, s.listed())
	s.simulated = s.mta == mtaPostfix && simulated(m)
	if s.mta == mtaPostfix && !s.simulated {
		s.noID = m.queueID // of milter_macro_defaults: there is no queue file yet
	}
	switch c.family {
	case '4', '6':
		if a, ok := parseAddr(c.address); ok {
			f.SetClient(a)
		}
		if c.port != 0 {
			f.ClientPort = rules.Known(c.port)
		}
	case 'L':
		f.SetLocal()
	case 'U':
		// Of Sendmail this is the standard input of sendmail -bs. Postfix says it
		// of clients whose address it lost, or did not get from a proxy.
		if s.mta == mtaSendmail || s.mta == mtaSilent {
			f.SetLocal()
		}
	}
	s.names(c.host, m)
	s.served(m)
	s.whole = s.mta == mtaSendmail || c.port != 0 && m.tlsVersion == "" && !s.begunAnew(c.port, mayProxy(m))
}

// begunAnew reports whether the session is one that goes on after XCLIENT. In one
// that has TLS at CONNECT, or no client's port, that cannot be told.
func (s *session) begunAnew(clientPort uint16, mayProxy bool) bool {
	f, now := &s.facts, time.Now()
	at := port{netip.AddrPortFrom(f.ServerAddress.Or(netip.Addr{}), f.ServerPort.Or(0)), clientPort}
	anew := s.server.ports.follows(at, now)
	if mayProxy {
		s.server.ports.take(at, now)
		s.port = at
	}
	return anew
}

// simulated says whether cleanup(8) of Postfix plays a session for mail that
// did not come by SMTP, as from sendmail(1), or came so some time ago; it then
// may show the client of that time, and never TLS. Such a session has a queue id
// at CONNECT and lacks what smtpd(8) always knows; in a real one it is the other
// way round, and no client can change that.
func simulated(m macros) bool {
	return m.queueID != "" && m.clientConnections == "" && m.clientResolve == ""
}

// parseAddr reads an address, with the prefix of RFC 5321 section 4.1.3 that
// Sendmail, and in some macros Postfix, puts before IPv6.
func parseAddr(s string) (netip.Addr, bool) {
	const prefix = "IPv6:"
	if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		s = s[len(prefix):]
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}

// names sets the client's host names. {client_resolve} says what came of the
// look-up in both directions (Sendmail's op.me, MILTER_README): OK, FAIL (no
// name), FORGED (the name leads elsewhere), TEMP (not known now). Without it
// only the name that Postfix gives is a verified one.
func (s *session) names(host string, m macros) {
	f := &s.facts
	name := m.clientName
	if name == "" {
		name = host
	}
	name, ptr := realName(name), realName(m.clientPtr)
	switch m.clientResolve {
	case "OK":
		f.ClientName = rules.Known(name)
	case "FAIL", "FORGED":
		f.ClientName = rules.Known("")
	case "":
		if s.mta == mtaPostfix && name != "" {
			f.ClientName = rules.Known(name)
		}
	}
	if ptr != "" || m.clientResolve == "FAIL" {
		f.ClientReverseName = rules.Known(ptr)
	}
}

// realName drops what the MTAs write in place of a name: Postfix "unknown",
// Sendmail the address in brackets.
func realName(s string) string {
	if s == "unknown" || strings.HasPrefix(s, "[") {
		return ""
	}
	return s
}

// served sets where the client connected to. Sendmail's {daemon_addr} is what
// the daemon was told to listen on, often 0.0.0.0; {if_addr}, which Postfix
// lacks, is the connection's.
func (s *session) served(m macros) {
	f := &s.facts
	for _, text := range [...]string{m.ifAddr, m.daemonAddr} {
		if a, ok := parseAddr(text); ok && !a.IsUnspecified() {
			f.ServerAddress = rules.Known(a.Unmap().WithZone(""))
			break
		}
	}
	if port, err := strconv.ParseUint(m.daemonPort, 10, 16); err == nil && port != 0 {
		f.ServerPort = rules.Known(uint16(port))
	}
	if m.daemonName != "" {
		f.DaemonName = rules.Known(m.daemonName)
	}
}
