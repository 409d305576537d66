package policyd

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tlswarden/rules"
)

// memoryConn is a connection that has already ended: it gives what the client
// sent, in pieces, and takes the replies.
type memoryConn struct {
	net.Conn
	in    []byte
	piece int
	out   bytes.Buffer
}

func (c *memoryConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(len(c.in), c.piece)])
	c.in = c.in[n:]
	return n, nil
}

func (c *memoryConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *memoryConn) Close() error                     { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memoryConn) RemoteAddr() net.Addr             { return &net.UnixAddr{Net: "unix"} }

// FuzzDialogue sends arbitrary bytes in pieces of a size. Each reply has a form
// that Postfix can read, as many come as whole requests were sent at most, none
// comes after a request that cannot be read, and no message gets more than two
// tags and one HOLD.
func FuzzDialogue(f *testing.F) {
	var all strings.Builder
	for _, domain := range []string{"b", "tag", "holdtag", "hold", "defer", "reject", "odd", "pending", "panic", "error"} {
		all.WriteString(ask{"RCPT", "1a.1", "a@" + domain + ".example", ""}.String())
		all.WriteString(ask{"DATA", "1a.2", "a@" + domain + ".example", "encryption_protocol="}.String())
	}
	f.Add([]byte(all.String()), uint16(4096))
	f.Add([]byte(all.String()), uint16(1))
	f.Add([]byte(ask{"END-OF-MESSAGE", "", "a@tag.example", ""}.String()+"\n"), uint16(7))
	f.Add([]byte(strings.ReplaceAll(all.String(), "\n", "\r\n")), uint16(512))
	f.Add([]byte(first+"protocol_state=RCPT\ninstance=\nsender=\xff\x01\nrecipient=550\nclient_address=::1\n\n"+first+"a=\x00\n\n"), uint16(100))
	f.Fuzz(func(t *testing.T, sent []byte, piece uint16) {
		s, g, _ := testServer(t, nil)
		g.policy = testPolicy(t, rules.Config{StampAll: piece%2 == 0})
		nc := &memoryConn{in: sent, piece: int(piece) + 1}
		c := &conn{server: s, from: pipes(s), net: nc, framer: framer{conn: nc}}
		s.handlers.Add(1)
		c.serve()
		if cap(c.framer.buf) > maxRequest {
			t.Errorf("the buffer has %d bytes", cap(c.framer.buf))
		}
		requests := readable(string(sent))
		replies := strings.SplitAfter(nc.out.String(), "\n\n")
		replies = replies[:len(replies)-1]
		if got := strings.Join(replies, ""); got != nc.out.String() || len(replies) != len(requests) {
			t.Fatalf("%d replies to %d requests: %q", len(replies), len(requests), &nc.out)
		}
		checkReplies(t, requests, replies)
		events := strings.Join(g.take(), "\n")
		if strings.Contains(events, "TWICE") || strings.Contains(events, "AFTER") || s.instances.latest.Len() > strings.Count(events, "begin") {
			t.Errorf("%d instances left, the gate saw\n%s", s.instances.latest.Len(), events)
		}
	})
}

// readable cuts a dialogue into its requests, in the plainest way, up to the
// first that cannot be read.
func readable(sent string) []map[string]string {
	var requests []map[string]string
	for {
		text, rest, whole := strings.Cut("\n"+sent, "\n\n")
		if !whole || len(text)+1 > maxRequest {
			return requests
		}
		r := naive(strings.TrimPrefix(text, "\n"))
		if r == nil {
			return requests
		}
		requests, sent = append(requests, r), rest
	}
}

func checkReplies(t *testing.T, requests []map[string]string, replies []string) {
	last := ""
	tags, holds := 0, 0
	for i, r := range replies {
		if !replyForm.MatchString(r) || len(r) > maxReply+2 {
			t.Errorf("reply %q", r)
		}
		if st := stageOf(requests[i]["protocol_state"]); st == stageNone && r != "action=DUNNO\n\n" ||
			st == stageEnd && strings.HasPrefix(r, "action=PREPEND") {
			t.Errorf("reply %q in state %q", r, requests[i]["protocol_state"])
		}
		instance := requests[i]["instance"]
		if stageOf(requests[i]["protocol_state"]) == stageNone {
			continue
		}
		if instance != last || instance == "" {
			last, tags, holds = instance, 0, 0
		}
		if strings.HasPrefix(r, "action=PREPEND") {
			tags++
		}
		if strings.HasPrefix(r, "action=HOLD") {
			holds++
		}
		if tags > 2 || holds > 1 {
			t.Errorf("instance %q has %d tags and %d times HOLD", instance, tags, holds)
		}
	}
}
