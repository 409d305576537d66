package policyd

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/rules"
	"tlswarden/rules/ruletest/corpus"
)

// corpusGate judges by the policy of a case, and keeps the decision. What the
// gate supplies comes from the case.
type corpusGate struct {
	c        corpus.Case
	decision *rules.Decision
}

func (g corpusGate) Open() Transaction     { return g }
func (g corpusGate) Policy() *rules.Policy { return g.c.Policy }
func (g corpusGate) Begin()                {}
func (g corpusGate) End(string)            {}
func (g corpusGate) Close()                {}
func (g corpusGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	told := g.c.Test.Facts.Session(time.Now())
	s.Now, s.ListenerTLSSeen, s.ListenerCertSeen = told.Now, told.ListenerTLSSeen, told.ListenerCertSeen
	*g.decision = g.c.Policy.Decide(s, later, "test")
	return *g.decision, nil
}

// canTell says whether this protocol carries all facts that a case is about.
func canTell(c corpus.Case) bool {
	for _, f := range rules.Fields() {
		_, given := c.Test.Facts[f.Name]
		if (given || c.Policy.Needs().Has(f.ID)) && !f.Supply.Policy() {
			return false
		}
	}
	return true
}

// TestCorpus is the second of the three ways in which the corpus is run: each
// case that the protocol can tell goes as a request over a connection, must be
// decided as the engine alone decides it, and must get the action that follows.
func TestCorpus(t *testing.T) {
	cases, err := corpus.Load("../rules/ruletest/testdata")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for i, c := range cases {
		if !canTell(c) {
			continue
		}
		ran++
		t.Run(c.Name, func(t *testing.T) { runCase(t, i, c) })
	}
	if ran < len(cases)*4/5 {
		t.Errorf("only %d of %d cases can be told by a request", ran, len(cases))
	}
}

func runCase(t *testing.T, i int, c corpus.Case) {
	var d rules.Decision
	client := serveCase(t, corpusGate{c, &d})
	request := requestOf(c.Test.Facts.Session(time.Now()), "RCPT", fmt.Sprintf("%x.1.1.0", i+1))
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	reply, err := bufio.NewReader(client).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range c.Test.Check(&d) {
		t.Error(line)
	}
	if want := "action=" + actionFor(c, &d) + "\n"; !strings.HasPrefix(reply, strings.TrimSuffix(want, "*\n")) || !strings.HasSuffix(want, "*\n") && reply != want {
		t.Errorf("reply %q, want %q", reply, want)
	}
}

// actionFor is the access(5) action that a decision comes to; what follows "*"
// is not compared.
func actionFor(c corpus.Case, d *rules.Decision) string {
	switch {
	case d.Action >= rules.Defer:
		return d.Reply.String()
	case d.Action == rules.Quarantine:
		return "HOLD tlswarden: *"
	case d.Stamp != "":
		return "PREPEND " + c.Policy.Header() + ": " + d.Stamp
	}
	return "DUNNO"
}

func serveCase(t *testing.T, g Gate) net.Conn {
	t.Helper()
	server, client := net.Pipe()
	s := New(Config{Gate: g, OnFailure: rules.Defer})
	s.take(server, pipes(s))
	t.Cleanup(func() {
		client.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Log(err)
		}
	})
	if err := client.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	return client
}
