package mailaddr

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// IsLiteral reports whether a name that begins with "[" is an address literal (RFC 5321
// section 4.1.3). The tag of IPv6 may be missing.
func IsLiteral(name string) bool {
	const tag = "IPv6:"
	inner, closed := strings.CutSuffix(strings.TrimPrefix(name, "["), "]")
	if len(inner) > len(tag) && strings.EqualFold(inner[:len(tag)], tag) {
		inner = inner[len(tag):]
	}
	_, err := netip.ParseAddr(inner)
	return closed && err == nil
}

// IsURL reports whether a text that should be a domain or an address begins like a URL.
func IsURL(text string) bool {
	scheme, _, found := strings.Cut(strings.ToLower(text), ":")
	return found && slices.Contains([]string{"mailto", "smtp", "smtps", "lmtp", "http", "https"}, scheme)
}

// IsInvisible reports whether a character is one that no one sees: a control, or a mark
// that stands within a text to order or to join it.
func IsInvisible(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp) || c == unicode.ReplacementChar
}
