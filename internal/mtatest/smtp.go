package mtatest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/testkit"
)

// Reply is an SMTP reply (RFC 5321 section 4.2).
type Reply struct {
	// Code is the reply code, 0 if the server closed the connection instead.
	Code int
	// Status is the enhanced status code of the last line, "" without one (RFC 2034).
	Status string
	// Text is the text of all lines, without codes, separated by "\n".
	Text string
}

// Positive says whether the server did, or is ready to do, what it was asked.
func (r Reply) Positive() bool { return r.Code >= 200 && r.Code < 400 }

// String is the reply as a case file would expect it.
func (r Reply) String() string {
	if r.Code == 0 {
		return "closed"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, strings.TrimSpace(r.Status+" "+r.Text)))
}

// Client is an SMTP client that does what it is told, in any order, and
// writes down the dialogue.
type Client struct {
	conn   net.Conn
	lines  *bufio.Reader
	record func(line string)
}

// Dial connects. Each line sent and received goes to record, which may be nil,
// as "C: ..." and "S: ...", what happens besides as "-- ...". ctx ends the dialogue.
func Dial(ctx context.Context, address string, record func(line string)) (*Client, error) {
	if record == nil {
		record = func(string) {}
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	record("-- connected to " + address)
	return &Client{conn: conn, lines: bufio.NewReader(conn), record: record}, nil
}

// Close drops the connection without QUIT.
func (c *Client) Close() error { return c.conn.Close() }

// Greeting reads a reply that no command asked for, as after connecting.
func (c *Client) Greeting() (Reply, error) { return c.reply() }

// Command sends one line and reads its reply.
func (c *Client) Command(line string) (Reply, error) {
	c.record("C: " + line)
	return c.exchange(line + "\r\n")
}

func (c *Client) exchange(data string) (Reply, error) {
	if err := c.wait(); err != nil {
		return Reply{}, err
	}
	if _, err := io.WriteString(c.conn, data); err != nil {
		return Reply{}, fmt.Errorf("write to server: %w", err)
	}
	return c.reply()
}

// wait bounds the next exchange by more than any timeout of a front end, so that
// those are seen to act.
func (c *Client) wait() error { return c.conn.SetDeadline(time.Now().Add(testkit.Patience)) }

// StartTLS sends STARTTLS and, if the server is ready, does the handshake.
func (c *Client) StartTLS(config *tls.Config) (Reply, error) {
	reply, err := c.Command("STARTTLS")
	if err != nil || reply.Code != 220 {
		return reply, err
	}
	return reply, c.Handshake(config)
}

// Handshake does the TLS handshake, for servers that expect it at once.
func (c *Client) Handshake(config *tls.Config) error {
	if err := c.wait(); err != nil {
		return err
	}
	secure := tls.Client(c.conn, config)
	if err := secure.Handshake(); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	state := secure.ConnectionState()
	c.record(fmt.Sprintf("-- %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)))
	c.conn, c.lines = secure, bufio.NewReader(secure)
	return nil
}

// AuthPlain logs in (RFC 4616).
func (c *Client) AuthPlain(user, password string) (Reply, error) {
	response := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	return c.Command("AUTH PLAIN " + response)
}

// Data sends DATA and, if the server is ready, the message with its closing
// dot. Lines of the message end in "\n" or "\r\n". It returns the last reply.
func (c *Client) Data(message string) (Reply, error) {
	reply, err := c.Command("DATA")
	if err != nil || reply.Code != 354 {
		return reply, err
	}
	var b strings.Builder
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, "\r\n")
		c.record("C: " + line)
		if strings.HasPrefix(line, ".") {
			b.WriteByte('.') // RFC 5321 section 4.5.2
		}
		b.WriteString(line + "\r\n")
	}
	c.record("C: .")
	return c.exchange(b.String() + ".\r\n")
}

// replyLine is one line of a reply: code, separator, enhanced status code, text.
var replyLine = regexp.MustCompile(`^([2-5][0-9]{2})([ -]?)(?:([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$))?(.*)$`)

// reply reads one reply of up to 100 lines. A connection that the server
// closed gives the zero Reply.
func (c *Client) reply() (Reply, error) {
	if err := c.wait(); err != nil {
		return Reply{}, err
	}
	var reply Reply
	var texts []string
	for range 100 {
		line, err := c.lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" && texts == nil {
			c.record("-- closed by the server")
			return Reply{}, nil
		}
		if err != nil {
			return Reply{}, fmt.Errorf("read reply after %q: %w", line, err)
		}
		line = strings.TrimRight(line, "\r\n")
		c.record("S: " + line)
		match := replyLine.FindStringSubmatch(line)
		if match == nil {
			return Reply{}, fmt.Errorf("not a reply: %q", line)
		}
		texts = append(texts, match[4])
		if match[2] != "-" {
			reply.Code, err = strconv.Atoi(match[1])
			reply.Status, reply.Text = match[3], strings.Join(texts, "\n")
			return reply, err
		}
	}
	return Reply{}, errors.New("reply of more than 100 lines")
}
