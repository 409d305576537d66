package rules

import "tlswarden/internal/mailaddr"

// usualAddress is the size of the longest address without its extension that costs
// nothing to look for: 64 octets, @ and 255 octets (RFC 5321 section 4.5.3.1).
// Postfix holds clients to no such length.
const usualAddress = 320

// hitMailbox finds an address as it is, and then without its extension:
// user+news@example.org is meant by user@example.org and by user@.
func (e *entries) hitMailbox(address string) bool {
	if hit(e.texts, address) {
		return true
	}
	local, domain := mailaddr.Split(address)
	if domain == "" {
		return false
	}
	if e.hitLocal(local) || hit(e.domains, domain) || e.hitSuffix(domain) {
		return true
	}
	i := mailaddr.Extension(local, e.delimiters)
	if i < 0 {
		return false
	}
	var room [usualAddress]byte
	bare := append(append(room[:0], local[:i]...), address[len(local):]...)
	_, ok := e.texts[string(bare)]
	return ok
}

// hitLocal finds a local part, as it is or without its extension, whatever its
// domain.
func (e *entries) hitLocal(local string) bool {
	if hit(e.locals, local) {
		return true
	}
	i := mailaddr.Extension(local, e.delimiters)
	return i >= 0 && hit(e.locals, local[:i])
}
