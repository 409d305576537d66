package policyd

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"tlswarden/internal/mailaddr"
)

// floor answers without reading what a request says: no policy server can do
// with less.
func floor(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			r := bufio.NewReader(c)
			for {
				line, err := r.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == 1 {
					io.WriteString(c, "action=DUNNO\n\n")
				}
			}
		}()
	}
}

// BenchmarkDialogue measures a request and its reply over loopback TCP, beside
// the floor.
func BenchmarkDialogue(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer ln.Close()
		go floor(ln)
		play(b, ln.Addr().String(), ask{"RCPT", "1a.1", "a@b.example", ""}.String())
	})
	cases := []struct {
		name      string
		recipient string
		messages  int
		processes int // that they come from
	}{
		{"accept-same-question", "a@b.example", 1, 1},
		{"accept-new-message", "a@b.example", 1000, 1},
		{"accept-new-process", "a@b.example", 10000, 10000}, // more than are remembered
		{"reject-new-message", "a@reject.example", 1000, 1},
		{"tag-new-message", "a@tag.example", 1000, 1},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			s, _, _ := testServer(b, func(c *Config) { c.Gate = benchGate{c.Gate.(*testGate)} })
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go s.Serve(ln, Postfix{})
			defer s.Shutdown(context.Background())
			var requests []string
			for i := range c.messages {
				requests = append(requests, ask{"RCPT", itoa(i%c.processes) + "." + itoa(i), c.recipient, ""}.String())
			}
			play(b, ln.Addr().String(), requests...)
		})
	}
}

// play sends requests in turn and waits for each reply.
func play(b *testing.B, address string, requests ...string) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := io.WriteString(c, requests[i%len(requests)]); err != nil {
			b.Fatal(err)
		}
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			if len(line) == 1 {
				break
			}
		}
	}
}

// BenchmarkRequest measures what is done to a request before it is decided.
func BenchmarkRequest(b *testing.B) {
	s, _, _ := testServer(b, nil)
	c := &conn{server: s}
	sent := naive(strings.TrimSuffix(ask{"RCPT", "6d1.637ccf80.4c4b4.0", "a@b.example", ""}.String(), "\n"))
	var text []byte
	for _, u := range usual { // in Postfix's order
		text = append(text, u.name+sent[strings.TrimSuffix(u.name, "=")]+"\n"...)
	}
	text = append(text, '\n')
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.request.read(text); err != nil {
			b.Fatal(err)
		}
		c.question(&c.request, stageRcpt)
		c.request.fill(&c.session, stageRcpt, new(mailaddr.Server))
	}
}
