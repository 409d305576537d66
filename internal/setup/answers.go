package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"
)

// question is put to a front end at an address, to see that it is alive: where
// systemd holds the sockets, one that does not run is connected to as well.
type question struct {
	Address
	front string
}

// startFor is how long an answer may take before a change: the daemon may have to be started first.
const startFor = 15 * time.Second

// What is asked, and how an answer begins. The milter is asked for its options
// (SMFIC_OPTNEG of version 6, all actions and steps; libmilter/mfdef.h of Sendmail),
// the policy service about a state in which nothing is judged (SMTPD_POLICY_README).
const (
	milterAsked  = "\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"
	milterAnswer = "O" // behind four octets of length
	policyAsked  = "request=smtpd_access_policy\nprotocol_state=VRFY\n\n"
	policyAnswer = "action="
)

// answers says why nothing can be asked at an address, or does not answer in time.
func (q question) answers(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := q.ask(ctx)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be asked by this user: %w", q, err)
	}
	if err != nil {
		return fmt.Errorf("nothing answers at %s: %w", q, err)
	}
	return nil
}

func (q question) ask(ctx context.Context) error {
	network, address := "tcp", net.JoinHostPort(q.Host, q.Port)
	if q.Path != "" {
		network, address = "unix", q.Path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	asked, skip, want := milterAsked, 4, []byte(milterAnswer)
	if q.front == Policy {
		asked, skip, want = policyAsked, 0, []byte(policyAnswer)
	}
	if _, err = io.WriteString(conn, asked); err != nil {
		return err
	}
	got := make([]byte, skip+len(want))
	if _, err = io.ReadFull(conn, got); err != nil {
		return errors.Join(err, ctx.Err())
	}
	if !bytes.Equal(got[skip:], want) {
		return fmt.Errorf("what is there is no %s", map[string]string{Milter: "milter", Policy: "policy service"}[q.front])
	}
	return nil
}
