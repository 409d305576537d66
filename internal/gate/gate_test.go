package gate

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// buffer is a log that tests read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// bench is a gate with its log and a clock that tests turn.
type bench struct {
	*Gate
	log   *buffer
	batch *Batch
	now   time.Time
}

func newBench(t *testing.T, format Format, ruleText string) *bench {
	t.Helper()
	b := &bench{log: &buffer{}, now: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(b.log, nil))
	b.batch = NewBatch(b.log, lostLine)
	b.Gate = New(Config{Log: log, Decisions: b.batch, Format: format, Now: func() time.Time { return b.now }})
	if ruleText != "" {
		b.SetPolicy(load(t, ruleText))
	}
	return b
}

func load(t testing.TB, text string) *rules.Policy {
	t.Helper()
	res := rulefile.Load([]rulefile.Source{{Name: "t.toml", Data: []byte(text)}}, rulefile.Options{})
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	return res.Policy
}

func lostLine(n uint64) []byte { return fmt.Appendf(nil, "msg=lost lines=%d\n", n) }

// done ends the log and returns it.
func (b *bench) done() string {
	b.batch.Close()
	return b.log.String()
}

func session(tls string) *rules.Session {
	var s rules.Session
	s.SetClient(netip.MustParseAddr("192.0.2.1"))
	s.ServerAddress, s.ServerPort = rules.Known(netip.MustParseAddr("192.0.2.2")), rules.Known(uint16(25))
	s.SetSender("a@example.org")
	s.SetRecipient("b@example.com")
	if tls == "" {
		s.SetPlaintext()
	} else {
		s.SetTLS(rules.TLS{Version: tls, Cipher: "AES128-SHA", Bits: rules.Known(128)})
	}
	return &s
}

const everyone = `
[[rule]]
name = "everyone"
require = "rfc8996"
otherwise = "reject"
reply = "no, {id}"
`

// TestDecisionLine shows a whole line in each format.
func TestDecisionLine(t *testing.T) {
	for format, want := range map[Format]string{ // the id is the first group
		Logfmt:     `^time=2027-01-31T12:00:00.000Z msg=decision id=(\w+) action=reject rule=everyone front=policy pid=77 client=192.0.2.1 client_name="a b\\u000a=\\"x" tls=TLSv1 cipher=AES128-SHA bits=128 sender=a@example.org recipient=b@example.com shortfall="TLSv1 is below TLSv1.2" code=554 us=0\n$`,
		LogfmtBare: `^msg=decision id=(\w+) action=reject .* us=0\n$`,
		JSON:       `^\{"time":"2027-01-31T12:00:00.000Z","msg":"decision","id":"(\w+)","action":"reject","rule":"everyone","front":"policy","pid":"77","client":"192.0.2.1","client_name":"a b\\u000a=\\"x","tls":"TLSv1","cipher":"AES128-SHA","bits":128,"sender":"a@example.org","recipient":"b@example.com","shortfall":"TLSv1 is below TLSv1.2","code":554,"us":0\}\n$`,
	} {
		b := newBench(t, format, everyone)
		s := session("TLSv1")
		s.ClientName = rules.Known("a b\n=\"x")
		d, err := b.Open("policy").Decide(s, 0, "pid=77")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(want).FindStringSubmatch(b.done())
		if m == nil {
			t.Fatalf("%d: the line is\n%s\nwant\n%s", format, b.log, want)
		}
		if d.Reply.Text != "no, "+m[1] {
			t.Errorf("the reply %q does not carry the id %q", d.Reply.Text, m[1])
		}
	}
}

// TestHeldLines shows that the line of an accepted recipient waits for the
// queue id, that of a refused one does not, and that none is lost.
func TestHeldLines(t *testing.T) {
	b := newBench(t, Logfmt, everyone)
	tx := b.Open("milter")
	tx.Begin()
	good, bad := session("TLSv1.2"), session("TLSv1")
	bad.SetRecipient("refused@example.com")
	for _, s := range []*rules.Session{good, bad} {
		if _, err := tx.Decide(s, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	tx.End("4XyZ")
	tx.Begin()
	if _, err := tx.Decide(good, 0, ""); err != nil {
		t.Fatal(err)
	}
	tx.Close()
	lines := strings.Split(strings.TrimSpace(b.done()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), b.log)
	}
	if strings.Contains(lines[0], "queue_id") || !strings.Contains(lines[0], "refused@example.com") {
		t.Errorf("refused: %s", lines[0])
	}
	if !strings.HasSuffix(lines[1], " queue_id=4XyZ") {
		t.Errorf("accepted: %s", lines[1])
	}
	if strings.Contains(lines[2], "queue_id") {
		t.Errorf("never ended: %s", lines[2])
	}
	id := regexp.MustCompile(` id=(\w+)`)
	a, c := id.FindString(lines[1]), id.FindString(lines[2])
	if a != id.FindString(lines[0]) || a == c {
		t.Errorf("ids %s, %s, %s", id.FindString(lines[0]), a, c)
	}
}

// TestManyHeldLines shows that a message with very many recipients does not
// collect lines without bound.
func TestManyHeldLines(t *testing.T) {
	b := newBench(t, Logfmt, everyone)
	tx := b.Open("milter")
	tx.Begin()
	for i := range 3 * maxHeld {
		s := session("TLSv1.3")
		s.SetRecipient(fmt.Sprintf("r%d@example.com", i))
		if _, err := tx.Decide(s, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(tx.held) > maxHeld {
		t.Errorf("%d lines are held", len(tx.held))
	}
	tx.Close()
	if n := strings.Count(b.done(), "msg=decision"); n != 3*maxHeld {
		t.Errorf("%d lines", n)
	}
}

func TestNoPolicy(t *testing.T) {
	b := newBench(t, Logfmt, "")
	tx := b.Open("milter")
	if tx.Policy() != nil || b.Policy() != nil {
		t.Error("there is a policy")
	}
	if _, err := tx.Decide(session(""), 0, ""); !errors.Is(err, ErrNoPolicy) {
		t.Errorf("error is %v", err)
	}
	tx.Begin()
	tx.Close()
	b.LogCounts()
	if out := b.done(); !strings.Contains(out, "action=on_failure front=milter client=192.0.2.1 tls=none sender=a@example.org recipient=b@example.com error=\"no rules are loaded\"") {
		t.Errorf("the log does not tell whose mail it was:\n%s", out)
	}
}

// TestSnapshot shows that a transaction keeps the policy that it began with,
// and that counts of a rule survive a reload.
func TestSnapshot(t *testing.T) {
	b := newBench(t, Logfmt, everyone)
	before := b.Open("milter")
	b.SetPolicy(load(t, everyone+"[[rule]]\nname = \"more\"\naction = \"tag\"\n"))
	after := b.Open("milter")
	for tx, want := range map[*Transaction]rules.Action{before: rules.Accept, after: rules.Tag} {
		d, err := tx.Decide(session("TLSv1.3"), 0, "pid=1")
		if err != nil || d.Action != want {
			t.Errorf("%v %v, want %v", d.Action, err, want)
		}
		tx.Close()
	}
	b.LogCounts()
	out := b.done()
	for _, want := range []string{
		`msg=counts rule=everyone met=2 not_met=0 applied=0 observed=0 unknown=0 since=2027-01-31T12:00:00Z`,
		`msg=counts rule=more met=0 not_met=0 applied=1`,
		`msg=counts rule=local met=0`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

func TestPendingIsNotRecorded(t *testing.T) {
	b := newBench(t, Logfmt, "[[rule]]\nname = \"big\"\nwhen = { size = \"> 5\" }\naction = \"reject\"\n")
	tx := b.Open("milter")
	d, err := tx.Decide(session("TLSv1.3"), rules.SetOf(rules.FieldSize), "pid=1")
	if err != nil || !d.Pending {
		t.Fatalf("%+v %v", d, err)
	}
	b.LogCounts()
	if out := b.done(); strings.Contains(out, "msg=decision") || !strings.Contains(out, "rule=big met=0 not_met=0 applied=0 observed=0 unknown=0") {
		t.Errorf("a pending decision is recorded:\n%s", out)
	}
}

// stuck is a log that takes nothing until it is let go.
type stuck struct {
	let chan struct{}
	to  *buffer
}

func (s stuck) Write(p []byte) (int, error) {
	<-s.let
	return s.to.Write(p)
}

// TestSlowLog shows that a log that takes nothing blocks nobody and keeps memory
// bounded, and that the loss is said.
func TestSlowLog(t *testing.T) {
	own := &buffer{}
	s := stuck{make(chan struct{}), own}
	b := NewBatch(s, lostLine)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 3 * maxPending / len(line) {
		b.Add(line)
	}
	b.mu.Lock()
	if len(b.pending) > maxPending {
		t.Errorf("%d bytes pending", len(b.pending))
	}
	b.mu.Unlock()
	if err := b.Close(); err == nil || !strings.Contains(err.Error(), "the log takes nothing") {
		t.Errorf("closing a stuck log: %v", err)
	}
	close(s.let)
	<-b.closed
	if !strings.Contains(own.String(), "msg=lost lines=") {
		t.Error("the loss is not said")
	}
	b.Add(line)
	if err := b.Close(); err == nil || !strings.Contains(err.Error(), "1 lines are lost") {
		t.Errorf("a line after the end: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	b := newBench(t, Logfmt, everyone)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				tx := b.Open("policy")
				if _, err := tx.Decide(session("TLSv1.3"), 0, "pid=1"); err != nil {
					t.Error(err)
				}
				tx.Close()
			}
		})
	}
	for range 50 {
		b.SetPolicy(load(t, everyone))
		b.LogCounts()
	}
	wg.Wait()
	b.LogCounts()
	out := b.done()
	if n := strings.Count(out, "msg=decision"); n != 1600 {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(out, "rule=everyone met=1600") {
		t.Error("counts were lost over reloads")
	}
}

// FuzzLine shows that no value ends its line, or forges a key.
func FuzzLine(f *testing.F) {
	f.Add("plain", "a b", "x=\"y\"\n")
	f.Add("", "\xff\xfe", " ")
	f.Fuzz(func(t *testing.T, helo, sender, user string) {
		for _, format := range []Format{Logfmt, JSON} {
			s := session("TLSv1")
			s.Helo, s.SASLUser = rules.Known(helo), rules.Known(user)
			s.SetSender(sender)
			d := load(t, everyone).Decide(s, 0, "id")
			l := line{format: format}
			l.decision(time.Unix(0, 0), "milter", &d, s, "", 0)
			l.end("Q")
			checkLine(t, format, string(l.buf), helo, user)
		}
	})
}

// TestClock shows that a time is rendered as the standard library does.
func TestClock(t *testing.T) {
	var c clock
	berlin := time.FixedZone("CET", 3600)
	at := time.Date(2026, 10, 25, 0, 59, 59, 998_500_000, time.UTC)
	for range 5 {
		for _, zone := range []*time.Location{time.UTC, berlin} {
			local := at.In(zone)
			if got, want := string(c.append(nil, local)), local.Format("2006-01-02T15:04:05.000Z07:00"); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		at = at.Add(700 * time.Microsecond)
	}
}
