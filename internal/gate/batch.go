package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxPending bounds the lines that wait to be written, in bytes.
const maxPending = 4 << 20

// batchEvery is the least time between two writes, and so the longest that a line
// waits. It is short enough for a person who watches the log.
const batchEvery = 50 * time.Millisecond

// closeFor bounds how long Close waits for a writer that takes nothing.
const closeFor = 2 * time.Second

// Batch writes lines in the background, many at a time. It never blocks those
// who add lines: if the writer is too slow, or fails, lines are lost and counted. It
// may be used by many goroutines.
type Batch struct {
	w       io.Writer
	lost    func(lines uint64) []byte // renders the line that tells of a loss
	mu      sync.Mutex
	pending []byte
	dropped uint64 // lines that are lost, and that the log was not told of
	ended   bool
	wake    chan struct{}
	closing chan struct{}
	closed  chan struct{}
}

// LostLines is the error of a writer that took all lines but some.
type LostLines int

func (n LostLines) Error() string { return fmt.Sprintf("%d lines could not be written", int(n)) }

// NewBatch returns a batch that writes whole lines to w. The function lost
// renders the line, with its newline, that tells how many were lost.
func NewBatch(w io.Writer, lost func(lines uint64) []byte) *Batch {
	b := &Batch{w: w, lost: lost, wake: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
	go b.run()
	return b
}

// Write adds a line, as Add does; it never fails.
func (b *Batch) Write(line []byte) (int, error) {
	b.Add(line)
	return len(line), nil
}

// Add adds a line, which ends with a newline. The caller may use the slice again.
func (b *Batch) Add(line []byte) {
	b.mu.Lock()
	first := len(b.pending) == 0
	if b.ended || len(b.pending)+len(line) > maxPending {
		b.dropped++
	} else {
		b.pending = append(b.pending, line...)
	}
	b.mu.Unlock()
	if first {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// Close writes what is pending, and waits two seconds for that if the writer
// takes nothing. Lines that are added later are lost. The error says how many
// lines were lost and never told of.
func (b *Batch) Close() error {
	b.mu.Lock()
	again := b.ended
	b.ended = true
	b.mu.Unlock()
	if !again {
		close(b.closing)
	}
	select {
	case <-b.closed:
	case <-time.After(closeFor):
		return fmt.Errorf("the log takes nothing: its last lines are lost")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped > 0 {
		return fmt.Errorf("%d lines are lost", b.dropped)
	}
	return nil
}

func (b *Batch) run() {
	defer close(b.closed)
	var spare []byte
	var last time.Time
	for {
		select {
		case <-b.wake:
			select { // the first line after a pause goes out at once
			case <-time.After(batchEvery - time.Since(last)):
			case <-b.closing:
			}
			spare = b.write(spare)
			last = time.Now()
		case <-b.closing:
			b.write(spare)
			return
		}
	}
}

// write writes what is pending and returns a buffer to use again. A line that
// tells of lines lost follows what was there before them. What a writer that fails
// has not taken is lost, and told of when it is back.
func (b *Batch) write(spare []byte) []byte {
	b.mu.Lock()
	lines, dropped := b.pending, b.dropped
	b.pending, b.dropped = spare[:0], 0
	b.mu.Unlock()
	if dropped > 0 {
		lines = append(lines, b.lost(dropped)...)
	}
	if len(lines) > 0 {
		n, err := b.w.Write(lines)
		b.lose(lines[n:], dropped, err)
	}
	if cap(lines) > maxPending/4 && len(lines) < cap(lines)/4 { // after a burst, do not keep its buffer
		return nil
	}
	return lines
}

// lose counts the lines that a failed write has lost: those that were left, or those
// that the error tells of. The last one told of lines lost before, if there were any,
// which are then lost as before.
func (b *Batch) lose(left []byte, before uint64, err error) {
	if err == nil {
		return
	}
	lost := uint64(bytes.Count(left, []byte{'\n'}))
	var some LostLines
	if errors.As(err, &some) {
		lost = uint64(some)
	}
	if lost > 0 && before > 0 {
		lost += before - 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped += lost
}
