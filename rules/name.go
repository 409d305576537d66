package rules

import (
	"strings"

	"tlswarden/internal/mailaddr"
)

// mailbox is an envelope address, and its domain in the forms in which it is
// compared. The zero mailbox is one that no front end has named.
type mailbox struct {
	mailaddr.Address
	named  bool
	domain Fact[string] // folded A-label
	other  string       // the domain's other form, see mailaddr.OtherDomain
}

func newMailbox(a mailaddr.Address) mailbox {
	m := mailbox{Address: a, named: true}
	if a.Known {
		_, domain := mailaddr.Split(a.Mailbox)
		m.domain, m.other = Known(mailaddr.Domain(domain)), mailaddr.OtherDomain(domain)
	}
	return m
}

// address is the mailbox as a fact.
func (m *mailbox) address() Fact[string] {
	if !m.named || !m.Known {
		return Fact[string]{}
	}
	return Known(m.Mailbox)
}

// misspelt reports whether the mailbox is unknown because of how the client wrote
// its address.
func (m *mailbox) misspelt() bool { return m.named && !m.Known }

// shown is the address for people, with its domain as an A-label; one that is
// unknown is shown as it was written.
func (m *mailbox) shown() Fact[string] {
	switch {
	case !m.named:
		return Fact[string]{}
	case !m.Known:
		return Known(m.Written)
	}
	local, domain := mailaddr.Split(m.Mailbox)
	if domain == m.domain.value {
		return Known(m.Mailbox)
	}
	return Known(mailaddr.Join(local, m.domain.value))
}

// read is the value that conditions on an address compare. Of one whose domain is
// unknown it is the local part and "@".
func (m *mailbox) read() (Value, bool) {
	if m.address().known {
		return Value{Text: mailaddr.Normal(m.Mailbox), Other: mailaddr.OtherNormal(m.Mailbox)}, true
	}
	if m.misspelt() && m.Local != "" {
		return Value{Text: mailaddr.Fold(m.Local) + "@"}, false
	}
	return Value{}, false
}

// readDomain is the value that conditions on an address's domain compare.
func (m *mailbox) readDomain() (Value, bool) {
	return Value{Text: m.domain.value, Other: m.other}, m.domain.known
}

// clone is the mailbox with texts of its own.
func (m *mailbox) clone() mailbox {
	c := *m
	c.Written, c.Mailbox, c.Local = strings.Clone(c.Written), strings.Clone(c.Mailbox), strings.Clone(c.Local)
	c.domain, c.other = cloned(c.domain), strings.Clone(c.other)
	return c
}

// normalDomain is the form in which domain names are compared.
func normalDomain(name string) string { return mailaddr.Domain(name) }

// normalMailbox is the form in which addresses are compared, of one that may be
// quoted.
func normalMailbox(address string) string { return mailaddr.Normal(mailaddr.Unquote(address)) }

// normalFingerprint drops colons and case.
func normalFingerprint(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, ":", ""))
}
