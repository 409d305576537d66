package mailaddr

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
)

// lookup is the profile under which domain names are compared: mapped as for a
// look-up (UTS 46), but names with "_" and the like, which occur in HELO and in
// sender domains, are kept.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// Fold folds the case of a text as Postfix does with SMTPUTF8: by full Unicode
// case folding, or if it is not UTF-8, of its ASCII letters. A text that is folded
// already is returned as it is.
func Fold(text string) string {
	ascii, folded := plain(text)
	switch {
	case folded:
		return text
	case ascii:
		return strings.ToLower(text)
	case utf8.ValidString(text):
		return cases.Fold().String(text)
	}
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// plain reports whether a text is ASCII, and whether it is so in lower case.
func plain(text string) (ascii, folded bool) {
	ascii, folded = true, true
	for i := range len(text) {
		c := text[i]
		ascii = ascii && c < utf8.RuneSelf
		folded = folded && c < utf8.RuneSelf && (c < 'A' || c > 'Z')
	}
	return ascii, folded
}

// Domain returns a domain name as a lower-case A-label without the final dot
// (RFC 5890), after its case was folded as mail servers fold it in their tables. A
// name that IDNA refuses is only folded: it then equals nothing but itself. An ASCII
// name in lower case is returned as it is.
func Domain(name string) string {
	if literal := literal(name); literal != "" {
		return literal
	}
	return aLabel(Fold(strings.TrimSuffix(name, ".")))
}

// literal is an address literal with IPv6 in its one form (RFC 5321 section 4.1.3, RFC
// 5952), "" for anything else. The tag may be missing.
func literal(name string) string {
	if len(name) < 2 || name[0] != '[' || name[len(name)-1] != ']' {
		return ""
	}
	const tag = "ipv6:"
	inner := strings.ToLower(name[1 : len(name)-1])
	a, err := netip.ParseAddr(strings.TrimPrefix(inner, tag))
	if err != nil || !a.Is6() {
		return ""
	}
	return "[" + tag + a.WithZone("").String() + "]"
}

// OtherDomain returns the A-label of a domain name by IDNA alone, "" if that is what
// Domain returns: a mail server that looks "claß.example" up in tables of its own
// folds it to "class.example", which to the DNS is another name.
func OtherDomain(name string) string {
	if ascii, _ := plain(name); ascii {
		return ""
	}
	other := aLabel(strings.TrimSuffix(name, "."))
	if other == Domain(name) {
		return ""
	}
	return other
}

// Unicode returns a domain name in its own script, with U-labels in the place of
// A-labels, "" if it has none.
func Unicode(name string) string {
	u, err := lookup.ToUnicode(name)
	if err != nil || u == name {
		return ""
	}
	return u
}

func aLabel(name string) string {
	if ascii, _ := plain(name); !ascii {
		if a, err := lookup.ToASCII(name); err == nil {
			return a
		}
	}
	return Fold(name)
}

// Normal is the form in which unquoted addresses are compared: local part folded,
// domain as an A-label.
func Normal(mailbox string) string {
	local, domain := Split(mailbox)
	return normal(mailbox, Fold(local), Domain(domain))
}

// OtherNormal is Normal with OtherDomain, "" if there is none.
func OtherNormal(mailbox string) string {
	local, domain := Split(mailbox)
	other := OtherDomain(domain)
	if other == "" {
		return ""
	}
	return Join(Fold(local), other)
}

// normal joins the parts unless the address has them already.
func normal(mailbox, local, domain string) string {
	if len(local)+1+len(domain) == len(mailbox) && mailbox[:len(local)] == local && mailbox[len(local)+1:] == domain {
		return mailbox
	}
	return Join(local, domain)
}
