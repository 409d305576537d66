package milter

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// script is an SMTP session as Postfix tells it to a milter, ready to be sent:
// each step is written at once and has one reply.
type script struct {
	start   [][]byte // CONNECT, EHLO
	message [][]byte // MAIL, RCPT, end of message
	end     []byte
}

func newScript(lists bool) script {
	p := &player{wire: &wire{lists: macroStrings()}, s: encrypted(postfix)}
	p.s.ownLists = !lists
	p.encrypted = true
	step := func(st milter.Stage, command byte, content string) []byte {
		list := p.lists[st]
		if p.s.ownLists {
			list = ownLists[postfix][st]
		}
		macros := string(command)
		for _, name := range strings.Fields(list) {
			if value, sent := p.value(st, name); sent {
				macros += cstrings(name, value)
			}
		}
		return append(frame(cmdMacro, macros), frame(command, content)...)
	}
	sc := script{
		start: [][]byte{
			frame(cmdNegotiate, "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"),
			step(milter.StageConnect, cmdConnect, "mail.example.net\x004\x9c\x40198.51.100.7\x00"),
			step(milter.StageHelo, cmdHelo, "mail.example.net\x00"),
		},
		message: [][]byte{
			step(milter.StageMailFrom, cmdMail, cstrings("<a@example.net>", "SIZE=1234")),
			step(milter.StageRcptTo, cmdRcpt, cstrings("<b@example.com>")),
		},
		end: frame(cmdQuit, ""),
	}
	p.queueID = "4bT1x0"
	sc.message = append(sc.message, step(milter.StageEOM, cmdEnd, ""))
	return sc
}

func macroStrings() map[milter.Stage]string {
	lists := make(map[milter.Stage]string)
	for st, names := range macroLists() {
		for _, name := range names {
			lists[st] += name + " "
		}
	}
	return lists
}

// benchMessages sends messages, some in each connection. It allocates next to
// nothing, so that the allocations are the server's.
func benchMessages(b *testing.B, ln net.Listener, sc script, perConn int) {
	b.ReportAllocs()
	in := bufio.NewReader(nil)
	var head [4]byte
	exchange := func(c net.Conn, step []byte) {
		if _, err := c.Write(step); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(in, head[:]); err != nil {
			b.Fatal(err)
		}
		if _, err := in.Discard(int(binary.BigEndian.Uint32(head[:]))); err != nil {
			b.Fatal(err)
		}
	}
	for sent := 0; sent < b.N; {
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		in.Reset(c)
		for _, step := range sc.start {
			exchange(c, step)
		}
		for i := 0; i < perConn && sent < b.N; i++ {
			for _, step := range sc.message {
				exchange(c, step)
			}
			sent++
		}
		if _, err := c.Write(sc.end); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

func listenForBench(b *testing.B) net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return ln
}

// BenchmarkMessage is the way of a message through the server. The floor beside
// it is the library with a handler that does nothing.
func BenchmarkMessage(b *testing.B) {
	policy := policyOf(rules.Reject)
	for _, perConn := range []int{1, 20} {
		name := map[int]string{1: "1 a connection", 20: "20 a connection"}[perConn]
		b.Run(name+"/tlswarden", func(b *testing.B) {
			ln := listenForBench(b)
			start(b, Config{Gate: policyGate{policy}}, ln)
			benchMessages(b, ln, newScript(true), perConn)
		})
		b.Run(name+"/floor", func(b *testing.B) {
			ln := listenForBench(b)
			s := &milter.Server{NewMilter: func() milter.Milter { return milter.NoOpMilter{} },
				Protocol: milter.OptNoBody | milter.OptNoEOH | milter.OptNoHeaders}
			go func() { _ = s.Serve(ln) }()
			b.Cleanup(func() { ln.Close() })
			benchMessages(b, ln, newScript(false), perConn)
		})
	}
}

// BenchmarkFacts is what it takes to read the facts of a message from its
// macros and parameters.
func BenchmarkFacts(b *testing.B) {
	b.ReportAllocs()
	s := newSession(New(Config{Gate: nowhere{}}), nil)
	s.terms = wanted(nil)
	sc := newScript(true)
	connect, mail := sc.start[1], sc.message[0]
	for b.Loop() {
		for _, step := range [][]byte{connect, mail} {
			n := int(binary.BigEndian.Uint32(step))
			s.macros.put(step[headSize : lengthSize+n])
		}
		s.mta = mtaOf(s.macros.event(atConnect).parse(), true)
		s.facts.ForgetEnvelope()
		s.mail("<a@example.net>\x00SIZE=1234\x00", s.macros.event(atMail).parse())
	}
	if used, _ := s.facts.TLSUsed().Get(); !used {
		b.Fatal("the session is not known to be encrypted")
	}
}

// BenchmarkSeparateWrites is the way of a message from an MTA that writes macros
// and command separately and leaves Nagle's algorithm on, as Sendmail does. The
// floor beside it is one that writes both at once.
func BenchmarkSeparateWrites(b *testing.B) {
	for _, separate := range []bool{false, true} {
		name := map[bool]string{false: "at once", true: "separately"}[separate]
		b.Run(name, func(b *testing.B) {
			ln := listenForBench(b)
			start(b, Config{Gate: policyGate{policyOf(rules.Reject)}}, ln)
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			if err := c.(*net.TCPConn).SetNoDelay(false); err != nil {
				b.Fatal(err)
			}
			in := bufio.NewReader(c)
			sc := newScript(true)
			for _, step := range sc.start {
				sendStep(b, c, in, step, separate)
			}
			for b.Loop() {
				for _, step := range sc.message {
					sendStep(b, c, in, step, separate)
				}
			}
		})
	}
}

// sendStep writes the frames of a step and reads the reply.
func sendStep(b *testing.B, c net.Conn, in *bufio.Reader, step []byte, separate bool) {
	first := len(step)
	if separate {
		first = lengthSize + int(binary.BigEndian.Uint32(step))
	}
	for _, part := range [][]byte{step[:first], step[first:]} {
		if len(part) == 0 {
			continue
		}
		if _, err := c.Write(part); err != nil {
			b.Fatal(err)
		}
	}
	var head [lengthSize]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		b.Fatal(err)
	}
	if _, err := in.Discard(int(binary.BigEndian.Uint32(head[:]))); err != nil {
		b.Fatal(err)
	}
}
