package mtatest

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"tlswarden/internal/testkit"
)

// hostile lets strangers at the daemon's own ports, which stall or talk nonsense.
// The crowd is there already, so that Postfix gets no connection until it leaves.
func hostile(l *load) {
	r := l.rig
	for _, line := range []string{"milter: too many connections", "too many policy connections"} {
		testkit.Until(r.t, func() bool { return strings.Contains(r.daemon.Log(), line) }, "the log says %q", line)
	}
	l.rounds(1)
	for _, conn := range r.crowd {
		_ = conn.Close()
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	var strangers sync.WaitGroup
	for _, address := range []string{r.hooks.Milter, r.hooks.Policy} {
		for i := range 2 * len(nonsense()) {
			strangers.Go(func() {
				for n := i; ctx.Err() == nil; n++ {
					bother(address, nonsense()[n%len(nonsense())])
				}
			})
		}
		strangers.Go(func() { stall(ctx, address) })
	}
	l.rounds(4)
	cancel()
	strangers.Wait()
}

// nonsense is what no mail server would say, for either port.
func nonsense() [][]byte {
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(rand.Uint32())
	}
	frame := func(length uint32, rest string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, length), rest...)
	}
	negotiation := string(frame(13, "O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"))
	return [][]byte{
		garbage,
		frame(0xffffffff, "O"),
		frame(0x7fffffff, strings.Repeat("x", 70000)),
		frame(0, ""),
		frame(13, "O\x00\x00"),
		[]byte(negotiation + string(frame(3, "C"))),
		[]byte(negotiation + string(frame(1, "R")) + string(frame(1, "E"))),
		[]byte("request=smtpd_access_policy\nprotocol_state=RCPT\n"),
		[]byte(strings.Repeat("request=smtpd_access_policy\nprotocol_state=RCPT\n\n", 500)),
		[]byte("request=smtpd_access_policy\nsender\n\n"),
		[]byte(strings.Repeat("a", 200000)),
	}
}

// bother says something, and waits a moment for the answer.
func bother(address string, what []byte) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		time.Sleep(50 * time.Millisecond) // it is a nuisance, not a flood
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = conn.Write(what) // it may be closed before it is sent
	_, _ = io.Copy(io.Discard, conn)
}

// stall connects and says half of what is due, or nothing.
func stall(ctx context.Context, address string) {
	for i := range 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = conn.Write([]byte{0, 0, 0, 13, 'O'}[:i%6])
	}
	<-ctx.Done()
}

// crowd makes more connections than the daemon takes.
func crowd(r *rig) {
	var mu sync.Mutex
	var dialers sync.WaitGroup
	for _, address := range []string{r.hooks.Milter, r.hooks.Policy} {
		for range 6 {
			dialers.Go(func() {
				for range 350 {
					conn, err := net.DialTimeout("tcp", address, testkit.Patience)
					if err != nil {
						r.t.Errorf("a port takes no more connections: %v", err)
						return
					}
					mu.Lock()
					r.crowd = append(r.crowd, conn)
					mu.Unlock()
				}
			})
		}
	}
	dialers.Wait()
}
