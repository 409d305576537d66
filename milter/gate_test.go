package milter

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// scriptGate answers by recipient, as a script says, and writes down how it was
// used. Its policy only says what verdicts there can be.
type scriptGate struct {
	policy  *rules.Policy
	judges  bool                                                          // the policy answers
	answers map[string]func(later rules.FieldSet) (rules.Decision, error) // others are accepted

	mu    sync.Mutex
	calls []string
	facts map[string]string // at the last Decide
}

func (g *scriptGate) note(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, fmt.Sprintf(format, args...))
}

// take returns what was written down since the last time.
func (g *scriptGate) take() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls = nil
	return calls
}

func (g *scriptGate) Open() Transaction       { g.note("open"); return g }
func (g *scriptGate) Policy() *rules.Policy   { return g.policy }
func (g *scriptGate) Begin(*rules.Session)    { g.note("begin") }
func (g *scriptGate) Until(time.Time)         {}
func (g *scriptGate) Finish(*rules.Session)   {}
func (g *scriptGate) Withdraw(*rules.Session) { g.note("withdraw") }
func (g *scriptGate) End(queueID string)      { g.note("end %q", queueID) }
func (g *scriptGate) Close()                  { g.note("close") }

func (g *scriptGate) Unjudged(_ *rules.Session, ref string) {
	g.note("unjudged %q", ref)
}

func (g *scriptGate) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g.note("decide %q", ref)
	facts := known(s)
	for _, f := range rules.Fields() {
		was, had := g.facts[f.Name]
		is, has := facts[f.Name]
		switch {
		case has && (!had || was != is):
			g.note("  %s %s", f.Name, is)
		case had && !has:
			g.note("  %s unknown", f.Name)
		}
	}
	g.facts = facts
	if g.judges {
		return policyGate{g.policy}.Decide(s, later, ref)
	}
	if answer := g.answers[s.Recipient().Or("")]; answer != nil {
		return answer(later)
	}
	return rules.Decision{}, nil
}

// known renders the known facts of a session.
func known(s *rules.Session) map[string]string {
	facts := make(map[string]string)
	for _, f := range rules.Fields() {
		if v, ok := f.Read(s); ok {
			facts[f.Name] = fmt.Sprintf("%q", f.Format(v))
		}
	}
	return facts
}

// policyGate decides by a real policy.
type policyGate struct{ policy *rules.Policy }

func (g policyGate) Open() Transaction               { return g }
func (g policyGate) Policy() *rules.Policy           { return g.policy }
func (g policyGate) Begin(*rules.Session)            {}
func (g policyGate) Until(time.Time)                 {}
func (g policyGate) Finish(*rules.Session)           {}
func (g policyGate) Withdraw(*rules.Session)         {}
func (g policyGate) End(string)                      {}
func (g policyGate) Close()                          {}
func (g policyGate) Unjudged(*rules.Session, string) {}
func (g policyGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	s.ListenerTLSSeen, s.ListenerCertSeen = rules.Known(true), rules.Known(true)
	s.Now = rules.Known(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	return g.policy.Decide(s, later, "id"), nil
}

// policyFrom reads a rule file.
func policyFrom(t testing.TB, text string) *rules.Policy {
	t.Helper()
	r := rulefile.Load([]rulefile.Source{{Name: "rules.toml", Data: []byte(text)}}, rulefile.Options{})
	if r.Found.HasErrors() {
		t.Fatal(r.Found[0])
	}
	return r.Policy
}

// ruleOf makes a rule that requires a profile of all mail.
func ruleOf(name string, p *rules.Profile, otherwise rules.Action) *rules.Rule {
	return &rules.Rule{Name: name, Require: p, Otherwise: otherwise}
}

// policyOf makes a policy of rules that do these actions, whose profile any TLS
// meets.
func policyOf(actions ...rules.Action) *rules.Policy {
	var c rules.Config
	for _, a := range actions {
		c.Rules = append(c.Rules, ruleOf(a.String()+" plaintext", &rules.Profile{Name: "any-tls"}, a))
	}
	return rules.New(c)
}

// logBuffer collects log lines, without their time.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "mta", "stack":
			return slog.Attr{}
		}
		return a
	}}))
}

// waitFor waits for a line that has a text.
func (b *logBuffer) waitFor(t testing.TB, text string) {
	t.Helper()
	testkit.Until(t, func() bool { return strings.Contains(b.String(), text) }, "the log has %q:\n%s", text, b)
}

// pipes is a listener whose connections are pipes within the process.
type pipes struct {
	name  string
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr(p.name) }

// dial gives the MTA's end of a new connection.
func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

var errNoVerdict = errors.New("no verdict today")

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
