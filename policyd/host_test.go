package policyd

import (
	"net"
	"path/filepath"
	"testing"

	"tlswarden/rules"
)

// hostGate tells of each session whose mail server it is with.
type hostGate struct {
	benchGate
	hosts chan rules.Host
}

func (g hostGate) Open() Transaction { return g }
func (g hostGate) Decide(s *rules.Session, later rules.FieldSet, ref string) (rules.Decision, error) {
	g.hosts <- s.Host()
	return g.benchGate.Decide(s, later, ref)
}

// TestHost shows how the gate hears whose mail server it is: by where the
// connection comes from.
func TestHost(t *testing.T) {
	for _, c := range []struct {
		listen, from string
		want         rules.Host
	}{
		{"tcp", "127.0.0.1", rules.Host{}},
		{"tcp", "127.0.0.2", rules.Host{Address: addr("127.0.0.2")}},
		{"unix", "", rules.Host{}},
	} {
		at := "127.0.0.1:0"
		var d net.Dialer
		if c.listen == "unix" {
			at = filepath.Join(t.TempDir(), "socket")
		} else {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.from)}
		}
		ln, err := net.Listen(c.listen, at)
		if err != nil {
			t.Fatal(err)
		}
		hosts := make(chan rules.Host, 1)
		s, _, _ := testServer(t, func(config *Config) {
			config.Gate = hostGate{benchGate{config.Gate.(*testGate)}, hosts}
		})
		go s.Serve(ln, Postfix{})
		nc, err := d.Dial(c.listen, ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, nc).ask(ask{"RCPT", "1a.1", "a@b.example", ""})
		if got := <-hosts; got != c.want {
			t.Errorf("over %s from %q: %+v, want %+v", c.listen, c.from, got, c.want)
		}
		nc.Close()
		ln.Close()
	}
}
