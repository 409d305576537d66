package plugins

import (
	"net/netip"
	"time"

	"tlswarden/plugins/proto"
)

// Session is what is known of a mail session, of what the plugin needs. Each
// method says whether the fact is known and of the type asked for; what is known
// to be empty, such as the null sender, is known.
type Session struct{ facts map[string]*proto.Value }

// Known says whether a fact is known.
func (s Session) Known(name string) bool { return s.facts[name].GetKind() != nil }

// Text is a fact that is a text: domain names as lower-case A-labels, addresses,
// protocol versions and cipher suites as rules write them.
func (s Session) Text(name string) (string, bool) {
	v, ok := s.facts[name].GetKind().(*proto.Value_Text)
	if !ok {
		return "", false
	}
	return v.Text, true
}

// Forms are all texts under which rules find a fact, in the order in which they look;
// the first is that of Text. An address has one with its extension and one
// without (user+news@example.org, user@example.org), by the recipient_delimiter of the
// rule files; a domain, and the domain of an address, may have two names, of which
// the last is that of the DNS. A table that is searched for all of them in turn is as
// hard to evade as the rules.
func (s Session) Forms(name string) ([]string, bool) {
	text, ok := s.Text(name)
	if !ok {
		return nil, false
	}
	return append([]string{text}, s.facts[name].GetAlso()...), true
}

// Number is a fact that is a number.
func (s Session) Number(name string) (int64, bool) {
	v, ok := s.facts[name].GetKind().(*proto.Value_Number)
	if !ok {
		return 0, false
	}
	return v.Number, true
}

// Bool is a fact that is true or false.
func (s Session) Bool(name string) (value, ok bool) {
	v, ok := s.facts[name].GetKind().(*proto.Value_Flag)
	if !ok {
		return false, false
	}
	return v.Flag, true
}

// Addr is a fact that is an IP address. A known address can be none: then the
// zero Addr is returned, and true.
func (s Session) Addr(name string) (netip.Addr, bool) {
	text, ok := s.Text(name)
	if !ok || text == "" {
		return netip.Addr{}, ok
	}
	a, err := netip.ParseAddr(text)
	return a, err == nil
}

// Time is a fact that is a point in time.
func (s Session) Time(name string) (time.Time, bool) {
	seconds, ok := s.Number(name)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}
