package rules

import "strings"

// DefaultDelimiters is the usual value of Postfix's recipient_delimiter.
const DefaultDelimiters = "+"

// extension is where the extension of a local part in lower case begins, -1 if it
// has none. As in Postfix the first delimiter counts, not at the beginning, and
// some names are never parted (src/global/split_addr.c, owner_request_special).
func extension(local, delimiters string) int {
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

// maxAddress is the longest address whose extension is taken off: 64 octets, @
// and 255 octets (RFC 5321 section 4.5.3.1).
const maxAddress = 320

// hitMailbox finds an address as it is, and then without its extension:
// user+news@example.org is meant by user@example.org and by user@.
func (e *entries) hitMailbox(address string) bool {
	if hit(e.texts, address) {
		return true
	}
	local, domain := splitMailbox(address)
	if domain == "" {
		return false
	}
	if hit(e.locals, local) {
		return true
	}
	i := extension(local, e.delimiters)
	if i < 0 {
		return false
	}
	if hit(e.locals, local[:i]) {
		return true
	}
	if len(address) > maxAddress {
		return false
	}
	var room [maxAddress]byte
	bare := append(append(room[:0], local[:i]...), address[len(local):]...)
	_, ok := e.texts[string(bare)]
	return ok
}
