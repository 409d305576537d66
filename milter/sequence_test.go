package milter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// moodyGate does with a recipient what its address says, and notes it.
type moodyGate struct {
	policy *rules.Policy
	panics string // the call that panics: "begin", "end", "close"

	mu    sync.Mutex
	asked []question
}

// question is one call of Decide, and its answer.
type question struct {
	recipient string
	atEnd     bool
	answer    string // as in moods
	encrypted bool
}

// The moods of a gate at RCPT, and of one that waited at the end of the message.
var (
	moods    = []string{"accept", "stamp", "tag", "hold", "local", "defer", "reject", "odd", "error", "panic", "wait one", "wait two"}
	endMoods = []string{"accept", "stamp", "hold", "reject", "error", "panic", "wait on"}
)

func (g *moodyGate) fail(call string) {
	if g.panics == call {
		panic(call)
	}
}

func (g *moodyGate) Open() Transaction       { return g }
func (g *moodyGate) Policy() *rules.Policy   { return g.policy }
func (g *moodyGate) Begin(*rules.Session)    { g.fail("begin") }
func (g *moodyGate) Until(time.Time)         { g.fail("until") }
func (g *moodyGate) Finish(*rules.Session)   { g.fail("finish") }
func (g *moodyGate) Withdraw(*rules.Session) { g.fail("withdraw") }
func (g *moodyGate) End(string)              { g.fail("end") }
func (g *moodyGate) Close()                  { g.fail("close") }

func (g *moodyGate) Unjudged(*rules.Session, string) { g.fail("unjudged") }

func (g *moodyGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	q := question{recipient: s.Recipient().Or(""), atEnd: later == 0, encrypted: s.TLSUsed().Or(false)}
	var n, mood, endMood int
	if _, err := fmt.Sscanf(q.recipient, "r%d.%d.%d@", &n, &mood, &endMood); err != nil {
		return rules.Decision{}, err
	}
	q.answer = moods[mood]
	if q.atEnd {
		q.answer = endMoods[endMood]
	}
	g.mu.Lock()
	g.asked = append(g.asked, q)
	g.mu.Unlock()
	return q.decide()
}

func (q *question) decide() (rules.Decision, error) {
	d := rules.Decision{Verdict: rules.Verdict{Rule: &rules.Rule{Name: q.answer}}}
	switch q.answer {
	case "stamp":
		d.Stamp, d.Results = "pass; "+q.recipient, "tls.example.com; "+q.recipient
	case "tag":
		d.Action, d.Stamp = rules.Tag, "fail; "+q.recipient
	case "hold":
		d.Action, d.Quarantined = rules.Quarantine, true
	case "local":
		d.Rule = rules.New(rules.Config{}).Rules()[0]
	case "defer":
		d.Action, d.Reply = rules.Defer, rules.Reply{Code: 450, Status: "4.7.0", Text: "100% later"}
	case "reject":
		d.Action, d.Reply = rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: "never\r\n250 ok"}
	case "odd":
		d.Action, d.Reply = rules.Reject, rules.Reply{Code: 250, Status: "2.0.0", Text: "fine"}
	case "error":
		return d, errNoVerdict
	case "panic":
		panic(q.recipient)
	case "wait one", "wait two", "wait on":
		d.Pending = true
	}
	return d, nil
}

// refuses says whether the answer is none to let mail through by, where failures
// defer.
func (q *question) refuses() bool {
	return slices.Contains([]string{"defer", "reject", "odd", "error", "panic", "wait on"}, q.answer)
}

// take returns what was asked since the last time.
func (g *moodyGate) take() []question {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := g.asked
	g.asked = nil
	return asked
}

// The frames that a sequence is made of; what stands after the command is its
// content. An operation is two bytes: the number of the frame, and for RCPT the
// moods.
var operations = []string{
	"O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff", "O\x00\x00\x00\x02\x00\x00\x00\x3f\x00\x00\x00\x7f", "O\x00\x00\x00\x06\x00\x00\x00\x01\x00\x00\x03\xff", "O\x00",
	"Cmail.example.net\x004\x9c\x40198.51.100.7\x00", "Cx\x006\x00\x19IPv6:2001:db8::1\x00", "Cx\x00U", "Cx\x00L\x00\x00/run/x\x00", "Cx", "C\x004",
	"Hmail.example.net\x00", "H", "M<a@example.net>\x00SIZE=1\x00REQUIRETLS\x00", "M", "M<>\x00", "R", "R", "R", "R", "R",
	"T", "LX-TLS-Policy\x00pass\x00", "LAuthentication-Results\x00tls.example.com; x-tls=pass\x00", "LContent-Type\x00application/pkcs7-mime; smime-type=enveloped-data\x00",
	"LContent-Type\x00multipart/mixed; boundary=b\x00", "L", "L\x00\x00", "Lname", "N", "B", "B--b\r\n\r\n", "B\x00", "E", "E", "Eleft over", "A", "K", "UFOO\x00", "U",
	"DMj\x00mx\x00{tls_version}\x00TLSv1.3\x00{cipher}\x00TLS_AES_256_GCM_SHA384\x00{verify}\x00OK\x00{cert_subject}\x00+0D+0A\x00",
	"DMj\x00mx\x00{tls_version}\x00TLSv1.3\x00{tls_version}\x00\x00{tls_version}\x00none\x00{verify}\x00FAIL\x00{verify}\x00OK\x00", "DMj\x00mx\x00",
	"DHj\x00{tls_version}\x00TLSv1\x00", "DC{tls_version}\x00TLSv1.2\x00v\x00Postfix 3.7.11\x00", "DCv\x008.17.1.9\x00{if_addr}\x00x\x00{daemon_port}\x0099999\x00",
	"DRi\x00ABC\x00", "DEi\x00ABC\x00i", "DM\x00\x00\x00\x00\x00", "DMj", "D", "DM", "DZj\x00mx\x00", "DE" + strings.Repeat("{x}\x00y\x00", 10<<10), "DM" + strings.Repeat("z", 64<<10),
	"Z", "Q",
}

// sequence is one under way.
type sequence struct {
	t    *testing.T
	w    *wire
	gate *moodyGate

	noHeaderReply bool
	tellsData     bool
	canHold       bool
	saidTLS       bool // by a macro since the last CONNECT
	recipients    int
	let           []string // recipients of this transaction that were let through
	held          []string // those of them for whom the message is to be quarantined
	noData        string   // the last reply that refused DATA
}

// perform sends one frame and checks what comes of it. It says whether the
// connection goes on.
func (s *sequence) perform(op string, mood byte) bool {
	command, content := op[0], op[1:]
	if command == cmdRcpt {
		s.recipients++
		content = fmt.Sprintf("<r%d.%d.%d@example.com>\x00", s.recipients, int(mood)%len(moods), int(mood)/len(moods)%len(endMoods))
	}
	s.w.send(command, content)
	switch {
	case command == cmdQuit, command == 'Z', command == cmdNegotiate && len(content) < termsSize, op == "Cx", op == "C\x004":
		s.w.closed()
		return false
	case command == cmdNegotiate:
		s.negotiated()
	case command == cmdMacro:
		s.saidTLS = s.saidTLS || strings.Contains(content, "{tls_version}")
	case command == cmdAbort:
		s.let = nil
	case command == cmdQuitNC:
		s.let, s.saidTLS = nil, false
	case command == cmdHeader && s.noHeaderReply:
	default:
		s.replied(command, mailaddr.Path(strings.TrimSuffix(content, "\x00")), s.w.await())
	}
	for _, q := range s.gate.take() {
		s.t.Errorf("%q: the gate is asked for %+v", op, q)
	}
	return true
}

func (s *sequence) negotiated() {
	code, content, err := s.w.receive()
	agreed, ok := parseTerms([]byte(content))
	if err != nil || code != cmdNegotiate || !ok {
		s.t.Fatalf("negotiation: %q %q %v", code, content, err)
	}
	s.noHeaderReply = agreed.protocol&milter.OptNoHeaderReply != 0
	s.tellsData = agreed.version >= 4
	s.canHold = agreed.actions&milter.OptQuarantine != 0
}

// replied checks the reply to a command.
func (s *sequence) replied(command byte, address string, a answer) {
	if len(a.changes) > 0 && command != cmdEnd {
		s.t.Errorf("%q: changes %q", command, a.changes)
	}
	asked := s.gate.take()
	for _, q := range asked {
		if q.encrypted && !s.saidTLS {
			s.t.Errorf("%q: TLS is known, and was not said", command)
		}
	}
	switch command {
	case cmdRcpt:
		s.rcpt(address, asked, a)
		return
	case cmdData:
		s.data(asked, a)
		return
	case cmdEnd:
		s.end(asked, a)
		s.let = nil
		return
	case cmdConnect:
		s.let, s.saidTLS = nil, false
	case cmdHelo, cmdMail:
		s.let = nil
	case cmdBody:
		if a.reply == "s" {
			a.reply = "c"
		}
	}
	if a.reply != "c" || len(asked) > 0 {
		s.t.Errorf("%q: reply %q, asked %v", command, a.reply, asked)
	}
}

// rcpt: who the gate refuses is refused.
func (s *sequence) rcpt(address string, asked []question, a answer) {
	if len(asked) != 1 || asked[0].atEnd && s.tellsData || asked[0].recipient != address {
		s.t.Fatalf("RCPT %s: asked %+v", address, asked)
	}
	if a.reply == "c" {
		s.let = append(s.let, address)
		if asked[0].answer == "hold" {
			s.held = append(s.held, address)
		}
	}
	if !s.tellsData && asked[0].answer == "hold" && strings.HasPrefix(a.reply, "451 4.3.5 ") {
		return
	}
	if refused := a.reply != "c" && !strings.HasPrefix(a.reply, "452 4.5.3 "); refused != asked[0].refuses() {
		s.t.Errorf("RCPT: %+v is answered with %q", asked[0], a.reply)
	}
}

// data: whoever waits is decided there or at the end of the message, and a refusal
// stands if DATA comes again.
func (s *sequence) data(asked []question, a answer) {
	refused := false
	for _, q := range asked {
		if !q.atEnd || !slices.Contains(s.let, q.recipient) {
			s.t.Errorf("DATA: asked %+v, let through were %q", q, s.let)
		}
		refused = refused || q.refuses()
		if q.answer == "hold" {
			s.held = append(s.held, q.recipient)
		}
	}
	held := slices.ContainsFunc(s.let, func(r string) bool { return slices.Contains(s.held, r) })
	switch {
	case a.reply == "c" && !refused:
	case a.reply != "c" && refused:
		s.noData = a.reply
	case len(asked) == 0 && a.reply == s.noData, held && strings.HasPrefix(a.reply, "451 4.3.5 "):
	default:
		s.t.Errorf("DATA: asked %+v, held for %q, reply %q", asked, s.held, a.reply)
	}
}

// end: only those count who were let through, and whoever of them is refused
// now is refused with all.
func (s *sequence) end(asked []question, a answer) {
	hold, refused := false, false
	for _, q := range asked {
		if !q.atEnd || !slices.Contains(s.let, q.recipient) {
			s.t.Errorf("end of message: asked %+v, let through were %q", q, s.let)
		}
		refused = refused || q.refuses()
		hold = hold || q.answer == "hold"
	}
	for _, r := range s.let {
		hold = hold || slices.Contains(s.held, r)
	}
	refused = refused || hold && !s.canHold
	if refused != (a.reply != "c") {
		s.t.Errorf("end of message: asked %+v, reply %q", asked, a.reply)
	}
	for _, c := range a.changes {
		_, r, found := strings.Cut(c, "; ")
		switch {
		case c[0] == 'q' && !hold, c[0] == 'i' && (!found || !slices.Contains(s.let, r)):
			s.t.Errorf("end of message: change %q, let through were %q", c, s.let)
		case refused:
			s.t.Errorf("end of message: change %q of a message that is refused", c)
		}
	}
}

// FuzzSequences plays sequences of frames in any order, to a gate in all moods.
// Each frame that is to be answered is answered once, or the connection ends
// where it has to; and see the checks above. In the end nothing is left.
func FuzzSequences(f *testing.F) {
	at := func(op string) byte { return byte(slices.Index(operations, op)) }
	usual := []byte{0, 0, at(operations[0]), 0, 4, 0, 10, 0, at("DMj\x00mx\x00"), 0, 12, 0}
	f.Add(slices.Concat(usual, []byte{at("R"), 10, at("R"), 10 + 12*3, 21, 0, 22, 0, 23, 0, at("B"), 0, at("E"), 0}))
	f.Add(slices.Concat(usual, []byte{at("R"), 5, at("R"), 1, at("R"), 10, at("E"), 0, at("K"), 0, 4, 0, at("R"), 3, at("E"), 0, at("Q"), 0}))
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		seed := make([]byte, 100)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	var library bytes.Buffer
	log.SetOutput(&library)
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		gate := &moodyGate{}
		if len(script) > 0 {
			gate.panics = []string{"", "", "begin", "end", "close"}[script[0]%5]
		}
		gate.policy = rules.New(rules.Config{AuthservID: "tls.example.com", Rules: []*rules.Rule{
			ruleOf("tag", &rules.Profile{Name: "any-tls"}, rules.Tag), ruleOf("hold", &rules.Profile{Name: "any-tls"}, rules.Quarantine),
		}})
		if len(script) > 1 && script[1]%2 == 0 {
			gate.policy = policyFrom(t, "[tag]\nauthserv_id = \"tls.example.com\"\non = \"all\"\n"+encryptedItself)
		}
		playSequence(t, gate, script)
		if library.Len() > 0 {
			t.Fatalf("the library logged %q", library.String())
		}
	})
}

func playSequence(t *testing.T, gate *moodyGate, script []byte) {
	s, ln := New(Config{Gate: gate, OnFailure: rules.Defer, Log: (&logBuffer{}).logger()}), newPipes()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	seq := &sequence{t: t, w: newWire(t, ln.dial()), gate: gate}
	for len(script) >= 2 && !t.Failed() && seq.perform(operations[int(script[0])%len(operations)], script[1]) {
		script = script[2:]
	}
	seq.w.conn.Close()
	if _, _, err := seq.w.receive(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("after all: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; err != nil || len(s.conns) > 0 || len(s.listeners) > 0 {
		t.Errorf("%d connections and %d listeners are left, %v", len(s.conns), len(s.listeners), err)
	}
}
