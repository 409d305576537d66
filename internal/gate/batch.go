package gate

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

// maxPending bounds the lines that wait to be written, in bytes.
const maxPending = 4 << 20

// batchEvery is the longest that a line waits before it is written. It is short
// enough for a person who watches the log.
const batchEvery = 50 * time.Millisecond

// Batch writes lines in the background, many at a time. It never blocks those
// who add lines: if the writer is too slow, lines are dropped and counted.
type Batch struct {
	w       io.Writer
	log     *slog.Logger
	mu      sync.Mutex
	pending []byte
	dropped uint64
	wake    chan struct{}
	close   func()
	closing chan struct{}
	closed  chan struct{}
}

// NewBatch returns a batch that writes whole lines to w. Loss is reported to the
// log.
func NewBatch(w io.Writer, log *slog.Logger) *Batch {
	b := &Batch{w: w, log: log, wake: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.closing) })
	go b.run()
	return b
}

// Add adds a line, which ends with a newline. The caller may use the slice again.
func (b *Batch) Add(line []byte) {
	b.mu.Lock()
	first := len(b.pending) == 0
	if len(b.pending)+len(line) > maxPending {
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

// Close writes what is pending. Lines that are added later are lost. To close
// twice does no harm.
func (b *Batch) Close() {
	b.close()
	<-b.closed
}

func (b *Batch) run() {
	defer close(b.closed)
	var spare []byte
	for {
		select {
		case <-b.wake:
			select {
			case <-time.After(batchEvery):
			case <-b.closing:
			}
			spare = b.write(spare)
		case <-b.closing:
			b.write(spare)
			return
		}
	}
}

// write writes what is pending and returns a buffer to use again.
func (b *Batch) write(spare []byte) []byte {
	b.mu.Lock()
	lines, dropped := b.pending, b.dropped
	b.pending, b.dropped = spare[:0], 0
	b.mu.Unlock()
	if len(lines) > 0 {
		if _, err := b.w.Write(lines); err != nil {
			b.log.Warn("decision lines could not be written", "error", err)
		}
	}
	if dropped > 0 {
		b.log.Warn("the log is too slow: decision lines were dropped", "lines", dropped)
	}
	if cap(lines) > maxPending/4 { // after a burst, do not keep its buffer
		return nil
	}
	return lines
}
