package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"
	"golang.org/x/tools/txtar"

	"tlswarden/rules"
)

// memoryConn is a connection whose peer has said all it has to say, and takes
// everything. A read gives at most a few bytes.
type memoryConn struct {
	in    *bytes.Reader
	piece int
	out   bytes.Buffer
}

func (c *memoryConn) Read(p []byte) (int, error)       { return c.in.Read(p[:min(len(p), c.piece)]) }
func (c *memoryConn) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *memoryConn) Close() error                     { return nil }
func (c *memoryConn) LocalAddr() net.Addr              { return nil }
func (c *memoryConn) RemoteAddr() net.Addr             { return nil }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// oddGate decides by the length of the recipient, all sorts of things.
type oddGate struct{ *scriptGate }

func (g oddGate) Open() Transaction { return g }

func (g oddGate) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g.note("decide %q %v", ref, known(s))
	text := s.Recipient().Or("")
	switch len(text) % 7 {
	case 1:
		return rules.Decision{Verdict: rules.Verdict{Pending: true, Rule: &rules.Rule{Name: text}}}, nil
	case 2:
		return rules.Decision{Verdict: rules.Verdict{Action: rules.Tag, Tagged: true}, Stamp: text}, nil
	case 3:
		return rules.Decision{Verdict: rules.Verdict{Action: rules.Quarantine, Quarantined: true, Rule: &rules.Rule{Name: text}}}, nil
	case 4:
		return rules.Decision{Verdict: rules.Verdict{Action: rules.Reject}, Reply: rules.Reply{Code: 550, Status: "5.7.1", Text: text}}, nil
	case 5:
		return rules.Decision{Verdict: rules.Verdict{Action: rules.Reject}, Reply: rules.Reply{Code: len(text), Status: text, Text: text}}, nil
	case 6:
		return rules.Decision{}, errNoVerdict
	}
	return rules.Decision{}, nil
}

// converse lets a server hear bytes, in pieces, and returns what it says and
// how the gate was used.
func converse(t *testing.T, in []byte, piece int) (string, []string) {
	gate := oddGate{&scriptGate{policy: policyOf(rules.Tag, rules.Quarantine)}}
	s := New(Config{Gate: gate, OnFailure: rules.Defer, Log: (&logBuffer{}).logger()})
	mc := &memoryConn{in: bytes.NewReader(in), piece: piece}
	s.welcome(mc, new(listener))
	s.sessions.Wait()
	return mc.out.String(), gate.take()
}

// FuzzFrames gives a server arbitrary bytes. It must answer in well-formed
// frames, at most one reply for each command, and the same in whatever pieces
// the bytes come.
func FuzzFrames(f *testing.F) {
	for _, b := range conversations(f) {
		f.Add(b, uint16(1))
	}
	f.Add(slices.Concat(frame(cmdNegotiate, "\x00\x00\x00\x06\xff\xff\xff\xff\xff\xff\xff\xff"), frame(cmdHeader, strings.Repeat("x", 9000))), uint16(700))
	var library bytes.Buffer
	log.SetOutput(&library)
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	f.Fuzz(func(t *testing.T, in []byte, piece uint16) {
		out, calls := converse(t, in, 1+int(piece))
		again, sameCalls := converse(t, in, bufferSize)
		if map1, map2 := sortedLists(out), sortedLists(again); map1 != map2 || !slices.Equal(calls, sameCalls) {
			t.Fatalf("in pieces of %d the answer is %q %q, in one %q %q", 1+int(piece), out, calls, again, sameCalls)
		}
		if library.Len() > 0 {
			t.Fatalf("the library logged %q", library.String())
		}
		checkReplies(t, in, out)
	})
}

// conversations makes seeds of what is said in the dialogues.
func conversations(f *testing.F) [][]byte {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var all [][]byte
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			var b []byte
			for _, line := range strings.Split(string(file.Data), "\n") {
				if said, ok := strings.CutPrefix(line, "> "); ok {
					b = append(b, spoken(f, said)...)
				}
			}
			all = append(all, b)
		}
	}
	return all
}

func spoken(t testing.TB, line string) []byte {
	words := fields(t, line)
	switch {
	case words[0] == "raw":
		return []byte(words[1])
	case words[0][0] == cmdNegotiate:
		var b [termsSize]byte
		terms{uint32(number(t, words[1])), milter.OptAction(number(t, words[2])), milter.OptProtocol(number(t, words[3]))}.put(b[:])
		return frame(cmdNegotiate, string(b[:]))
	}
	return frame(words[0][0], content(t, words[0][0], words[1:]))
}

// sortedLists takes the order out of macro lists, which the library does not
// keep.
func sortedLists(out string) string {
	var b strings.Builder
	for w := (&wire{in: newReader(out)}); ; {
		code, content, err := w.receive()
		if err != nil {
			return b.String() + err.Error()
		}
		if code == cmdNegotiate {
			lists := strings.Split(content[termsSize:], "\x00")
			slices.Sort(lists)
			content = content[:termsSize] + strings.Join(lists, "|")
		}
		b.WriteString(string(code) + content)
	}
}

// checkReplies looks at each frame, and counts replies and commands.
func checkReplies(t *testing.T, in []byte, out string) {
	commands := 0
	for b := in; len(b) >= lengthSize; commands++ {
		n := uint64(binary.BigEndian.Uint32(b))
		if n > uint64(len(b)-lengthSize) {
			break
		}
		b = b[lengthSize+n:]
	}
	replies := 0
	for w := (&wire{in: newReader(out)}); ; {
		code, content, err := w.receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if code == cmdNegotiate {
			if len(content) < termsSize {
				t.Fatalf("negotiation %q", content)
			}
			replies++
			continue
		}
		if _, err := render(code, content); err != nil {
			t.Fatal(err)
		}
		if !isChange(code) {
			replies++
		}
	}
	if replies > commands {
		t.Fatalf("%d replies to %d commands", replies, commands)
	}
}

// FuzzNext reads arbitrary bytes as frames: put together they are what was
// sent, and none takes more memory than what was sent and a little.
func FuzzNext(f *testing.F) {
	for _, b := range conversations(f) {
		f.Add(b, uint16(3))
	}
	f.Add(frame(cmdHelo, strings.Repeat("x", 3*bufferSize)), uint16(1000))
	f.Add([]byte("\x00\x01\xff\xffH"), uint16(0))
	f.Fuzz(func(t *testing.T, in []byte, piece uint16) {
		fr := newFrames(&memoryConn{in: bytes.NewReader(in), piece: 1 + int(piece)}, time.Hour, time.Hour)
		rest := in
		for {
			got, err := fr.next()
			if err != nil {
				if len(rest) >= lengthSize {
					n := uint64(binary.BigEndian.Uint32(rest))
					if n > 0 && n <= maxFrame && uint64(len(rest)-lengthSize) >= n {
						t.Fatalf("%v, though %d bytes hold a frame of %d", err, len(rest), n)
					}
				}
				return
			}
			if len(got) <= lengthSize || !bytes.HasPrefix(rest, got) || int(binary.BigEndian.Uint32(got)) != len(got)-lengthSize {
				t.Fatalf("the frame %.60q is not what was sent: %.60q", got, rest)
			}
			if cap(got) > 2*len(in)+2*bufferSize {
				t.Fatalf("a frame of %d bytes takes %d", len(got), cap(got))
			}
			rest = rest[len(got):]
		}
	})
}

// FuzzMacros reads arbitrary bytes as macros: each way to look them up finds
// the same, and none of it holds a NUL.
func FuzzMacros(f *testing.F) {
	for _, s := range []string{"", "\x00", "j", "j\x00", "j\x00mx\x00", "j\x00\x00j\x00mx\x00", "i\x001\x00i\x002\x00{verify}", "{cn_subject}\x00a+20b\x00\x00\x00"} {
		f.Add("C" + s)
		f.Add("M" + s)
	}
	var names []string
	for _, list := range macroLists() {
		names = append(names, list...)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var m memory
		m.put([]byte(in))
		for st := range stages {
			p := m.event(st)
			if p == "" {
				continue
			}
			parsed := p.parse()
			for _, name := range names {
				if field := parsed.field(name); field != nil && (*field != p.get(name) || strings.ContainsRune(*field, 0)) {
					t.Fatalf("%s is %q or %q", name, *field, p.get(name))
				}
			}
			if m.event(st) != "" {
				t.Fatal("macros came with two events")
			}
		}
	})
}

// FuzzEnvelope reads arbitrary bytes as CONNECT, MAIL and RCPT. What is known
// then is in the bytes that came.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{"", "host\x004\x9c\x40198.51.100.7\x00", "host\x006\x9c\x40IPv6:2001:DB8:0:0:0:0:0:7\x00", "host\x00U", "host\x00L",
		"<a@b>\x00SIZE=1\x00REQUIRETLS\x00", "<>\x00", "<@a,@b:c@d>\x00size=99999999999999999999\x00", "<@a>\x00=\x00", "a+20b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, ok := parseConnect(in)
		if ok && !strings.HasPrefix(string(in), c.host+"\x00"+string([]byte{c.family})) {
			t.Fatalf("CONNECT %q is read as %+v", in, c)
		}
		s := newSession(New(Config{Gate: nowhere{}, Log: (&logBuffer{}).logger()}), nil)
		s.connected(c, macros{})
		s.mail(string(in), macros{})
		if n, ok := s.facts.Size.Get(); ok && n <= 0 {
			t.Fatalf("the size is %d", n)
		}
		if x := xtext(string(in)); len(x) > len(in) || !strings.Contains(string(in), "+") && x != string(in) {
			t.Fatalf("%q is decoded as %q", in, x)
		}
	})
}
