package mailaddr

import "strings"

// DefaultDelimiters is the usual value of Postfix's recipient_delimiter.
const DefaultDelimiters = "+"

// Extension returns where the extension of a folded local part begins, -1 if it has
// none. As in Postfix the first delimiter counts, not at the beginning, and some
// names are never parted (src/global/split_addr.c, owner_request_special).
func Extension(local, delimiters string) int {
	i := strings.IndexAny(local, delimiters)
	switch {
	case i <= 0:
		return -1
	case local == "double-bounce" || local == "mailer-daemon":
		return -1
	case strings.IndexByte(delimiters, '-') >= 0 && (strings.HasPrefix(local, "owner-") || strings.HasSuffix(local, "-request")):
		return -1
	}
	return i
}

// WithoutExtension returns a normal address without its extension, and whether it
// has one.
func WithoutExtension(mailbox, delimiters string) (string, bool) {
	local, domain := Split(mailbox)
	i := Extension(local, delimiters)
	if i < 0 || domain == "" {
		return mailbox, false
	}
	return local[:i] + "@" + domain, true
}

// Also returns the other forms under which tables are searched for a normal address,
// in that order: without its extension, and then with other, which is its
// [OtherNormal], in the place of it. Most addresses have none.
func Also(mailbox, other, delimiters string) []string {
	var also []string
	if bare, cut := WithoutExtension(mailbox, delimiters); cut {
		also = append(also, bare)
	}
	if other == "" {
		return also
	}
	also = append(also, other)
	if bare, cut := WithoutExtension(other, delimiters); cut {
		also = append(also, bare)
	}
	return also
}
