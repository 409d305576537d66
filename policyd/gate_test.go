package policyd

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// testGate decides by a real policy, and writes down how it was used. Some
// recipients make it fail.
type testGate struct {
	policy *rules.Policy
	block  chan struct{} // if not nil, Decide waits until it is closed
	begun  chan struct{} // if not nil, gets a value when a Decide begins

	mu     sync.Mutex
	opened int
	events []string
}

func (g *testGate) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, fmt.Sprintf(format, args...))
}

// take returns what was written down, and forgets it.
func (g *testGate) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	events := g.events
	g.events = nil
	return events
}

func (g *testGate) Open() Transaction {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened++
	return &testTransaction{gate: g, n: g.opened}
}

type testTransaction struct {
	gate   *testGate
	n      int
	closed bool
}

func (tx *testTransaction) Policy() *rules.Policy { return tx.gate.policy }
func (tx *testTransaction) Begin()                { tx.gate.note("begin %d", tx.n) }
func (tx *testTransaction) End(queueID string)    { tx.gate.note("end %d %q", tx.n, queueID) }
func (tx *testTransaction) Close() {
	tx.gate.note("close %d", tx.n)
	if tx.closed {
		tx.gate.note("CLOSED TWICE %d", tx.n)
	}
	tx.closed = true
}

var errNoVerdict = errors.New("no verdict today")

func (tx *testTransaction) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g := tx.gate
	g.note("decide %d %s %s", tx.n, s.Recipient().Or("?"), cmp.Or(ref, "-"))
	if tx.closed {
		g.note("DECIDE AFTER CLOSE %d", tx.n)
	}
	if g.begun != nil {
		g.begun <- struct{}{}
	}
	if g.block != nil {
		<-g.block
	}
	switch _, domain := mailaddr.Split(s.Recipient().Or("")); domain {
	case "panic.example":
		panic("this gate is broken")
	case "error.example":
		return rules.Decision{}, errNoVerdict
	case "pending.example":
		later |= rules.SetOf(rules.FieldRequireTLS)
	}
	s.ListenerTLSSeen, s.ListenerCertSeen = rules.Known(true), rules.Known(true)
	s.Now = testNow()
	return g.policy.Decide(s, later, fmt.Sprintf("id%d", tx.n)), nil
}

// when is a condition of one entry.
func when(t testing.TB, field string, entry any) rules.Condition {
	t.Helper()
	f := rules.FieldByName(field)
	set := rules.NewSet(f.Kind)
	if err := set.Add(entry); err != nil {
		t.Fatal(err)
	}
	return rules.Condition{Field: f, Set: set, Text: fmt.Sprint(entry)}
}

// testPolicy does by the recipient's domain what the domain's name says, and
// refuses plaintext.
func testPolicy(t testing.TB, c rules.Config) *rules.Policy {
	reply, err := rules.ParseTemplate("not today, {id}")
	if err != nil {
		t.Fatal(err)
	}
	rule := func(name string, a rules.Action, more ...rules.Condition) *rules.Rule {
		return &rules.Rule{Name: name, Action: a, Reply: reply, When: append(more, when(t, "recipient_domain", name+".example"))}
	}
	held := rule("holdtag", rules.Quarantine)
	held.Tag = "held\nback"
	odd := rule("odd", rules.Reject)
	odd.Code, odd.Status = 550, "5.7.1"
	c.Rules = []*rules.Rule{
		rule("tag", rules.Tag), rule("hold", rules.Quarantine), held,
		rule("defer", rules.Defer), rule("reject", rules.Reject), odd,
		rule("pending", rules.Reject, when(t, "requiretls", true)),
		{Name: "everyone", Require: rules.BuiltinProfiles()[0], Otherwise: rules.Reject},
	}
	return rules.New(c)
}

// logBuffer takes log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count says how often the log has a text.
func (l *logBuffer) count(text string) int { return strings.Count(l.String(), text) }

// testServer is a server with a gate of testPolicy that does not listen.
func testServer(t testing.TB, change func(*Config)) (*Server, *testGate, *logBuffer) {
	g, log := &testGate{policy: testPolicy(t, rules.Config{})}, &logBuffer{}
	c := Config{Gate: g, OnFailure: rules.Defer, Log: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&c)
	}
	return New(c), g, log
}

// benchGate decides as testGate does, and writes nothing down.
type benchGate struct{ gate *testGate }

func (g benchGate) Open() Transaction     { return g }
func (g benchGate) Policy() *rules.Policy { return g.gate.policy }
func (g benchGate) Begin()                {}
func (g benchGate) End(string)            {}
func (g benchGate) Close()                {}
func (g benchGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	s.ListenerTLSSeen, s.ListenerCertSeen, s.Now = rules.Known(true), rules.Known(true), testNow()
	return g.gate.policy.Decide(s, later, "id"), nil
}
