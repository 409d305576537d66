package rules

import (
	"strings"

	"golang.org/x/net/idna"
)

// lookup is the profile under which domain names are compared: mapped as for a
// look-up (UTS 46), but names with "_" and the like, which occur in HELO and in
// sender domains, are kept.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// normalDomain returns a domain name as a lower-case A-label without the final
// dot (RFC 5890). A name that IDNA refuses is only lower-cased: it then equals
// nothing but itself. An ASCII name in lower case is returned as it is.
func normalDomain(d string) string {
	d = strings.TrimSuffix(d, ".")
	ascii, lower := true, true
	for i := range len(d) {
		ascii = ascii && d[i] < 0x80
		lower = lower && (d[i] < 'A' || d[i] > 'Z')
	}
	if ascii && lower {
		return d
	}
	if !ascii {
		if a, err := lookup.ToASCII(d); err == nil {
			return a
		}
	}
	return strings.ToLower(d)
}

// newMailbox splits an address at its last "@" (RFC 5321 section 4.1.2; a
// quoted local part may contain others) and unquotes the local part.
func newMailbox(address string) mailbox {
	local, domain := splitMailbox(address)
	if domain != "" || strings.IndexByte(local, '"') >= 0 {
		if u := unquoteLocal(local); u != local {
			address = joinMailbox(u, domain)
		}
	}
	return mailbox{address: Known(address), domain: Known(normalDomain(domain))}
}

// plainMailbox is newMailbox for an address that is unquoted already: quotes in it
// belong to the local part itself.
func plainMailbox(address string) mailbox {
	local, domain := splitMailbox(address)
	if unquoteLocal(local) != local {
		return newMailbox(QuoteMailbox(address))
	}
	return mailbox{address: Known(address), domain: Known(normalDomain(domain))}
}

func splitMailbox(address string) (local, domain string) {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[:i], address[i+1:]
	}
	return address, ""
}

// joinMailbox is the opposite of splitMailbox, for local parts that were quoted,
// too.
func joinMailbox(local, domain string) string {
	if domain == "" && strings.IndexByte(local, '@') < 0 {
		return local
	}
	return local + "@" + domain
}

// unquoteLocal turns a quoted local part into its plain form: RFC 5321 section
// 4.1.2, "a"@x and a@x are the same mailbox.
func unquoteLocal(local string) string {
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' {
		return local
	}
	inner := local[1 : len(local)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// QuoteMailbox turns an unquoted address into one that [Session.SetSender] and
// [Session.SetRecipient] take for it: they would take away quotes that belong to
// the local part itself.
func QuoteMailbox(address string) string {
	local, domain := splitMailbox(address)
	if unquoteLocal(local) == local {
		return address
	}
	return joinMailbox(`"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local)+`"`, domain)
}

// normalMailbox is the form in which addresses are compared: unquoted, local
// part in lower case as mail servers look it up, domain as an A-label.
func normalMailbox(address string) string {
	local, domain := splitMailbox(address)
	return foldMailbox(address, unquoteLocal(local), domain)
}

// foldMailbox is the same of an address that is unquoted already.
func foldMailbox(address, local, domain string) string {
	local = strings.ToLower(local)
	d := normalDomain(domain)
	if len(local)+1+len(d) == len(address) && address[:len(local)] == local && address[len(local)+1:] == d {
		return address
	}
	return joinMailbox(local, d)
}

// normalFingerprint drops colons and case.
func normalFingerprint(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, ":", ""))
}
