package policyd

import (
	"bytes"
	"errors"
	"fmt"

	"tlswarden/rules"
)

// The bounds of one request. Postfix itself sends some 40 attributes, none
// longer than its line_length_limit of 2048.
const (
	maxRequest    = 64 << 10 // octets, with the empty line at the end
	maxLine       = 16 << 10 // octets of one attribute
	maxAttributes = 200
)

// What makes a request unreadable.
var (
	errNotAPolicyRequest = errors.New("the first attribute is not request=smtpd_access_policy")
	errNoEquals          = errors.New("not of the form name=value")
	errCarriageReturn    = errors.New("the line ends in CR LF, not in LF")
	errNUL               = errors.New("the request has a NUL")
	errLongLine          = fmt.Errorf("longer than %d bytes", maxLine)
	errManyAttributes    = fmt.Errorf("more than %d attributes", maxAttributes)
	errContradiction     = errors.New("the attribute has two values")
)

// attribute numbers the attributes that are of use.
type attribute uint8

const (
	attrRequest attribute = iota
	attrState
	attrInstance
	attrQueueID
	// From here on they are part of the question.
	attrClientAddress
	attrClientName
	attrReverseClientName
	attrClientPort
	attrHelo
	attrServerAddress
	attrServerPort
	attrSender
	attrRecipient
	attrSize
	attrSASLMethod
	attrSASLUsername
	attrCertSubject
	attrCertIssuer
	attrCertFingerprint
	attrCertKeyFingerprint
	attrProtocol
	attrCipher
	attrKeysize
	attrSNI
	attrContext
	attributeCount

	attrFirstFact = attrClientAddress
)

// attributeOf finds an attribute by its name (SMTPD_POLICY_README). Unknown
// ones are ignored, as the protocol wants it.
func attributeOf(name string) (attribute, bool) {
	switch name {
	case "request":
		return attrRequest, true
	case "protocol_state":
		return attrState, true
	case "instance":
		return attrInstance, true
	case "queue_id":
		return attrQueueID, true
	case "client_address":
		return attrClientAddress, true
	case "client_name":
		return attrClientName, true
	case "reverse_client_name":
		return attrReverseClientName, true
	case "client_port":
		return attrClientPort, true
	case "helo_name":
		return attrHelo, true
	case "server_address":
		return attrServerAddress, true
	case "server_port":
		return attrServerPort, true
	case "sender":
		return attrSender, true
	case "recipient":
		return attrRecipient, true
	case "size":
		return attrSize, true
	case "sasl_method":
		return attrSASLMethod, true
	case "sasl_username":
		return attrSASLUsername, true
	case "ccert_subject":
		return attrCertSubject, true
	case "ccert_issuer":
		return attrCertIssuer, true
	case "ccert_fingerprint":
		return attrCertFingerprint, true
	case "ccert_pubkey_fingerprint":
		return attrCertKeyFingerprint, true
	case "encryption_protocol":
		return attrProtocol, true
	case "encryption_cipher":
		return attrCipher, true
	case "encryption_keysize":
		return attrKeysize, true
	case "tls_sni":
		return attrSNI, true
	case "policy_context":
		return attrContext, true
	}
	return 0, false
}

// request holds the values of one request. An attribute that was not sent is
// unknown.
type request [attributeCount]rules.Fact[string]

// text is an attribute's value, "" if it was not sent.
func (r *request) text(a attribute) string { return r[a].Or("") }

// parse reads the lines of a request, each with its LF, without the empty line
// at the end.
func (r *request) parse(frame []byte) error {
	var p parser
	return p.parse(r, frame)
}

// parser reads requests. It keeps the room that it takes. The values of a request
// get a string of their own, which is shorter than the request by two thirds:
// names, and attributes that are of no use, are not in it.
type parser struct {
	values []byte
	spans  [attributeCount]span // of values
}

type span struct {
	sent       bool
	start, end int32
}

func (p *parser) parse(r *request, frame []byte) error {
	*r = request{}
	p.values, p.spans = p.values[:0], [attributeCount]span{}
	if bytes.IndexByte(frame, 0) >= 0 {
		return errNUL
	}
	for n := 1; len(frame) > 0; n++ {
		if n > maxAttributes {
			return errManyAttributes
		}
		var line []byte
		line, frame, _ = bytes.Cut(frame, []byte("\n"))
		if err := p.line(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 && string(p.value(attrRequest)) != "smtpd_access_policy" {
			return errNotAPolicyRequest
		}
	}
	if !p.spans[attrRequest].sent {
		return errNotAPolicyRequest
	}
	text := string(p.values)
	for a, at := range p.spans {
		if at.sent {
			r[a] = rules.Known(text[at.start:at.end])
		}
	}
	if cap(p.values) > smallBuffer {
		p.values = nil
	}
	return nil
}

// line takes one line. A value may hold "=".
func (p *parser) line(line []byte) error {
	i := bytes.IndexByte(line, '=')
	switch {
	case len(line) > 0 && line[len(line)-1] == '\r':
		return errCarriageReturn
	case i <= 0:
		return errNoEquals
	case len(line) > maxLine:
		return errLongLine
	}
	a, ok := attributeOf(string(line[:i]))
	if !ok {
		return nil
	}
	value := line[i+1:]
	if p.spans[a].sent {
		if !bytes.Equal(p.value(a), value) {
			return errContradiction
		}
		return nil
	}
	start := len(p.values)
	p.values = append(p.values, value...)
	p.spans[a] = span{true, int32(start), int32(len(p.values))}
	return nil
}

func (p *parser) value(a attribute) []byte { return p.values[p.spans[a].start:p.spans[a].end] }
