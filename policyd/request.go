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

// request is what one request says. It keeps its room for the next. The values
// get a string of their own, which is shorter than the request by two thirds:
// names, and attributes that are of no use, are not in it.
type request struct {
	values string
	at     [attributeCount]span // of values
	room   []byte
}

// span is where a value is; the zero span is of an attribute that was not sent.
type span struct {
	sent       bool
	start, end int32
}

// text is an attribute's value, "" if it was not sent.
func (r *request) text(a attribute) string { return r.values[r.at[a].start:r.at[a].end] }

// fact is an attribute's value, unknown if it was not sent.
func (r *request) fact(a attribute) rules.Fact[string] {
	if !r.at[a].sent {
		return rules.Fact[string]{}
	}
	return rules.Known(r.text(a))
}

// parse reads a text that holds one request and nothing else, without the empty
// line at the end.
func (r *request) parse(text []byte) error {
	whole := append(bytes.Clone(bytes.TrimSuffix(text, []byte("\n"))), "\n\n"...)
	n, err := r.read(whole)
	if err == nil && n < len(whole) {
		return errTwoRequests
	}
	return err
}

// read reads the first request of those that b holds, and says how many octets
// it has, with the empty line at its end. That must be there.
func (r *request) read(b []byte) (n int, err error) {
	n, err = r.lines(b)
	frame := b[:n]
	if err != nil {
		frame, _, _ = bytes.Cut(b, []byte("\n\n"))
	}
	switch {
	case bytes.IndexByte(frame, 0) >= 0:
		return 0, errNUL
	case err != nil:
		return 0, err
	case !r.at[attrRequest].sent:
		return 0, errNotAPolicyRequest
	}
	r.values = string(r.room)
	if cap(r.room) > smallBuffer {
		r.room = nil
	}
	return n, nil
}

// lines takes the lines up to the empty one, and says how many octets they have.
func (r *request) lines(b []byte) (n int, err error) {
	r.room, r.at = r.room[:0], [attributeCount]span{}
	next := 0 // in the usual order
	for count := 1; b[n] != '\n'; count++ {
		if count > maxAttributes {
			return 0, errManyAttributes
		}
		place, known := find(b[n:], next)
		value := n
		if known {
			value += len(usual[place].name)
			next = (place + 1) % len(usual)
		}
		end := value
		if b[end] != '\n' {
			end += bytes.IndexByte(b[end:], '\n')
		}
		err := formOf(b[n:end], known)
		if err == nil && known {
			err = r.take(usual[place].number, b[value:end])
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", count, err)
		}
		if count == 1 && string(r.raw(attrRequest)) != "smtpd_access_policy" {
			return 0, errNotAPolicyRequest
		}
		n = end + 1
	}
	return n + 1, nil
}

// formOf says what is wrong with the form of a line. A name that is known has its
// "=".
func formOf(line []byte, known bool) error {
	switch {
	case len(line) > 0 && line[len(line)-1] == '\r':
		return errCarriageReturn
	case !known && bytes.IndexByte(line, '=') <= 0:
		return errNoEquals
	case len(line) > maxLine:
		return errLongLine
	}
	return nil
}

// take notes a value.
func (r *request) take(a attribute, value []byte) error {
	if a == noAttribute {
		return nil
	}
	if r.at[a].sent {
		if !bytes.Equal(r.raw(a), value) {
			return errContradiction
		}
		return nil
	}
	start := len(r.room)
	r.room = append(r.room, value...)
	r.at[a] = span{true, int32(start), int32(len(r.room))}
	return nil
}

// raw is a value while the request is being read.
func (r *request) raw(a attribute) []byte { return r.room[r.at[a].start:r.at[a].end] }
