package policyd

import (
	"errors"
	"fmt"
	"strings"

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

// request holds the values of one request: parts of the string it was parsed
// from. An attribute that was not sent is unknown.
type request [attributeCount]rules.Fact[string]

// text is an attribute's value, "" if it was not sent.
func (r *request) text(a attribute) string { return r[a].Or("") }

// parse reads the lines of a request, each with its LF, without the empty line
// at the end.
func (r *request) parse(text string) error {
	*r = request{}
	if strings.IndexByte(text, 0) >= 0 {
		return errNUL
	}
	for n := 1; text != ""; n++ {
		if n > maxAttributes {
			return errManyAttributes
		}
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if err := r.set(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 && r.text(attrRequest) != "smtpd_access_policy" {
			return errNotAPolicyRequest
		}
	}
	if !r[attrRequest].Known() {
		return errNotAPolicyRequest
	}
	return nil
}

// set takes one line. A value may hold "=".
func (r *request) set(line string) error {
	i := strings.IndexByte(line, '=')
	switch {
	case line != "" && line[len(line)-1] == '\r':
		return errCarriageReturn
	case i <= 0:
		return errNoEquals
	case len(line) > maxLine:
		return errLongLine
	}
	a, ok := attributeOf(line[:i])
	if !ok {
		return nil
	}
	value := line[i+1:]
	if had, known := r[a].Get(); known && had != value {
		return errContradiction
	}
	r[a] = rules.Known(value)
	return nil
}
