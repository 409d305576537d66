package mailaddr

import "strings"

// Split takes an address apart at its last "@" (RFC 5321 section 4.1.2; a local
// part may contain others). Without one, the domain is "".
func Split(address string) (local, domain string) {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return address[:i], address[i+1:]
	}
	return address, ""
}

// IsDomain reports whether a name can be the domain that a mail server appends.
func IsDomain(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.Contains(name, "..") && !strings.ContainsAny(name, " \t@$/[]<>\"")
}

// Join is the opposite of Split, for local parts that were quoted, too.
func Join(local, domain string) string {
	if domain == "" && strings.IndexByte(local, '@') < 0 {
		return local
	}
	return local + "@" + domain
}

// Unquote turns an address whose local part may be quoted into its unquoted form:
// "a"@x and a@x are the same mailbox (RFC 5321 section 4.1.2).
func Unquote(address string) string {
	local, domain := Split(address)
	if u := unquoteLocal(local); u != local {
		return Join(u, domain)
	}
	return address
}

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
