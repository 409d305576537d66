package daemon

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/policyd"
	"tlswarden/rules/rulefile"
)

// BenchmarkPolicy measures all that the daemon does for a policy request, without
// the kernel's part: each begins a new mail transaction, is decided and logged.
// The floor reads requests by the line and answers; no policy server can do with
// less. What the kernel does for each over TCP takes longer than either.
func BenchmarkPolicy(b *testing.B) {
	requests := policyRequests(10_000)
	b.Run("floor", func(b *testing.B) {
		c := &memoryConn{requests: requests, left: b.N}
		b.ReportAllocs()
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 1 {
				io.WriteString(c, "action=DUNNO\n\n")
			}
		}
	})
	b.Run("daemon", func(b *testing.B) {
		rule := rulefile.Source{Name: "rules.toml", Data: []byte("[[rule]]\nname = \"everyone\"\nrequire = \"rfc8996\"\notherwise = \"tag\"\n")}
		log := slog.New(slog.DiscardHandler)
		lines := gate.NewBatch(io.Discard, func(uint64) []byte { return nil })
		defer lines.Close()
		g := gate.New(gate.Config{Log: log, Decisions: lines})
		g.SetPolicy(rulefile.Load([]rulefile.Source{rule}, rulefile.Options{}).Policy)
		s := policyd.New(policyd.Config{Gate: policyGate{g}, Log: log})
		done := make(chan struct{})
		b.ReportAllocs()
		b.ResetTimer()
		go s.Serve(&oneConn{conn: &memoryConn{requests: requests, left: b.N, closed: done}}, policyd.Postfix{})
		<-done
	})
}

// policyRequests returns requests as Postfix sends them, each of another smtpd
// process: the costliest case, if there are more than are remembered.
// One in five is of a session without TLS.
func policyRequests(n int) [][]byte {
	var requests [][]byte
	for i := range n {
		encryption := "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\n"
		if i%5 == 0 {
			encryption = "encryption_protocol=\nencryption_cipher=\nencryption_keysize=0\n"
		}
		domain := fmt.Sprintf("d%d.example.net", i)
		requests = append(requests, fmt.Appendf(nil, `request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=198.51.%d.%d
client_name=mx.%s
client_port=%d
reverse_client_name=mx.%s
server_address=127.0.0.1
server_port=25
helo_name=mx.%s
sender=u%d@%s
recipient=r%d@example.com
recipient_count=0
queue_id=
instance=%x.637ccf80.%x.0
size=12345
etrn_domain=
stress=
sasl_method=
sasl_username=
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
%spolicy_context=
compatibility_level=3.6
mail_version=3.7.11

`, i/256%256, i%256, domain, 1024+i, domain, domain, i%1000, domain, i%500, 1000+i, i, encryption))
	}
	return requests
}

// oneConn is a listener to which one connection comes.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	c := l.conn
	l.conn = nil
	if c == nil {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// memoryConn has so many requests left, one a read, and drops the replies.
type memoryConn struct {
	net.Conn
	requests [][]byte
	left     int
	closed   chan struct{}
}

func (c *memoryConn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	c.left--
	return copy(p, c.requests[c.left%len(c.requests)]), nil
}

func (c *memoryConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *memoryConn) Close() error                     { close(c.closed); return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
func (c *memoryConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
