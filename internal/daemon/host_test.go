package daemon

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/d--j/go-milter"
)

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// dialer connects from an address; without one it is for a unix-domain socket.
func dialer(from string) (network string, d *net.Dialer) {
	if from == "" {
		return "unix", &net.Dialer{}
	}
	return "tcp", &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
}

// TestFrontsMeet shows which milter and policy service are taken for those of one
// mail server: then the message is decided once, by the milter.
func TestFrontsMeet(t *testing.T) {
	milterPort, policyPort := freePort(t), freePort(t)
	r := start(t, "rules = [\"rules.toml\"]\n[milter]\nlisten = [\"unix:milter\", \"inet:"+milterPort+"\"]\n[policy]\nlisten = [\"unix:policy\", \"inet:"+policyPort+"\"]\n", ruleTag)
	address := func(from, port, socket string) string {
		if from == "" {
			return filepath.Join(r.dir, socket)
		}
		return port
	}
	pairs := []struct {
		milter, policy string
		meet           bool
	}{
		{"", "", true},
		{"", "127.0.0.1", true},
		{"127.0.0.1", "", true},
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.2", "127.0.0.2", true},
		{"", "127.0.0.2", false},
		{"127.0.0.2", "127.0.0.3", false},
	}
	for i, c := range pairs {
		port := 40000 + i
		network, d := dialer(c.milter)
		m, err := milter.NewClient(network, address(c.milter, milterPort, "milter"), milter.WithDialer(d)).Session(macrosOfMail())
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Conn("client.example.org", milter.FamilyInet, uint16(port), "198.51.100.7")
		if err == nil {
			_, err = m.Helo("client.example.org")
		}
		if err == nil {
			_, err = m.Mail("a@example.org", "")
		}
		if err != nil {
			t.Fatal(err)
		}
		network, d = dialer(c.policy)
		nc, err := d.Dial(network, address(c.policy, policyPort, "policy"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(nc, "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=%x.1.1\nclient_address=198.51.100.7\nclient_port=%d\nserver_address=192.0.2.25\nserver_port=25\n"+
			"sender=a@example.org\nrecipient=b@example.com\nencryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_128_GCM_SHA256\nencryption_keysize=128\n\n", i+1, port)
		if _, err := bufio.NewReader(nc).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		m.Close()
	}
	out := r.stop()
	for i, c := range pairs {
		if alone := strings.Contains(out, fmt.Sprintf(" front=policy pid=%d ", i+1)); alone == c.meet {
			t.Errorf("milter from %q, policy from %q: each decides alone: %v\n%s", c.milter, c.policy, alone, out)
		}
	}
}

func macrosOfMail() *milter.MacroBag {
	macros := milter.NewMacroBag()
	for name, value := range map[string]string{"j": "mx.example.com", "{daemon_addr}": "192.0.2.25", "{daemon_port}": "25",
		"{tls_version}": "TLSv1.3", "{cipher}": "TLS_AES_128_GCM_SHA256", "{cipher_bits}": "128"} {
		macros.Set(name, value)
	}
	return macros
}
