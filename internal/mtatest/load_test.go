package mtatest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tlswarden/internal/testkit"
)

// The bounds of a load.
const (
	loadClients = 12                     // for each front end
	loadMails   = 10                     // that a client brings, two more at most
	loadPause   = 250 * time.Millisecond // between two sessions, up to three times as long
)

// loadRules say what the end of each message is. Every recipient is a mailbox of
// its own, whose name begins with its kind.
const loadRules = `judge_local = true

[[rule]]
name      = "strict mailboxes"
when      = { recipient = "/^strict[.]/" }
require   = "any-tls"
otherwise = "reject"

[[rule]]
name      = "tagged mailboxes"
when      = { recipient = "/^tagged[.]/" }
require   = "any-tls"
otherwise = "tag"
tag       = "under load"
`

// loadTag is the tag of loadRules.
const loadTag = "fail; none; under load"

// loadMail is a message that is brought again, as a sender's queue would, until
// each recipient has it or refused it.
type loadMail struct {
	id       string
	tls      bool
	body     string
	pending  []string
	attempts []*loadAttempt
	refused  map[string]bool
	deferred map[string]bool // recipients that were deferred at least once
}

// loadAttempt is one transaction, which can be told from all others by its id:
// it is the sender's local part and the subject.
type loadAttempt struct {
	id      string
	offered []string // recipients named
	taken   []string // recipients that got a 2xx
	end     loadEnd
}

// loadEnd is what the client knows of a transaction's end.
type loadEnd int

const (
	notSent  loadEnd = iota // the message was refused, deferred, or never sent in full
	unknown                 // sent in full, and then no reply: may be delivered
	accepted                // with a 2xx
)

func (a *loadAttempt) sender() string { return a.id + "@example.org" }

// has says whether one of the recipients is of a kind.
func has(recipients []string, kind string) bool {
	return slices.ContainsFunc(recipients, func(r string) bool { return strings.HasPrefix(r, kind+".") })
}

// loadClient is one SMTP client with its own messages.
type loadClient struct {
	load    *load
	name    string
	tls     bool // of the next messages
	address string
	mails   []*loadMail
	replies map[string]int // replies that were not 2xx, without addresses
	wrong   []string       // replies that the rules do not explain
}

// load is all clients of all front ends at work.
type load struct {
	rig      *rig
	clients  map[string][]*loadClient // by front end
	group    sync.WaitGroup
	turns    atomic.Int64 // that the clients have had
	stopping atomic.Bool
}

// startLoad lets the clients of all front ends begin. The name sets their
// messages apart from those of other loads.
func (r *rig) startLoad(name string) *load {
	l := &load{rig: r, clients: map[string][]*loadClient{}}
	for _, front := range r.fronts() {
		address, err := r.postfix.Address("smtp", front)
		if err != nil {
			r.t.Fatal(err)
		}
		for i := range loadClients {
			client := &loadClient{load: l, name: fmt.Sprintf("%s.%s.%d", name, front, i), tls: i%2 == 0, address: address, replies: map[string]int{}}
			l.clients[front] = append(l.clients[front], client)
			l.group.Go(client.run)
		}
	}
	return l
}

// finish makes no more messages, and waits until the clients have brought theirs.
func (l *load) finish() {
	l.stopping.Store(true)
	l.group.Wait()
}

// rounds waits until there were as many turns as would be n of each client.
func (l *load) rounds(n int) { l.rig.t.Helper(); l.turn(n * loadClients * len(l.clients)) }

// turn waits until the clients have had n more turns together.
func (l *load) turn(n int) {
	l.rig.t.Helper()
	until := l.turns.Load() + int64(n)
	testkit.Until(l.rig.t, func() bool { return l.turns.Load() >= until }, "the clients have had %d more turns", n)
}

// run makes messages, and holds sessions until none is left to bring, or until it is
// clear that this is in vain.
func (c *loadClient) run() {
	var end time.Time
	for end.IsZero() || time.Now().Before(end) {
		switch stopping := c.load.stopping.Load(); {
		case stopping && end.IsZero():
			end = time.Now().Add(testkit.Patience)
		case !stopping && len(c.mails) < loadMails:
			for range 1 + rand.IntN(3) {
				c.mails = append(c.mails, c.newMail())
			}
			c.tls = !c.tls
		}
		batch := c.batch()
		if len(batch) == 0 && !end.IsZero() {
			return
		}
		if len(batch) > 0 {
			c.session(batch)
		}
		c.load.turns.Add(1)
		time.Sleep(loadPause + rand.N(2*loadPause)) // as a queue rests
	}
}

// recipientKinds are the recipients that messages have, in turn.
var recipientKinds = [][]string{
	{"open"}, {"tagged"}, {"strict"}, {"open", "tagged", "strict"}, {"strict", "open", "open"},
}

func (c *loadClient) newMail() *loadMail {
	n := len(c.mails)
	m := &loadMail{id: fmt.Sprintf("%s.%d", c.name, n), tls: c.tls, refused: map[string]bool{}, deferred: map[string]bool{}}
	for i, kind := range recipientKinds[(n/2)%len(recipientKinds)] {
		m.pending = append(m.pending, fmt.Sprintf("%s.%s.%d@%s", kind, m.id, i, Domain))
	}
	m.body = "short\n"
	if n%6 == 5 {
		m.body = strings.Repeat(strings.Repeat("long ", 15)+"\n", 800)
	}
	return m
}

// batch takes up to three messages that one session can bring, the oldest first.
func (c *loadClient) batch() []*loadMail {
	var batch []*loadMail
	for _, m := range c.mails {
		if len(m.pending) > 0 && len(batch) < 3 && (len(batch) == 0 || m.tls == batch[0].tls) {
			batch = append(batch, m)
		}
	}
	return batch
}

// session brings messages over one connection. What it cannot bring stays pending.
func (c *loadClient) session(batch []*loadMail) {
	smtp, ok := c.connect(batch[0].tls)
	if smtp != nil {
		defer func() { _ = smtp.Close() }() // the server may have closed first
	}
	for _, m := range batch {
		if !ok {
			m.postpone(m.pending)
			continue
		}
		ok = c.transaction(smtp, m)
	}
	if ok {
		_, _ = smtp.Command("QUIT") // all is done whatever the answer
	}
}

// connect makes a connection up to the point where mail can begin.
func (c *loadClient) connect(secure bool) (*Client, bool) {
	smtp, err := Dial(context.Background(), c.address, nil)
	if err != nil {
		c.replies["no connection"]++
		return nil, false
	}
	if reply, err := smtp.Greeting(); !c.fine(reply, err) {
		return smtp, false
	}
	if reply, err := smtp.Command("EHLO client.example.org"); !c.fine(reply, err) || !secure {
		return smtp, err == nil && reply.Positive()
	}
	config, err := TLSOptions{}.Config(c.load.rig.certs)
	if err != nil {
		c.wrong = append(c.wrong, err.Error())
		return smtp, false
	}
	if reply, err := smtp.StartTLS(config); !c.fine(reply, err) {
		return smtp, false
	}
	reply, err := smtp.Command("EHLO client.example.org")
	return smtp, c.fine(reply, err)
}

// fine notes a reply, and says whether it is positive.
func (c *loadClient) fine(reply Reply, err error) bool {
	if err == nil && reply.Positive() {
		return true
	}
	what := summary(reply, err)
	c.replies[what]++
	if !explained.MatchString(what) {
		c.wrong = append(c.wrong, "a reply that nothing here explains: "+what)
	}
	return false
}

// explained are the replies other than 2xx that clients may get: from the default
// actions of the shipped lines, from the rules, and from the safety catch. Without
// its milter, Postfix takes no STARTTLS.
var explained = regexp.MustCompile(`^(` +
	`451 4[.]7[.]1 Service unavailable - try again later` +
	`|454 4[.]3[.]0 Try again later` +
	`|450 4[.]7[.]1 ADDRESS: Recipient address rejected: Service unavailable` +
	`|(530 5|450 4)[.]7[.]0 (ADDRESS: Recipient address rejected: )?no encryption; this mail needs TLS, use STARTTLS` +
	`)$`)

// transaction tries to bring a message to its pending recipients. It says
// whether the connection can go on.
func (c *loadClient) transaction(smtp *Client, m *loadMail) bool {
	a := &loadAttempt{id: fmt.Sprintf("%s.%d", m.id, len(m.attempts)+1), offered: slices.Clone(m.pending)}
	m.attempts = append(m.attempts, a)
	if reply, err := smtp.Command("MAIL FROM:<" + a.sender() + ">"); !c.fine(reply, err) {
		c.unexpected(m, "", reply)
		m.postpone(m.pending)
		return alive(reply, err)
	}
	for _, recipient := range a.offered {
		reply, err := smtp.Command("RCPT TO:<" + recipient + ">")
		switch {
		case c.fine(reply, err):
			a.taken = append(a.taken, recipient)
		case reply.Code/100 == 5:
			c.unexpected(m, recipient, reply)
			m.refused[recipient] = true
			m.done(recipient)
		default:
			m.postpone([]string{recipient})
		}
		if !alive(reply, err) {
			m.postpone(m.pending)
			return false
		}
	}
	if len(a.taken) == 0 {
		reply, err := smtp.Command("RSET")
		return c.fine(reply, err)
	}
	return c.data(smtp, m, a)
}

// data sends the message for the recipients taken.
func (c *loadClient) data(smtp *Client, m *loadMail, a *loadAttempt) bool {
	reply, err := smtp.Command("DATA")
	if err == nil && reply.Code == 354 {
		text := "From: <" + a.sender() + ">\nSubject: " + a.id + "\n\n" + m.body + ".\n"
		if reply, err = smtp.exchange(strings.ReplaceAll(text, "\n", "\r\n")); err != nil || reply.Code == 0 {
			a.end = unknown
		}
	}
	if !c.fine(reply, err) {
		c.unexpected(m, "", reply)
		m.postpone(a.taken)
		if alive(reply, err) { // the transaction may still be open
			reply, err = smtp.Command("RSET")
		}
		return alive(reply, err)
	}
	a.end = accepted
	for _, recipient := range a.taken {
		m.done(recipient)
	}
	return true
}

// alive says whether the server still listens after a reply.
func alive(reply Reply, err error) bool {
	return err == nil && reply.Code != 0 && reply.Code != 421 // RFC 5321 section 3.8
}

// unexpected notes a refusal that the rules do not ask for. They refuse nothing
// but a strict mailbox in plaintext, and say why.
func (c *loadClient) unexpected(m *loadMail, recipient string, reply Reply) {
	due := has([]string{recipient}, "strict") && !m.tls && reply.Code == 530 &&
		reply.Status == "5.7.0" && strings.Contains(reply.Text, "no encryption")
	if reply.Code/100 == 5 && !due {
		c.wrong = append(c.wrong, fmt.Sprintf("%s (tls %v): %q was refused: %s", m.id, m.tls, recipient, reply))
	}
}

func (m *loadMail) postpone(recipients []string) {
	for _, recipient := range recipients {
		m.deferred[recipient] = true
	}
}

func (m *loadMail) done(recipient string) {
	m.pending = slices.DeleteFunc(m.pending, func(r string) bool { return r == recipient })
}

// summary is a reply, or what came instead, without addresses.
func summary(reply Reply, err error) string {
	if err != nil {
		return "connection lost"
	}
	text := reply.String()
	for {
		before, rest, found := strings.Cut(text, "<")
		_, after, closed := strings.Cut(rest, ">")
		if !found || !closed {
			return text
		}
		text = before + "ADDRESS" + after
	}
}
