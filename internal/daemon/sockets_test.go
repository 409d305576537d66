package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/systemd"
	"tlswarden/rules"
)

// at is a listener of which only the address matters.
type at struct{ addr net.Addr }

func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
func (a at) Addr() net.Addr            { return a.addr }

// TestAssign shows which passed sockets are taken for which addresses.
func TestAssign(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("run", filepath.Join(dir, "var-run")); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "run", "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, test := range []struct {
		listen []string // of the configuration
		passed string   // socket addresses
		want   string   // the index of the address for each socket, in brackets those that are unnamed, or the error
	}{
		{[]string{"inet:127.0.0.1:1", "inet:127.0.0.1:2"}, "127.0.0.1:2 127.0.0.1:1", "1 0"},
		{[]string{"inet:127.0.0.1:1", "inet:127.0.0.1:2"}, "127.0.0.1:2", "1"},
		{[]string{"inet:localhost:1"}, "127.0.0.1:1", "0"},
		{[]string{"inet:[::1]:1"}, "[::1]:1", "0"},
		{[]string{"inet:[0:0:0:0:0:0:0:1]:1"}, "[::1]:1", "0"},
		{[]string{"inet:127.0.0.1:1"}, "[::ffff:127.0.0.1]:1", "0"},
		{[]string{"inet:0.0.0.0:1"}, "[::]:1", "0"},
		{[]string{"inet:[::]:1"}, "0.0.0.0:1 [::]:1", "0 0"},
		{[]string{"inet:0.0.0.0:1", "inet:[::]:1"}, "[::]:1 0.0.0.0:1", "1 0"},
		{[]string{"inet:127.0.0.1:1", "inet:0.0.0.0:2"}, "127.0.0.1:1 0.0.0.0:1", "0 [0.0.0.0:1]"},
		{[]string{"inet:0.0.0.0:1"}, "127.0.0.1:1", "[127.0.0.1:1]"},
		{[]string{"inet:127.0.0.1:1"}, "127.0.0.1:2 127.0.0.1:3", "[127.0.0.1:2] [127.0.0.1:3]"},
		{[]string{"inet:no-such-host.invalid:1"}, "127.0.0.1:1", "cannot listen on inet:no-such-host.invalid:1"},
		{[]string{"unix:/run/x/../y"}, "/run/y", "0"},
		{[]string{"unix:var-run/s"}, dir + "/run/s", "0"},
		{[]string{"unix:/run/y"}, "@/run/y", "[@/run/y]"},
		{[]string{"unix:/run/y", "inet:127.0.0.1:1"}, "/run/z", "[/run/z]"},
	} {
		c := Config{File: filepath.Join(dir, "tlswarden.toml")}
		var addresses []Listen
		for _, s := range test.listen {
			l, err := c.parseListen(s)
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, l)
		}
		var passed []systemd.Socket
		for s := range strings.FieldsSeq(test.passed) {
			addr := net.Addr(&net.UnixAddr{Name: s, Net: "unix"})
			if tcp, err := net.ResolveTCPAddr("tcp", s); err == nil {
				addr = tcp
			}
			passed = append(passed, systemd.Socket{Listener: at{addr}, Name: s + ".socket"})
		}
		out, unnamed, err := assign(addresses, passed)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, passed %s: %v", test.listen, test.passed, err)
			}
			continue
		}
		var got []string
		for _, s := range passed {
			for i, lns := range out {
				for _, ln := range lns {
					if ln == net.Listener(s) {
						got = append(got, fmt.Sprint(i))
					}
				}
			}
		}
		for _, s := range unnamed {
			got = append(got, "["+s.Addr().String()+"]")
		}
		if g := strings.Join(got, " "); g != test.want {
			t.Errorf("%v, passed %s: %q, want %q", test.listen, test.passed, g, test.want)
		}
	}
}

// TestOpenAll shows that what was not passed is opened, and that nothing stays
// open after an error.
func TestOpenAll(t *testing.T) {
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	ln, err := net.Listen("unix", one)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addresses := []Listen{{Network: "unix", Address: one, Mode: 0o600}, {Network: "unix", Address: other, Mode: 0o600}}
	out, _, err := openAll(addresses, []systemd.Socket{{Listener: ln, Name: "one.socket"}})
	if err != nil {
		t.Fatal(err)
	}
	if out[0][0].Addr().String() != one || out[1][0].Addr().String() != other {
		t.Errorf("%v", out)
	}
	out[1][0].Close()
	addresses = append(addresses, Listen{Network: "unix", Address: filepath.Join(dir, "no", "dir")})
	if _, _, err := openAll(addresses, []systemd.Socket{{Listener: ln, Name: "one.socket"}}); err == nil || !strings.HasPrefix(err.Error(), "cannot listen on unix:"+dir+"/no/dir: ") {
		t.Error(err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a socket is left behind")
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the passed socket is open")
	}
}

// TestOwner shows that a socket is given to its owner and group, and that it is
// open to nobody before.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := listenClosed(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0 {
		t.Errorf("before it is given away: %v %v", info.Mode(), err)
	}
	if mask := syscall.Umask(0o022); mask == 0o777 {
		t.Errorf("the process keeps the mask %o", mask)
	} else {
		syscall.Umask(mask)
	}
	ln.Close()
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 1234, 4321
	}
	l := Listen{Network: "unix", Address: path, Mode: 0o620, Owner: fmt.Sprint(uid), Group: fmt.Sprint(gid)}
	if ln, err = l.open(); err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != uid || int(s.Gid) != gid || info.Mode().Perm() != 0o620 {
		t.Errorf("owner %d, group %d, mode %v", s.Uid, s.Gid, info.Mode())
	}
	nobody := Listen{Network: "unix", Address: path + "2", Mode: 0o600, Owner: "no-such-user"}
	if _, err := nobody.open(); err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("an owner that does not exist: %v", err)
	}
	if _, err := os.Stat(nobody.Address); err == nil {
		t.Error("a socket is left behind")
	}
	byName := Listen{Network: "unix", Address: path + "3", Mode: 0o600, Owner: "root", Group: "root"}
	if os.Getuid() == 0 {
		ln, err := byName.open()
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}

// TestNeedsRestart shows which keys a reload does not change, and that it keeps
// them.
func TestNeedsRestart(t *testing.T) {
	running, _ := LoadConfig("")
	for name, change := range map[string]func(*Config){
		"milter":     func(c *Config) { c.Milter = nil },
		"policy":     func(c *Config) { c.Policy = []Listen{{Network: "unix"}} },
		"milter max": func(c *Config) { c.MilterMax++ },
		"policy max": func(c *Config) { c.PolicyMax-- },
		"proxied":    func(c *Config) { c.Policy[0].Proxied = true },
		"log":        func(c *Config) { c.Log.Syslog = true },
		"on_failure": func(c *Config) { c.OnFailure = rules.Accept },
		"plugins":    func(c *Config) { c.Plugins = []Plugin{{}} },
	} {
		next, _ := LoadConfig("")
		if !next.sameAtStart(&running) {
			t.Fatal("nothing has changed")
		}
		change(&next)
		if next.sameAtStart(&running) {
			t.Errorf("%s: the change goes unnoticed", name)
		}
		next.keepFromStart(&running)
		if !next.sameAtStart(&running) {
			t.Errorf("%s: the change is not kept away", name)
		}
	}
}

// TestOnlyPassed shows that an address that is to be passed is served if it is,
// left out if it is not, and that a daemon with nothing to listen on does not start.
func TestOnlyPassed(t *testing.T) {
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	passed := []Listen{{Network: "unix", Address: one, Passed: true}}
	if _, _, err := openAll(passed, nil); err != errNothing {
		t.Errorf("nothing passed: %v", err)
	}
	both := append(passed, Listen{Network: "unix", Address: other, Mode: 0o600})
	out, _, err := openAll(both, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := addresses(both, out); got != "unix:"+other {
		t.Errorf("without a socket: %s", got)
	}
	out[1][0].Close()
	ln, err := net.Listen("unix", one)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err = openAll(passed, []systemd.Socket{{Listener: ln, Name: "one.socket"}}); err != nil {
		t.Fatal(err)
	}
	defer out[0][0].Close()
	if got := addresses(passed, out); got != "unix:"+one {
		t.Errorf("with a socket: %s", got)
	}
}
