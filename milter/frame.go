package milter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// The milter protocol's frames: four bytes of length, then that many bytes, of
// which the first is the command.
const (
	lengthSize = 4
	headSize   = lengthSize + 1

	// maxFrame bounds what one frame can make us hold. libmilter takes frames
	// up to 64 KiB unless told otherwise (MILTER_MAX_DATA_SIZE).
	maxFrame = 128 << 10

	// bufferSize holds the usual burst of a macro frame and its command.
	bufferSize = 4 << 10
)

// fault is what is wrong with what an MTA sends, or with how it takes replies.
// It ends the connection, and is logged. All other errors of a connection say
// no more than that it is over.
type fault string

func (f fault) Error() string { return string(f) }

// frames reads whole frames from a connection. It holds no more memory than a
// client has sent bytes, apart from one small buffer.
type frames struct {
	conn  net.Conn
	in    *bufio.Reader
	held  int           // bytes of in that the last frame still occupies
	idle  time.Duration // how long the first byte of a frame may take
	rest  time.Duration // how long the rest of it may take
	begun bool          // a frame has come
	spare []byte        // memory for the next piece of a body
}

func newFrames(c net.Conn, idle, rest time.Duration) frames {
	return frames{conn: c, in: bufio.NewReaderSize(c, bufferSize), idle: idle, rest: rest}
}

// next returns the next frame, its length included. It is good until the next
// call.
func (f *frames) next() ([]byte, error) {
	if _, err := f.in.Discard(f.held); err != nil {
		return nil, err
	}
	f.held = 0
	if err := f.begin(); err != nil {
		return nil, err
	}
	head, err := f.peek(lengthSize, f.rest)
	if err != nil {
		return nil, late(err, "frame not complete in time")
	}
	length := binary.BigEndian.Uint32(head)
	if length == 0 || length > maxFrame {
		return nil, fault(fmt.Sprintf("frame of %d bytes, where 1 to %d are possible", length, maxFrame))
	}
	size := lengthSize + int(length)
	if size > f.in.Size() {
		return f.long(size)
	}
	frame, err := f.peek(size, f.rest)
	if err != nil {
		return nil, late(err, "frame not complete in time")
	}
	f.held = size
	return frame, nil
}

// begin waits for the first byte of a frame: for the first frame of all, with
// which an MTA begins at once, no longer than for the rest of one.
func (f *frames) begin() error {
	wait, first := f.idle, !f.begun
	if first {
		wait = f.rest
	}
	_, err := f.peek(1, wait)
	if first {
		err = late(err, "nothing was said after connecting")
	}
	f.begun = err == nil
	return err
}

// drained says whether nothing has come beyond the last frame.
func (f *frames) drained() bool { return f.in.Buffered() == f.held }

// peek waits for n bytes in the buffer. The deadline is set only if it has to
// wait, for it costs as much as parsing a frame.
func (f *frames) peek(n int, wait time.Duration) ([]byte, error) {
	if f.in.Buffered() < n {
		if err := f.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, err
		}
	}
	return f.in.Peek(n)
}

// long reads a frame that the buffer does not hold into memory of its own,
// which grows as the bytes arrive. All pieces of a body are read into the same,
// until release.
func (f *frames) long(size int) ([]byte, error) {
	if err := f.conn.SetReadDeadline(time.Now().Add(f.rest)); err != nil {
		return nil, err
	}
	frame := f.spare[:0]
	if cap(frame) == 0 {
		frame = make([]byte, 0, 2*bufferSize)
	}
	for len(frame) < size {
		if len(frame) == cap(frame) {
			frame = append(frame, 0)[:len(frame)]
		}
		n, err := f.in.Read(frame[len(frame):min(cap(frame), size)])
		frame = frame[:len(frame)+n]
		if err != nil {
			return nil, late(err, "frame not complete in time")
		}
	}
	if frame[lengthSize] == cmdBody {
		f.spare = frame
	}
	return frame, nil
}

// release gives the memory back that a body took.
func (f *frames) release() { f.spare = nil }

// late makes a fault of an error that is a timeout.
func late(err error, what fault) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return what
	}
	return err
}
