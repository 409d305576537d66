package policyd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// What ends a connection between or within requests, besides io.EOF.
var (
	errIdle        = errors.New("no request for a long time")
	errSlow        = errors.New("the request takes too long to come")
	errCutOff      = errors.New("the connection ended within a request")
	errLongRequest = fmt.Errorf("longer than %d bytes", maxRequest)
)

// smallBuffer is room for a usual request. What a larger one took is given back.
const smallBuffer = 4 << 10

// framer cuts the bytes of a connection into requests.
type framer struct {
	conn   net.Conn
	idle   time.Duration // bound of the wait for a request
	slow   time.Duration // bound of the time from a request's first byte to its last
	readBy deadline

	buf        []byte
	start, end int // of what was read and is not yet cut off
	scanned    int // octets of it that hold no end of a request
}

// next waits, from a time on, for a request and returns what was read, which begins
// with a whole one. It is valid until the next call; took must say before how much
// of it the request had. The errors io.EOF and errIdle tell that no request has
// begun; after any error the connection is of no more use.
func (f *framer) next(now time.Time) ([]byte, error) {
	if f.whole() {
		return f.buf[f.start:f.end], nil
	}
	f.tidy()
	begun := f.end > 0
	f.arm(now, begun)
	for {
		n, err := f.read()
		if f.whole() {
			return f.buf[f.start:f.end], nil
		}
		if err != nil {
			return nil, f.failure(err)
		}
		// Lines that end in CR LF would hide the request's end.
		if bytes.Contains(f.buf[max(0, f.end-n-1):f.end], []byte("\r\n")) {
			return nil, errCarriageReturn
		}
		if !begun {
			begun = true
			f.arm(time.Now(), begun)
		}
	}
}

// whole says whether a whole request was read, were it an empty line alone.
func (f *framer) whole() bool {
	b, end := f.buf[f.start:f.end], []byte("\n\n")
	if bytes.HasSuffix(b, end) || len(b) > 0 && b[0] == '\n' { // usually there is one request, and nothing after it
		return true
	}
	found := bytes.Contains(b[max(0, f.scanned-1):], end)
	f.scanned = len(b)
	return found
}

// took cuts off a request.
func (f *framer) took(n int) {
	f.start += n
	f.scanned = 0
}

// tidy moves what is left to the start of the buffer.
func (f *framer) tidy() {
	left := f.buf[f.start:f.end]
	if f.buf == nil || len(f.buf) > smallBuffer && len(left) < smallBuffer {
		f.buf = make([]byte, smallBuffer)
	}
	f.end = copy(f.buf, left)
	f.start = 0
}

// arm sets the time by which the request must have begun, or be complete. That
// can fail only where the read that follows fails, too.
func (f *framer) arm(now time.Time, begun bool) {
	bound := f.idle
	if begun {
		bound = f.slow
	}
	if at, due := f.readBy.renew(now, bound); due {
		f.conn.SetReadDeadline(at)
	}
}

// deadline is the time limit of a connection's reads or writes, as it was set
// last. Setting it for each request would cost more than parsing one.
type deadline struct{ at time.Time }

// renew gives the time limit for a bound that begins now, and whether it has to
// be set: not if the one that is set falls short of it by a sixteenth at most.
func (d *deadline) renew(now time.Time, bound time.Duration) (at time.Time, due bool) {
	at = now.Add(bound)
	if short := at.Sub(d.at); short >= 0 && short <= bound/16 {
		return d.at, false
	}
	d.at = at
	return at, true
}

// read adds what the connection has to the buffer.
func (f *framer) read() (int, error) {
	if f.end == len(f.buf) {
		if f.end >= maxRequest {
			return 0, errLongRequest
		}
		f.buf = append(f.buf, make([]byte, min(len(f.buf), maxRequest-f.end))...)
	}
	n, err := f.conn.Read(f.buf[f.end:])
	f.end += n
	return n, err
}

// failure says what an error of the connection means for the request.
func (f *framer) failure(err error) error {
	begun, late := f.end > 0, errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case late && begun:
		return errSlow
	case late:
		return errIdle
	case !begun: // nobody waits for anything
		return io.EOF
	case errors.Is(err, io.EOF):
		return errCutOff
	}
	return err
}
