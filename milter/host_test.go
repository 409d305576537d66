package milter

import (
	"net"
	"net/netip"
	"testing"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// hostGate tells of each transaction whose mail server it is with.
type hostGate struct {
	policyGate
	hosts chan rules.Host
}

func (g hostGate) Open() Transaction      { return g }
func (g hostGate) Begin(s *rules.Session) { g.hosts <- s.Host() }

// TestHost shows how the gate hears whose mail server it is.
func TestHost(t *testing.T) {
	libraryLog(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := hostGate{hosts: make(chan rules.Host, 1)}
	go New(Config{Gate: g}).Serve(ln, mailaddr.Server{})
	defer ln.Close()
	for _, c := range []struct {
		from, atConnect, atMail string
		want                    rules.Host
	}{
		{"127.0.0.1", "", "", rules.Host{}},
		{"127.0.0.1", "a.example.com", "", rules.Host{Name: "a.example.com"}},
		{"127.0.0.1", "a.example.com", "b.example.com", rules.Host{Name: "b.example.com"}},
		{"127.0.0.2", "", "b.example.com", rules.Host{Address: netip.MustParseAddr("127.0.0.2"), Name: "b.example.com"}},
	} {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
		nc, err := d.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		w := newWire(t, nc)
		w.negotiate(offer())
		for _, e := range []struct {
			command       byte
			name, content string
		}{{cmdConnect, c.atConnect, "unknown\x00U"}, {cmdMail, c.atMail, cstrings("<a@example.net>")}} {
			if e.name != "" {
				w.send(cmdMacro, string(e.command)+cstrings("j", e.name))
			}
			w.send(e.command, e.content)
			w.await()
		}
		if got := <-g.hosts; got != c.want {
			t.Errorf("from %s, j is %q at CONNECT and %q at MAIL: %+v, want %+v", c.from, c.atConnect, c.atMail, got, c.want)
		}
		nc.Close()
	}
}
