package policyd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tlswarden/rules"
)

// poison is text that must not get out of a reply's line as it is.
const poison = "250 ok\r\n\r\naction=OK\n\n%s%n\x00\x1b[2J\xff"

// wildGate opens transactions that do anything.
type wildGate struct {
	mu     sync.Mutex
	dice   *rand.Rand
	opened int
	closed int
	faults []string // of the server
}

func (g *wildGate) roll(n int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dice.IntN(n)
}

func (g *wildGate) maybePanic(where string) {
	if g.roll(8) == 0 {
		panic(where + " " + poison)
	}
}

func (g *wildGate) Open() Transaction {
	if g.roll(8) == 0 {
		return nil
	}
	g.maybePanic("open")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened++
	return &wildTransaction{wildGate: g}
}

type wildTransaction struct {
	*wildGate
	over bool
}

func (tx *wildTransaction) Policy() *rules.Policy { return nil }
func (tx *wildTransaction) Begin()                { tx.use(); tx.maybePanic("begin") }
func (tx *wildTransaction) End(string)            { tx.use(); tx.maybePanic("end") }

func (tx *wildTransaction) Close() {
	tx.use()
	tx.over = true
	tx.mu.Lock()
	tx.closed++
	tx.mu.Unlock()
	tx.maybePanic("close")
}

func (tx *wildTransaction) use() {
	if tx.over {
		tx.mu.Lock()
		defer tx.mu.Unlock()
		tx.faults = append(tx.faults, "a transaction is used after its end")
	}
}

func (tx *wildTransaction) Decide(*rules.Session, rules.FieldSet, string) (rules.Decision, error) {
	tx.use()
	tx.maybePanic("decide")
	d := rules.Decision{ID: poison}
	switch tx.roll(8) {
	case 0:
		return d, errors.New(poison)
	case 1:
		d.Pending = true
		return d, nil
	}
	d.Action = rules.Action(tx.roll(int(rules.Reject) + 1))
	d.Rule = &rules.Rule{Name: strings.Repeat(poison, tx.roll(20))}
	d.Reply = rules.Reply{Code: tx.roll(700), Status: []string{"", "4.7.0", "5.7.0", poison}[tx.roll(4)], Text: strings.Repeat(poison, tx.roll(20))}
	if tx.roll(2) == 0 {
		d.Stamp = []string{"pass; ", "fail; "}[tx.roll(2)] + strings.Repeat(poison, tx.roll(20))
		d.Results = []string{"", strings.Repeat(poison, 1+tx.roll(20))}[tx.roll(2)]
	}
	return d, nil
}

// message is what a model of the server knows of one instance.
type message struct {
	name           string
	holds, headers int
	refused        map[string]string // by request
}

// sequence plays a dialogue on several connections, one request at a time.
type sequence struct {
	t        *testing.T
	server   *Server
	clients  [4]*client
	messages []*message // as many as the server remembers, the latest first
}

// roomFor is how many instances the server remembers.
const roomFor = 3

// of finds what is known of a request's instance.
func (q *sequence) of(instance string) *message {
	i := slices.IndexFunc(q.messages, func(m *message) bool { return processOf(m.name) == processOf(instance) })
	m := &message{name: instance, refused: map[string]string{}}
	if i >= 0 {
		if q.messages[i].name == instance {
			m = q.messages[i]
		}
		q.messages = slices.Delete(q.messages, i, i+1)
	}
	if instance != "" {
		q.messages = slices.Insert(q.messages, 0, m)
		q.messages = q.messages[:min(len(q.messages), roomFor)]
	}
	return m
}

// check checks a reply to a request by what is known.
func (q *sequence) check(a ask, action string) {
	q.t.Helper()
	if !replyForm.MatchString("action=" + action + "\n\n") {
		q.t.Errorf("%v: reply %q", a, action)
	}
	st := stageOf(a.state)
	if st == stageNone {
		if action != dunno {
			q.t.Errorf("%v: reply %q", a, action)
		}
		return
	}
	m := q.of(a.instance)
	switch word, _, _ := strings.Cut(action, " "); word {
	case "HOLD":
		m.holds++
	case "PREPEND":
		m.headers++
		if st == stageEnd {
			q.t.Errorf("%v: reply %q", a, action)
		}
	}
	if m.holds > 1 || m.headers > 4 {
		q.t.Errorf("instance %s was held %d times and has %d headers", m.name, m.holds, m.headers)
	}
	text := a.String()
	if before := m.refused[text]; before != "" && before != action {
		q.t.Errorf("%v: first %q, then %q", a, before, action)
	}
	if action[0] == '4' || action[0] == '5' {
		m.refused[text] = action
	}
}

func (q *sequence) client(i int) *client {
	if q.clients[i] == nil {
		q.clients[i] = dial(q.t, q.server)
	}
	return q.clients[i]
}

// leave ends a connection.
func (q *sequence) leave(i int) {
	q.client(i).net.Close()
	q.clients[i] = nil
	synctest.Wait()
}

// askOf makes a request of three numbers.
func askOf(a, b, c byte) ask {
	states := []string{"RCPT", "DATA", "END-OF-MESSAGE", "RCPT", "MAIL", "CONNECT", "BDAT", "VRFY", ""}
	instances := []string{"1a.1", "1a.2", "1b.1", "1c.1", "2d.1", "2d.2", "", "odd"}
	more := []string{"", "", "", "encryption_protocol=", "queue_id=ABC", "sender=x%s", "ccert_subject=+0D+0Aa", "stress=yes stress=no"}
	m := more[int(c>>2)%len(more)]
	if strings.HasPrefix(m, "sender") { // which is there already
		m = "etrn_domain=%s"
	}
	return ask{states[int(a)%len(states)], instances[int(b)%len(instances)], string('a'+rune(c%4)) + "@b.example", m}
}

// step plays one step of four numbers.
func (q *sequence) step(kind, a, b, c byte) {
	i, r := int(kind>>4)%len(q.clients), askOf(a, b, c)
	cl := q.client(i)
	switch kind % 16 {
	default:
		q.check(r, cl.ask(r))
	case 10: // two at once
		next := askOf(b, a, c)
		go io.WriteString(cl.net, r.String()+next.String())
		q.check(r, cl.reply())
		q.check(next, cl.reply())
	case 11: // what cannot be read
		go io.WriteString(cl.net, "junk\n\n"+r.String())
		cl.closed()
		q.leave(i)
	case 12: // two values
		go io.WriteString(cl.net, strings.TrimSuffix(r.String(), "\n")+"helo_name=other\n\n")
		cl.closed()
		q.leave(i)
	case 13: // half a request
		text := r.String()
		cl.send(text[:int(c)*(len(text)-1)/256])
		q.leave(i)
	case 14: // the same, and then nothing
		cl.send("request=smtpd_access_policy\nsend")
		time.Sleep(31 * time.Second)
		cl.closed()
		q.leave(i)
	case 15:
		q.leave(i)
	}
}

// FuzzSequence plays dialogues of several processes on several connections, with
// a gate that does anything. Each request that can be read has one reply of a form
// that Postfix can read, no refusal is taken back, no message is held twice or
// has too many headers, and nothing is left after the end.
func FuzzSequence(f *testing.F) {
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		steps := make([]byte, 4*(10+5*i))
		for j := range steps {
			if steps[j] = byte(dice.Uint32()); i%2 == 1 && j%4 == 2 {
				steps[j] = 0 // one instance
			}
		}
		f.Add(uint64(i), steps)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps []byte) {
		synctest.Test(t, func(t *testing.T) { playSequence(t, seed, steps) })
	})
}

func playSequence(t *testing.T, seed uint64, steps []byte) {
	g := &wildGate{dice: rand.New(rand.NewPCG(seed, 0))}
	s := New(Config{Gate: g, OnFailure: rules.Action(seed % 2 * uint64(rules.Defer)), Log: slog.New(slog.NewTextHandler(&logBuffer{}, nil))})
	s.instances = newInstances(roomFor)
	q := &sequence{t: t, server: s}
	for ; len(steps) >= 4 && !t.Failed(); steps = steps[4:] {
		q.step(steps[0], steps[1], steps[2], steps[3])
		if n := s.instances.latest.Len(); n > roomFor {
			t.Fatalf("%d instances", n)
		}
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if len(s.conns) > 0 || s.instances.latest.Len() > 0 || g.opened != g.closed {
		t.Errorf("left are %d connections, %d instances, %d transactions", len(s.conns), s.instances.latest.Len(), g.opened-g.closed)
	}
	for _, fault := range g.faults {
		t.Error(fault)
	}
}
