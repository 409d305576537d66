package policyd

import (
	"errors"
	"strings"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// errTwoRequests is what is wrong with a text of more than one request.
var errTwoRequests = errors.New("more than one request: text follows the empty line")

// ParseRequest reads a request that was written down, as a server reads it from
// its connection. Empty lines around it do not matter. It returns the session
// that the request tells of, without the facts that the gate adds, and the
// protocol_state. Errors say what keeps a server from reading the request. The
// Postfix that sent it reads addresses as reads describes.
func ParseRequest(text string, reads mailaddr.Server) (s *rules.Session, state string, err error) {
	text = strings.Trim(text, "\n")
	if len(text) > maxRequest {
		return nil, "", errLongRequest
	}
	if strings.Contains(text, "\n\n") {
		return nil, "", errTwoRequests
	}
	var r request
	if err := r.parse([]byte(text)); err != nil {
		return nil, "", err
	}
	state = r.text(attrState)
	s = &rules.Session{}
	r.fill(s, stageOf(state), &reads)
	return s, state, nil
}

// Judged says whether a server decides anything in a protocol_state. In the
// others its reply is DUNNO.
func Judged(state string) bool { return stageOf(state) != stageNone }

// Answer returns the replies that a decision in a protocol_state comes to, each
// word for word, by what is known of the Postfix that asks. Usually it is one. Further ones are what the next requests of
// the same message get, where one reply cannot carry all: HOLD, the tag header
// and Authentication-Results each take one.
func Answer(state string, d *rules.Decision, s *rules.Session, asks Postfix) [][]byte {
	st := stageOf(state)
	if st == stageNone {
		return [][]byte{appendReply(nil, dunno)}
	}
	var in instance
	in.noFile = asks.ProxyFilter
	a := answerOf(d, s)
	in.follow(&a, st)
	action, _ := in.act(&a, st)
	replies := [][]byte{appendReply(nil, action)}
	for in.owes() && st != stageEnd {
		action, _ = in.act(nil, st)
		replies = append(replies, appendReply(nil, action))
	}
	return replies
}
