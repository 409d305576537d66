package milter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"tlswarden/internal/testkit"
)

// wire is an MTA's end of a connection, by raw frames.
type wire struct {
	t      testing.TB
	conn   net.Conn
	in     *bufio.Reader
	agreed terms
	lists  map[milter.Stage]string
}

func newWire(t testing.TB, c net.Conn) *wire {
	_ = c.SetDeadline(time.Now().Add(testkit.Patience)) // one that is closed says so when it is used
	return &wire{t: t, conn: c, in: bufio.NewReader(c)}
}

func newReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

// frame builds one.
func frame(command byte, content string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(content)+1))
	return append(append(b, command), content...)
}

// cstrings joins strings as the protocol does.
func cstrings(ss ...string) string {
	if len(ss) == 0 {
		return ""
	}
	return strings.Join(ss, "\x00") + "\x00"
}

func (w *wire) send(command byte, content string) {
	w.t.Helper()
	w.write(frame(command, content))
}

func (w *wire) write(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatalf("sending %.40q: %v", b, err)
	}
}

// receive reads one frame; io.EOF means that the milter closed the connection.
func (w *wire) receive() (code byte, content string, err error) {
	var head [4]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > 64<<10 {
		return 0, "", fmt.Errorf("reply frame of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(w.in, b); err != nil {
		return 0, "", err
	}
	return b[0], string(b[1:]), nil
}

// answer is what comes back for one event: changes, then the reply that ends it.
type answer struct {
	changes []string // "i 0 name value", "m 2 name ", "q reason"
	reply   string   // "c", "s", or the SMTP reply
}

// await reads an answer and checks that every frame of it is well-formed.
func (w *wire) await() answer {
	w.t.Helper()
	var a answer
	for {
		code, content, err := w.receive()
		if err != nil {
			w.t.Fatalf("no reply: %v", err)
		}
		text, err := render(code, content)
		if err != nil {
			w.t.Fatal(err)
		}
		if !isChange(code) {
			a.reply = text
			return a
		}
		a.changes = append(a.changes, text)
	}
}

// render makes a reply frame readable, and says what is wrong with it.
func render(code byte, content string) (string, error) {
	switch code {
	case actContinue, actSkip:
		if content != "" {
			return "", fmt.Errorf("%q with content %q", code, content)
		}
		return string(code), nil
	case actReplyCode:
		return renderReply(content)
	case actQuarantine:
		reason, ok := strings.CutSuffix(content, "\x00")
		if !ok || reason == "" || len(reason) > 100 || !isPrintable(reason) {
			return "", fmt.Errorf("quarantine reason %q", content)
		}
		return "q " + reason, nil
	case actInsertHeader, actChangeHeader:
		parts := strings.Split(content[min(4, len(content)):], "\x00")
		if len(content) < 4 || len(parts) != 3 || parts[0] == "" || parts[2] != "" || !isPrintable(parts[0]) || !isPrintable(parts[1]) {
			return "", fmt.Errorf("header change %q", content)
		}
		return fmt.Sprintf("%c %d %s %s", code, binary.BigEndian.Uint32([]byte(content)), parts[0], parts[1]), nil
	}
	return "", fmt.Errorf("reply %q", code)
}

// renderReply undoes the doubling of percent signs; a single one would make
// Sendmail drop the text.
func renderReply(content string) (string, error) {
	text, ok := strings.CutSuffix(content, "\x00")
	bare := strings.ReplaceAll(text, "%%", "")
	if !ok || len(text) < 10 || strings.Contains(bare, "%") || !isPrintable(text) ||
		text[0] != '4' && text[0] != '5' || text[3:5] != " "+text[:1] || text[5] != '.' {
		return "", fmt.Errorf("SMTP reply %q", content)
	}
	return strings.ReplaceAll(text, "%%", "%"), nil
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// negotiate offers terms and notes what the milter answers.
func (w *wire) negotiate(offer terms) {
	w.t.Helper()
	var b [termsSize]byte
	offer.put(b[:])
	w.send(cmdNegotiate, string(b[:]))
	code, content, err := w.receive()
	if err != nil || code != cmdNegotiate {
		w.t.Fatalf("negotiation: %q %q %v", code, content, err)
	}
	var ok bool
	if w.agreed, ok = parseTerms([]byte(content)); !ok {
		w.t.Fatalf("negotiation: %q", content)
	}
	if w.agreed != w.agreed.within(offer) {
		w.t.Fatalf("offered %+v, answered %+v", offer, w.agreed)
	}
	w.lists = parseLists(w.t, content[termsSize:])
	if len(w.lists) > 0 && offer.actions&milter.OptSetSymList == 0 {
		w.t.Fatal("macro lists were sent though they were not offered")
	}
}

func parseLists(t testing.TB, s string) map[milter.Stage]string {
	lists := make(map[milter.Stage]string)
	for s != "" {
		end := strings.IndexByte(s[min(4, len(s)):], 0)
		if end < 0 {
			t.Fatalf("macro lists end with %q", s)
		}
		st := milter.Stage(binary.BigEndian.Uint32([]byte(s)))
		if _, twice := lists[st]; twice {
			t.Fatalf("two macro lists for stage %d", st)
		}
		lists[st] = s[4 : 4+end]
		s = s[4+end+1:]
	}
	return lists
}

// closed waits for the milter to close the connection.
func (w *wire) closed() {
	w.t.Helper()
	if code, content, err := w.receive(); err == nil {
		w.t.Fatalf("the connection is open and sends %q %q", code, content)
	} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		w.t.Fatal("the connection is not closed")
	}
}

// listNames renders the stages of macro lists.
func listNames(lists map[milter.Stage]string) string {
	var names []string
	for st := range lists {
		names = append(names, fmt.Sprint(st))
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
