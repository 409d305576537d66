package loadtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tlswarden/internal/testkit"
)

// errClosed is a close between requests: nothing of an answer came.
var errClosed = errors.New("closed without an answer")

// asker is a client of the policy service, as an smtpd process is.
type asker struct {
	conn net.Conn
	in   *bufio.Reader
	id   int
	n    int
}

// askAt connects to a policy service; the id is unique in a test.
func askAt(network, address string, id int) (*asker, error) {
	c, err := net.DialTimeout(network, address, testkit.Patience)
	if err != nil {
		return nil, err
	}
	return &asker{conn: c, in: bufio.NewReader(c), id: id}, nil
}

func (a *asker) close() { a.conn.Close() }

// The questions, each with the answer that it must get.
var questions = []struct{ recipient, tls, want string }{
	{"anna@example.com", "", "action=PREPEND X-TLS-Policy: fail; none"},
	{"anna@example.com", overTLS, "action=DUNNO"},
	{"nobody@example.com", overTLS, "action=5"},
}

const overTLS = "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n"

// ask asks one of the questions and checks the answer.
func (a *asker) ask() error {
	q := questions[a.n%len(questions)]
	a.n++
	tls := q.tls
	if tls == "" {
		tls = "encryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n"
	}
	got, err := a.request(fmt.Sprintf("request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\ninstance=%x.%x.1.0\n"+
		"client_address=192.0.2.1\nclient_name=mail.example.org\nhelo_name=mail.example.org\nsender=a@example.org\nrecipient=%s\n%s\n", a.id, a.n, q.recipient, tls))
	if err == nil && !strings.HasPrefix(got, q.want) {
		err = fmt.Errorf("asked for %s, %q, answered %q", q.recipient, q.tls, got)
	}
	return err
}

// request sends the text of a request and reads its answer.
func (a *asker) request(text string) (string, error) {
	if err := a.conn.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(a.conn, text); err != nil {
		return "", closedBy(err)
	}
	line, err := a.in.ReadString('\n')
	if err != nil {
		if line == "" {
			return "", closedBy(err)
		}
		return "", fmt.Errorf("half an answer, %q: %w", line, err)
	}
	if end, err := a.in.ReadString('\n'); end != "\n" {
		return "", fmt.Errorf("answer %q without its end, %q: %v", line, end, err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// closedBy tells a close by the daemon from other errors.
func closedBy(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return errClosed
}
