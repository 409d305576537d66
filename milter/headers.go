package milter

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-milter"

	"tlswarden/internal/message"
)

// resultsName is the header of RFC 8601.
const resultsName = "Authentication-Results"

// headers is what a message brought along that is not to stay, as the MTA counts
// it: from 1, among the fields of the same name.
type headers struct {
	tags    int   // copies of the tag header
	results int   // fields named Authentication-Results, whosever they are
	forged  []int // which of those are signed with our authserv-id
	begun   bool  // a field was shown to the scanner
}

// maxCopies bounds the fields from outside that are removed from a message, of
// both names together: each costs Postfix a jump in its queue file, and
// cleanup(8) dies of ten thousand. A message with more was made to do harm.
const maxCopies = 100

func (h *headers) excess() bool { return h.tags+len(h.forged) > maxCopies }

// field takes note of one field of the header.
func (s *session) field(content []byte) {
	name, rest := cString(content)
	value, _ := cString(rest)
	s.countField(name, value)
	scanner := s.scanner()
	if scanner == nil {
		return
	}
	if s.mta == mtaPostfix && isNamed(name, "Received") && s.isOwn(string(value)) {
		scanner.Distrust()
	}
	s.message.headers.begun = true
	scanner.Header(string(name), string(value))
}

// isOwn says whether a Received was written for this very message by the Postfix
// that we serve. It shows milters all fields but the topmost, which as a rule is
// that one; if it is seen, then something else is hidden, such as results that
// another milter inserted above. The queue id tells it from others of the same
// server, and where Postfix does not tell that, the place: only the first counts.
func (s *session) isOwn(received string) bool {
	host, id := s.hostName(), s.queueID()
	if host == "" || id == "" && s.message.headers.begun {
		return false
	}
	words := strings.Fields(received)
	return follows(words, "by", host) && (id == "" || follows(words, "id", id))
}

// follows says whether a word comes directly after another.
func follows(words []string, first, second string) bool {
	for i := 1; i < len(words); i++ {
		if words[i-1] == first && strings.TrimSuffix(words[i], ";") == second {
			return true
		}
	}
	return false
}

// countField counts what is to be removed, as the MTA does to find it again: by
// name, whatever its case and whatever blanks follow it.
func (s *session) countField(name, value []byte) {
	h := &s.message.headers
	if s.header != "" && isNamed(name, s.header) {
		h.tags++
	}
	if s.ownID == "" || !isNamed(name, resultsName) {
		return
	}
	h.results++
	// What follows the id may be nonsense to us, and sense to others.
	if id, _ := message.AuthservID(string(value)); message.SameID(id, s.ownID) && len(h.forged) <= maxCopies {
		h.forged = append(h.forged, h.results)
	}
}

func isNamed(field []byte, name string) bool {
	field = bytes.TrimRight(field, " \t")
	return len(field) == len(name) && strings.EqualFold(string(field), name)
}

// clean deletes what a message from outside brought along, from the last to the
// first: Postfix counts anew after each. Mail of this machine keeps it: a
// content filter hands back what was tagged before.
func (s *session) clean(m *milter.Modifier) {
	h := &s.message.headers
	if h.tags == 0 && len(h.forged) == 0 || !s.stamps() {
		return
	}
	if !s.granted(milter.OptChangeHeader) {
		s.server.log.once(warnNoChange, "milter: the MTA does not let milters change headers; tag headers from outside stay")
		return
	}
	for i := h.tags; i > 0; i-- {
		_ = m.ChangeHeader(i, s.header, "")
	}
	for _, i := range slices.Backward(h.forged) {
		_ = m.ChangeHeader(i, resultsName, "")
	}
}

// maxStamp keeps an inserted header on one line (RFC 5322 section 2.1.1: 998
// with the name).
const maxStamp = 800

// stamp inserts the results and above them the tag header. Index 0 is above the
// MTA's own headers. The results are not the topmost, for Postfix does not show
// that one to milters, and other filters are to read them.
func (s *session) stamp(m *milter.Modifier) {
	msg := &s.message
	if msg.stamp == "" || s.header == "" {
		return
	}
	if !s.granted(milter.OptAddHeader) {
		s.server.log.once(warnNoInsert, "milter: the MTA does not let milters add headers; mail is not tagged")
		return
	}
	if msg.results != "" {
		_ = m.InsertHeader(0, resultsName, printable(msg.results, maxStamp))
	}
	_ = m.InsertHeader(0, s.header, printable(msg.stamp, maxStamp))
}
