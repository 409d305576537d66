package rulefile

import (
	"slices"
	"strings"

	"tlswarden/internal/tomlfile"
)

// message reads [message].
func (l *loader) message(t *tomlfile.Table) {
	r := tomlfile.Read(t, "[message] ", &l.found)
	ids, ok := r.Strings("trusted_authserv_ids")
	if ok && len(ids) == 0 {
		e, _ := r.Entry("trusted_authserv_ids")
		r.Errorf(e.Pos, "leave it out", "trusted_authserv_ids is an empty list")
	}
	for _, e := range ids {
		if id, ok := e.Value.(string); ok {
			goodID(r, "trusted_authserv_ids", id, e.Pos)
			l.config.Trusted = append(l.config.Trusted, id)
		}
	}
	r.Done()
}

// authservID reads authserv_id of [tag].
func (l *loader) authservID(r *tomlfile.Reader) {
	id, pos, ok := r.String("authserv_id")
	if !ok {
		return
	}
	goodID(r, "authserv_id", id, pos)
	l.config.AuthservID, l.authservAt = id, pos
}

// ownResults reports an id that is both ours and trusted. What comes in under
// ours is removed, so that it could not be believed.
func (l *loader) ownResults() {
	own := l.config.AuthservID
	if own != "" && slices.ContainsFunc(l.config.Trusted, func(id string) bool { return strings.EqualFold(id, own) }) {
		l.found.Errorf(l.authservAt, "give tlswarden an id of its own, such as tls."+own,
			"[tag] authserv_id %q is one of trusted_authserv_ids, too: what comes under it is removed as forged, and so cannot be believed", own)
	}
}

// maxID bounds an authserv-id as a domain name is bounded.
const maxID = 255

// goodID reports what cannot stand as authserv-id without quotes: a token (RFC
// 8601 section 2.2, RFC 2045 section 5.1), of which only the form of a domain
// name is taken, which is what section 2.5 asks for.
func goodID(r *tomlfile.Reader, key, id string, pos tomlfile.Pos) {
	bad := func(c rune) bool {
		return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '.'
	}
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, bad) || strings.HasPrefix(id, ".") || strings.HasSuffix(id, ".") || strings.Contains(id, "..") {
		r.Errorf(pos, "", "%s takes an authserv-id in the form of a domain name, such as mx.example.com, not %q", key, id)
	}
}
