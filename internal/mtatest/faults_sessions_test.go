package mtatest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"tlswarden/internal/testkit"
)

// cut is one session that is cut off: by a client that leaves without a word, or
// by the end of the daemon.
type cut struct {
	front  string
	after  string // the step done last before the cut
	client bool   // the client leaves; else the daemon is killed
}

func (c cut) String() string {
	who := "daemon"
	if c.client {
		who = "client"
	}
	return strings.ReplaceAll(fmt.Sprintf("%s.%s.%s", c.front, who, c.after), " ", "-")
}

// The steps of such a session. It is in plaintext, and has a recipient for whom
// the message is tagged, and one for whom the rules refuse it.
const (
	afterConnect = "connect"
	afterEHLO    = "ehlo"
	afterMAIL    = "mail"
	afterTagged  = "rcpt tagged"
	afterStrict  = "rcpt strict"
	afterDATA    = "data"
	afterHalf    = "half"
	afterDot     = "dot" // the client has sent all, but not read the reply
)

// sessionsCut cuts a session off at each of its steps, behind each front end.
func sessionsCut(r *rig) {
	r.warm()
	var cuts []cut
	for _, front := range r.fronts() {
		for _, after := range []string{afterConnect, afterEHLO, afterMAIL, afterTagged, afterStrict, afterDATA, afterHalf, afterDot} {
			cuts = append(cuts, cut{front, after, true})
			if after != afterDot {
				cuts = append(cuts, cut{front, after, false})
			}
		}
	}
	last := map[cut]Reply{}
	for _, c := range cuts {
		last[c] = r.cutSession(c)
		if r.daemon == nil {
			r.start(nil)
			r.warm()
		}
	}
	r.warm()
	delivered, err := r.postfix.Delivered(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range cuts {
		line, _, _ := strings.Cut(summary(last[c], nil), "\n")
		r.t.Logf("%-27s %s", c, line)
		c.check(r, last[c], delivered)
	}
	r.staleRequests()
	report(r.t, complaints(r.postfix.Log()))
}

// staleRequests shows that a policy request whose asker has given up takes
// nothing from the one with which Postfix asks again: the tag is given to it.
func (r *rig) staleRequests() {
	r.freeze()
	var again []net.Conn
	for i := range 10 {
		request := fmt.Sprintf("request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nqueue_id=\n"+
			"instance=abc%d.5f.0\nhelo_name=client.example.org\nsender=stale@example.org\nrecipient=tagged.stale.%d@%s\n"+
			"client_address=192.0.2.1\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n\n", i, i, Domain)
		for try := range 2 {
			conn, err := net.Dial("tcp", r.hooks.Policy)
			if err != nil {
				r.t.Fatal(err)
			}
			_, err = io.WriteString(conn, request)
			if try == 0 {
				err = errors.Join(err, conn.Close())
			} else {
				again = append(again, conn)
			}
			if err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.signal(syscall.SIGCONT)
	for i, conn := range again {
		_ = conn.SetReadDeadline(time.Now().Add(testkit.Patience))
		action, err := bufio.NewReader(conn).ReadString('\n')
		if want := "action=PREPEND X-TLS-Policy: " + loadTag + "\n"; action != want || err != nil {
			r.t.Errorf("asked again, request %d gets %q (%v), expected %q", i, action, err, want)
		}
		_ = conn.Close()
	}
}

// cutSession holds a session up to its end, its cut, or the first deferral. It
// returns the last reply.
func (r *rig) cutSession(c cut) Reply {
	address, err := r.postfix.Address("smtp", c.front)
	if err != nil {
		r.t.Fatal(err)
	}
	smtp, err := Dial(r.t.Context(), address, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = smtp.Close() }()
	command := func(line string) func() (Reply, error) {
		return func() (Reply, error) { return smtp.Command(line) }
	}
	send := func(text string) func() (Reply, error) {
		return func() (Reply, error) {
			_, err := io.WriteString(smtp.conn, strings.ReplaceAll(text, "\n", "\r\n"))
			return Reply{Code: 250}, err
		}
	}
	steps := []struct {
		name string
		do   func() (Reply, error)
	}{
		{afterConnect, smtp.Greeting},
		{afterEHLO, command("EHLO client.example.org")},
		{afterMAIL, command("MAIL FROM:<" + c.String() + "@example.org>")},
		{afterTagged, command("RCPT TO:<" + c.recipient("tagged") + ">")},
		{afterStrict, command("RCPT TO:<" + c.recipient("strict") + ">")},
		{afterDATA, command("DATA")},
		{afterHalf, send("Subject: " + c.String() + "\n\n" + strings.Repeat("half a message\n", 1000))},
		{afterDot, send("the other half\n.\n")},
		{"end", smtp.reply},
	}
	var reply Reply
	for _, step := range steps {
		if reply, err = step.do(); err != nil {
			r.t.Errorf("%s: %s: %v", c, step.name, err)
			return reply
		}
		if step.name == afterStrict && reply.Positive() {
			r.t.Errorf("%s: what the rules refuse got %s", c, reply)
		} else if step.name != afterStrict && !reply.Positive() {
			return reply
		}
		if step.name == c.after && c.client {
			return reply
		}
		if step.name == c.after {
			r.kill()
		}
	}
	return reply
}

func (c cut) recipient(kind string) string { return kind + "." + c.String() + "@" + Domain }

// check looks at the end of a session. Without its milter, Postfix takes no
// message; without the policy service, no recipient.
func (c cut) check(r *rig, last Reply, delivered map[string][]Message) {
	before := c.after == afterConnect || c.after == afterEHLO || c.after == afterMAIL
	taken := c.front == FrontPolicy && !before
	least, most := 0, 0
	switch {
	case c.client && c.after == afterDot: // it may be taken
		most = 1
	case c.client:
	case taken:
		least, most = 1, 1
		if last.Code != 250 {
			r.t.Errorf("%s: the message got %s", c, last)
		}
	case last.Code/100 != 4 || !explained.MatchString(summary(last, nil)):
		r.t.Errorf("%s: ended with %s", c, last)
	}
	got := delivered[c.recipient("tagged")]
	if len(got) < least || len(got) > most {
		r.t.Errorf("%s: %d messages delivered, expected %d to %d", c, len(got), least, most)
	}
	for _, message := range got {
		if tags := message.Values("X-TLS-Policy"); len(tags) != 1 || tags[0] != loadTag {
			r.t.Errorf("%s: has the tags %q", c, tags)
		}
	}
	if got := delivered[c.recipient("strict")]; len(got) > 0 {
		r.t.Errorf("%s: what the rules refuse was delivered", c)
	}
}
