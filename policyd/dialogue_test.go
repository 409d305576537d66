package policyd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/tools/txtar"

	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// client is the Postfix end of a connection.
type client struct {
	t    testing.TB
	net  net.Conn
	read *bufio.Reader
}

// pipeListener stands for the listener of connections that dial makes.
type pipeListener struct{}

func (pipeListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (pipeListener) Close() error              { return nil }
func (pipeListener) Addr() net.Addr            { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// pipes is a server's listener of that kind.
func pipes(s *Server) *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		if l.Listener == (pipeListener{}) {
			return l
		}
	}
	l := newListener(pipeListener{})
	s.listeners[l] = struct{}{}
	return l
}

// dial gives a server a connection.
func dial(t testing.TB, s *Server) *client {
	here, there := net.Pipe()
	s.take(there, pipes(s))
	t.Cleanup(func() { here.Close() })
	return newClient(t, here)
}

func newClient(t testing.TB, c net.Conn) *client {
	return &client{t: t, net: c, read: bufio.NewReader(c)}
}

// send writes a request, or a part of one.
func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.net, text); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply, byte for byte, and returns its action.
func (c *client) reply() string {
	c.t.Helper()
	text, err := c.read.ReadString('\n')
	if err != nil {
		c.t.Fatalf("reply %q: %v", text, err)
	}
	if end, err := c.read.ReadString('\n'); err != nil || end != "\n" {
		c.t.Fatalf("after %q came %q, %v", text, end, err)
	}
	action, ok := strings.CutPrefix(text, "action=")
	if !ok || len(text) > maxReply+1 {
		c.t.Fatalf("reply %q", text)
	}
	return strings.TrimSuffix(action, "\n")
}

// ask sends one request and returns the action.
func (c *client) ask(a ask) string {
	c.t.Helper()
	c.send(a.String())
	return c.reply()
}

// closed checks that the server closes the connection without another byte. TCP
// tells of a reset if the server had not read all that was sent.
func (c *client) closed() {
	c.t.Helper()
	if b, err := io.ReadAll(c.read); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.t.Errorf("got %q, %v, want nothing but the end", b, err)
	}
}

// settle waits until a server has no more than n connections.
func settle(t testing.TB, s *Server, n int) {
	t.Helper()
	testkit.Until(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) <= n
	}, "the server lets go of its connections")
}

// TestDialogues plays testdata/dialogues.txtar, which says how it is read.
func TestDialogues(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/dialogues.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			p := player{t: t, clients: map[string]*client{}}
			p.server, p.gate, p.log = testServer(t, func(c *Config) {
				if strings.Contains(file.Name, "(on failure: accept)") {
					c.OnFailure = rules.Accept
				}
			})
			pipes(p.server).asks.ProxyFilter = strings.Contains(file.Name, "(proxy)")
			var c rules.Config
			c.StampAll = strings.Contains(file.Name, "tag all")
			if strings.Contains(file.Name, "results") {
				c.AuthservID = "mx.example.org"
			}
			p.gate.policy = testPolicy(t, c)
			for line := range strings.Lines(string(file.Data)) {
				p.line(strings.TrimSpace(line))
			}
			p.events("")
		})
	}
}

type player struct {
	t       *testing.T
	server  *Server
	gate    *testGate
	log     *logBuffer
	clients map[string]*client
	asked   string
	got     string
}

func (p *player) line(line string) {
	p.t.Helper()
	mark, rest, _ := strings.Cut(line, " ")
	switch mark {
	case "", "#":
	case "<":
		if !matches(p.got, rest) {
			p.t.Errorf("%s\ngot  %s\nwant %s", p.asked, p.got, rest)
		}
	case "=":
		p.events(rest)
	case "log":
		if p.log.count(rest) != 1 {
			p.t.Errorf("after %s: the log has not once %q:\n%s", p.asked, rest, p.log)
		}
	case "bye":
		p.client(rest).net.Close()
		delete(p.clients, rest)
		settle(p.t, p.server, len(p.clients))
	case "forget": // as if many instances had come since
		p.server.endAll()
	default:
		p.events("")
		p.asked = line
		p.request(strings.Fields(line))
	}
}

// matches compares with a text in which "..." stands for anything.
func matches(got, want string) bool {
	begin, end, any := strings.Cut(want, "...")
	return got == want || any && len(got) > len(begin)+len(end) && strings.HasPrefix(got, begin) && strings.HasSuffix(got, end)
}

func (p *player) request(words []string) {
	p.t.Helper()
	on := ""
	if strings.HasPrefix(words[0], "@") {
		on, words = words[0], words[1:]
	}
	for i := range words {
		if words[i] == "-" {
			words[i] = ""
		}
	}
	p.got = p.client(on).ask(ask{words[0], words[1], words[2], strings.Join(words[3:], " ")})
}

func (p *player) client(name string) *client {
	if p.clients[name] == nil {
		p.clients[name] = dial(p.t, p.server)
	}
	return p.clients[name]
}

func (p *player) events(want string) {
	p.t.Helper()
	if got := strings.Join(p.gate.take(), "; "); got != want {
		p.t.Errorf("after %s:\nthe gate saw %s\nwant         %s", p.asked, got, want)
	}
}

// TestStates checks in which protocol states something is decided.
func TestStates(t *testing.T) {
	decides := map[string]bool{"RCPT": true, "DATA": true, "BDAT": true, "END-OF-MESSAGE": true}
	for _, state := range []string{"CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "END-OF-MESSAGE",
		"VRFY", "ETRN", "XCLIENT", "rcpt", ""} {
		for _, instance := range []string{"", "1a.1"} {
			s, g, _ := testServer(t, nil)
			got := dial(t, s).ask(ask{state: state, instance: instance, recipient: "a@reject.example"})
			want := "DUNNO"
			if decides[state] {
				want = "554 5.7.0 not today, id1"
			}
			if got != want {
				t.Errorf("%s %q: %s, want %s", state, instance, got, want)
			}
			if (g.opened > 0) != decides[state] {
				t.Errorf("%s %q: the gate was opened %d times", state, instance, g.opened)
			}
		}
	}
}

// TestManyRequests checks that one connection serves many messages, each with
// many recipients, and that each transaction is ended once.
func TestManyRequests(t *testing.T) {
	s, g, log := testServer(t, nil)
	c := dial(t, s)
	const messages, recipients = 40, 3 * maxAnswers / 2
	tags := 0
	for m := range messages {
		for r := range recipients {
			if c.ask(ask{"RCPT", "1a." + itoa(m), itoa(r) + "@tag.example", ""}) != "DUNNO" {
				tags++
			}
		}
	}
	c.net.Close()
	settle(t, s, 0)
	if n := s.instances.latest.Len(); n != 1 {
		t.Errorf("%d instances left", n)
	}
	s.endAll()
	if tags != messages {
		t.Errorf("%d tags for %d messages", tags, messages)
	}
	count := map[string]int{}
	for _, e := range g.take() {
		word, _, _ := strings.Cut(e, " ")
		count[word]++
	}
	if count["begin"] != messages || count["end"] != messages || count["close"] != messages || count["decide"] != messages*recipients {
		t.Errorf("the gate saw %v", count)
	}
	if log.String() != "" {
		t.Errorf("the log is\n%s", log)
	}
}

// TestPipelined checks that requests sent at once are answered in their order.
func TestPipelined(t *testing.T) {
	s, _, _ := testServer(t, nil)
	c := dial(t, s)
	text := ask{"RCPT", "1a.1", "a@odd.example", ""}.String() + ask{"RCPT", "1a.1", "a@defer.example", ""}.String() +
		ask{"RCPT", "1a.1", "a@b.example", ""}.String()
	go io.WriteString(c.net, text)
	for _, want := range []string{"550 5.7.1 ", "451 4.7.0 not today, id1", "DUNNO"} {
		if got := c.reply(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestEviction checks that an instance that makes room for others is ended, and
// that its next question begins anew.
func TestEviction(t *testing.T) {
	s, g, _ := testServer(t, nil)
	s.instances = newInstances(2)
	clients := []*client{dial(t, s), dial(t, s), dial(t, s)}
	for i, c := range clients {
		c.ask(ask{"RCPT", itoa(i) + ".1", "a@b.example", ""})
	}
	want := "begin 1; decide 1 a@b.example pid=0; begin 2; decide 2 a@b.example pid=1; end 1 \"\"; close 1; begin 3; decide 3 a@b.example pid=2"
	if got := strings.Join(g.take(), "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	clients[0].ask(ask{"RCPT", "0.1", "a@b.example", ""})
	want = "end 2 \"\"; close 2; begin 4; decide 4 a@b.example pid=0"
	if got := strings.Join(g.take(), "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestManyInstances checks that what is remembered is bounded.
func TestManyInstances(t *testing.T) {
	s, g, _ := testServer(t, nil)
	c := dial(t, s)
	const more = 10
	for i := range minInstances + more {
		c.ask(ask{"RCPT", itoa(i) + ".1", "a@b.example", ""})
	}
	closed := 0
	for _, e := range g.take() {
		if strings.HasPrefix(e, "close") {
			closed++
		}
	}
	if n := s.instances.latest.Len(); n != minInstances || closed != more {
		t.Errorf("%d instances, %d closed", n, closed)
	}
}
