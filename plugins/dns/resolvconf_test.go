package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tlswarden/internal/testkit"
)

// confFile is a resolv.conf that is looked at anew for each question.
func confFile(t *testing.T, port, text string) (*resolvConf, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	c := &resolvConf{path: filepath.Join(t.TempDir(), "resolv.conf"), port: port, log: log}
	c.write(t, text)
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	return c, log
}

func (c *resolvConf) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(c.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.lookNow()
}

func (c *resolvConf) lookNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

// TestResolvConfParsed shows which lines of the file count.
func TestResolvConfParsed(t *testing.T) {
	yes, no := true, false
	usual := func(servers ...server) upstream {
		return upstream{servers: servers, rounds: 2, wait: 5 * time.Second}
	}
	local, remote := server{"127.0.0.1:53", true}, server{"192.0.2.1:53", false}
	for _, c := range []struct {
		text    string
		trustAD *bool
		want    upstream
		err     string
	}{
		{"nameserver 127.0.0.1\nnameserver 192.0.2.1\n", nil, usual(local, remote), ""},
		{"# x\n; nameserver 192.0.2.9\nsearch corp.example\nnameserver\t::1 \r\n", nil, usual(server{"[::1]:53", true}), ""},
		{"nameserver fe80::1%eth0", nil, usual(server{"[fe80::1%eth0]:53", false}), ""},
		{"nameserver dns.example\nnameserver 192.0.2.1", nil, usual(remote), ""},
		{"nameserver 192.0.2.1\noptions edns0 trust-ad", nil, usual(server{"192.0.2.1:53", true}), ""},
		{"nameserver 192.0.2.1\noptions trust-ad", &no, usual(remote), ""},
		{"nameserver 192.0.2.1", &yes, usual(server{"192.0.2.1:53", true}), ""},
		{"nameserver 192.0.2.1\n# options trust-ad\nsearch trust-ad\n", nil, usual(remote), ""},
		{"options timeout:1 attempts:4 rotate\nnameserver 192.0.2.1", nil, upstream{[]server{remote}, 4, time.Second, true}, ""},
		{"options timeout:99 attempts:99\noptions rotate\nnameserver 192.0.2.1", nil, upstream{[]server{remote}, 5, 30 * time.Second, true}, ""},
		{"options timeout:0 attempts:x\nnameserver 192.0.2.1", nil, upstream{[]server{remote}, 1, time.Second, false}, ""},
		{"", nil, upstream{}, "/etc/x names none"},
		{"nameserver dns.example", nil, upstream{}, `/etc/x names none: "dns.example" is no IP address, nor one with a port`},
	} {
		got, err := (&resolvConf{path: "/etc/x", port: "53", trustAD: c.trustAD}).parse([]byte(c.text))
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err || err == nil && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v; want %+v, %s", c.text, got, err, c.want, c.err)
		}
	}
}

// TestResolvConfChanges shows that the file is read again when it has changed, and that
// the name servers from before are asked where it is not in order, which is told once.
func TestResolvConfChanges(t *testing.T) {
	z := serve(t, records)
	_, port, _ := net.SplitHostPort(z.address)
	c, log := confFile(t, port, "nameserver 127.0.0.1\n")
	p := &publisher{resolver: &resolver{conf: c}, timeout: testkit.Patience}
	const away = "nameserver 127.0.0.2\noptions attempts:1 timeout:1\n" // where nobody listens
	for i, step := range []struct {
		text     string // "same": as it was; "": it is gone
		answered bool
		dane     bool
		logged   string
	}{
		{"same", true, true, ""},
		{away, false, false, ""},
		{"same", false, false, ""},
		{"nameserver 127.0.0.1\n", true, true, ""},
		{"# nobody\n", true, true, "names none; the name servers from before are asked"},
		{"same", true, true, ""},
		{"", true, true, "no such file"},
		{"", true, true, ""},
		{"nameserver 127.0.0.1\noptions timeout:3 trust-ad\n", true, true, ""},
		{"nameserver ::ffff:127.0.0.1\n", true, true, ""},
		{away + "nameserver 127.0.0.1\n", true, true, ""},
	} {
		log.Reset()
		switch step.text {
		case "same":
			c.lookNow()
		case "":
			_ = os.Remove(c.path)
			c.lookNow()
		default:
			c.write(t, step.text)
		}
		a, err := p.resolver.ask(deadline(t), "_mta-sts.all.example.", dns.TypeTXT)
		if answered := err == nil && len(a.records) == 1; answered != step.answered || (log.Len() == 0) != (step.logged == "") || !strings.Contains(log.String(), step.logged) {
			t.Errorf("step %d: %v, %v, %q; want %v, %q", i, a, err, log, step.answered, step.logged)
		}
		if f := p.dane(deadline(t), "all.example"); (f.value == true) != step.dane {
			t.Errorf("step %d: dane is %v, %v; want %v", i, f.value, f.err, step.dane)
		}
	}
	c.write(t, "nameserver 192.0.2.1\n")
	log.Reset()
	if up := p.resolver.now(); up.trustsAny() || log.String() != untrusted+"\n" {
		t.Errorf("%+v, %q", up, log)
	}
}

// TestLookedAtOnce shows that the file is not read for each question.
func TestLookedAtOnce(t *testing.T) {
	c, _ := confFile(t, "53", "nameserver 127.0.0.1\n")
	if err := os.WriteFile(c.path, []byte("nameserver 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.looked = time.Now().Add(time.Hour) // it was, just now
	c.mu.Unlock()
	if up := c.read(); up.servers[0].address != "127.0.0.1:53" {
		t.Errorf("%+v", up)
	}
}

// TestAttempts shows that each name server is asked as often as the file says, and that
// they take turns if it says so.
func TestAttempts(t *testing.T) {
	one, two := serve(t, records), serve(t, records)
	p := publisherOf(one, two)
	p.resolver.rounds = 3
	for _, z := range []*zone{one, two} {
		z.oddly("_mta-sts.all.example.", dns.TypeTXT, code(dns.RcodeServerFailure))
	}
	if _, err := p.resolver.ask(deadline(t), "_mta-sts.all.example.", dns.TypeTXT); err == nil || one.asked.Load() != 3 || two.asked.Load() != 3 {
		t.Errorf("%v, %d and %d questions", err, one.asked.Load(), two.asked.Load())
	}
	p.resolver.rotate = true
	for range 10 {
		if _, err := p.resolver.ask(deadline(t), "_smtp._tls.all.example.", dns.TypeTXT); err != nil {
			t.Error(err)
		}
	}
	if one.asked.Load() != 8 || two.asked.Load() != 8 {
		t.Errorf("%d and %d questions", one.asked.Load(), two.asked.Load())
	}
}

// TestAbsolute shows that a name is resolved as it is, with nothing put behind it.
func TestAbsolute(t *testing.T) {
	for address, want := range map[string]string{
		"mta-sts.bank.example:443":  "mta-sts.bank.example.:443",
		"mta-sts.bank.example.:443": "mta-sts.bank.example.:443",
		"192.0.2.1:443":             "192.0.2.1:443",
		"[2001:db8::1]:443":         "[2001:db8::1]:443",
	} {
		if got := absolute(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestSearchList shows that the host of a policy is not looked for in the domains of the
// search list, where somebody else could have such a name. Go's resolver takes that from
// /etc/resolv.conf alone, so that the test has one of its own.
func TestSearchList(t *testing.T) {
	const variable = "DNS_TEST_SERVER"
	if address := os.Getenv(variable); address != "" { // within
		p := publisherOf(&zone{address: address})
		_, err := newFetcher(p.resolver.dial, nil).fetch(deadline(t), "none.example")
		if err == nil || !strings.Contains(err.Error(), "no such host") {
			t.Error(err)
		}
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can mount another /etc/resolv.conf")
	}
	z := serve(t, "mta-sts.none.example.corp.example. 900 A 127.0.0.1")
	conf, _ := confFile(t, "53", "nameserver 127.0.0.1\nsearch corp.example\noptions ndots:9\n")
	c := exec.Command("unshare", "--mount", "sh", "-ec", `mount --bind "$0" /etc/resolv.conf; exec "$1" -test.run '^TestSearchList$'`, conf.path, os.Args[0])
	c.Env = append(os.Environ(), variable+"="+z.address)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if z.asked.Load() == 0 {
		t.Error("nothing was asked")
	}
}
