package mailaddr

import (
	"net/netip"
	"strings"
)

// Server is what is known of how a mail server reads addresses. The zero value is
// a Postfix that has its defaults, of which it is not known which domain it
// appends.
type Server struct {
	Origin   string // domain of addresses that have none (myorigin); "": not told
	MyDomain string // what append_dot_mydomain appends (mydomain); "": not told

	AppendDotMyDomain Answer // the server completes domains without a dot
	KeepBangpath      bool   // swap_bangpath = no
	KeepPercent       bool   // allow_percent_hack = no
}

// Answer is what is told of a yes-or-no parameter.
type Answer uint8

// The answers; the zero value is that it is not told.
const (
	NotTold Answer = iota
	Yes
	No
)

// Address is an envelope address as it was written, and the mailbox that the mail
// server takes it for. The zero value is the null sender, not yet known to be that.
type Address struct {
	Written string // unquoted, as the client wrote it
	Mailbox string // unquoted; "" is the null sender. Only if Known
	Local   string // local part of the mailbox; "": unknown. Only if not Known
	Known   bool
}

// Known is an address that is taken as it is written.
func Known(mailbox string) Address {
	return Address{Written: mailbox, Mailbox: mailbox, Known: true}
}

// Plain reads an address of which nothing but its text is known: without a domain
// it is incomplete.
func Plain(mailbox string) Address {
	if local, domain := Split(mailbox); mailbox != "" && domain == "" {
		return Address{Written: mailbox, Local: local}
	}
	return Known(mailbox)
}

// Resolved is an address of which the mail server itself tells the mailbox, which is
// unquoted. Where both differ in case alone, the spelling of the client stays.
func Resolved(written, mailbox string) Address {
	local, domain := Split(mailbox)
	switch {
	case mailbox == "":
		return Address{Written: written, Known: true}
	case domain == "" || isLiteral(domain):
		return Address{Written: written, Local: local}
	case equal(mailbox, written):
		mailbox = written
	}
	return Address{Written: written, Mailbox: mailbox, Known: true}
}

// equal reports whether two addresses are the same but for case, and a dot at the
// end.
func equal(a, b string) bool {
	return a == b || strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")) || Normal(a) == Normal(b)
}

// Same reports whether two addresses are of one mailbox, or were written in the
// same way.
func (a Address) Same(b Address) bool {
	return equal(a.Written, b.Written) || a.Known && b.Known && equal(a.Mailbox, b.Mailbox)
}

// Read returns the mailbox that the server takes an address for, which is
// unquoted, as Path returns it. The client connected to the server's address here;
// the zero Addr is an unknown one.
func (s *Server) Read(written string, here netip.Addr) Address {
	a := s.route(written, here)
	a.Written = written
	return a
}

// route follows an address to its end. Each step makes it shorter, or is the last.
func (s *Server) route(text string, here netip.Addr) Address {
	for {
		text = withoutSourceRoute(text)
		local, domain := s.halves(text)
		switch routed := s.isRouted(local); {
		case text == "":
			return Known("")
		case strings.HasSuffix(text, ".") && !strings.Contains(text, "@") && s.isRouted(text):
			return Address{} // Postfix takes no such name for a domain
		case local == "" || routed && !isHere(domain, here):
			return Address{}
		case routed:
			text = local
		case domain == "" || isLiteral(domain):
			return Address{Local: local}
		default:
			return s.dotted(local, domain)
		}
	}
}

// halves takes an address apart as Postfix rewrites it: where it has no "@", a
// route shows the domain, or else it is Origin. A domain that is unknown is "".
func (s *Server) halves(text string) (local, domain string) {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		return text[:i], text[i+1:]
	}
	if host, user, ok := strings.Cut(text, "!"); ok && !s.KeepBangpath {
		return user, host
	}
	if i := strings.LastIndexByte(text, '%'); i >= 0 && !s.KeepPercent {
		return text[:i], text[i+1:]
	}
	return text, s.Origin
}

// dotted completes a domain that has no dot, not even at its end.
func (s *Server) dotted(local, domain string) Address {
	bare, ended := strings.CutSuffix(domain, ".")
	switch {
	case bare == "":
		return Address{Local: local}
	case ended || strings.Contains(bare, ".") || s.AppendDotMyDomain == No || Domain(domain) == Domain(s.Origin):
		return Known(local + "@" + domain)
	case s.AppendDotMyDomain == Yes && s.MyDomain != "":
		return Known(local + "@" + bare + "." + s.MyDomain)
	}
	return Address{Local: local}
}

// isRouted reports whether a local part is a route, if the server is at its end.
func (s *Server) isRouted(local string) bool {
	return strings.IndexByte(local, '@') >= 0 ||
		!s.KeepPercent && strings.IndexByte(local, '%') >= 0 ||
		!s.KeepBangpath && strings.IndexByte(local, '!') >= 0
}

// Unroute follows an address to its end as a server does to which all hosts on the
// way are itself.
func Unroute(text string) string {
	var s Server
	for {
		local, domain := s.halves(withoutSourceRoute(text))
		if !s.isRouted(local) {
			return Join(local, domain)
		}
		text = local
	}
}

// withoutSourceRoute drops "@host,@host:" from the front (RFC 5321 appendix C).
func withoutSourceRoute(text string) string {
	if strings.HasPrefix(text, "@") {
		if i := strings.IndexByte(text, ':'); i >= 0 && i+1 < len(text) {
			return text[i+1:]
		}
	}
	return text
}

// isHere reports whether a domain is a literal of the server's own address.
func isHere(domain string, here netip.Addr) bool {
	literal := strings.TrimSuffix(strings.TrimPrefix(domain, "["), "]")
	if len(literal) > len(ipv6) && strings.EqualFold(literal[:len(ipv6)], ipv6) {
		literal = literal[len(ipv6):]
	}
	a, err := netip.ParseAddr(literal)
	return err == nil && isLiteral(domain) && (a.IsLoopback() || a.Unmap() == here.Unmap())
}

// ipv6 stands before the address in a literal of version 6 (RFC 5321 section 4.1.3).
const ipv6 = "IPv6:"

// isLiteral reports whether a domain is an address literal (RFC 5321 section
// 4.1.3), or an IP address without the brackets, which Postfix takes for one with
// resolve_numeric_domain = yes.
func isLiteral(domain string) bool {
	return strings.HasPrefix(domain, "[") || strings.Trim(domain, ".0123456789") == "" && strings.Contains(domain, ".")
}
