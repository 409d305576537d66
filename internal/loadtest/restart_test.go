package loadtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"tlswarden/internal/testkit"
)

// passed are sockets as a service manager holds them: it listens, and never
// accepts.
type passed struct {
	listeners []net.Listener
	files     []*os.File
}

func (p *passed) add(t *testing.T, network, address string) string {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		ln.Close()
	})
	p.listeners = append(p.listeners, ln)
	p.files = append(p.files, f)
	return ln.Addr().String()
}

// options start a daemon with the sockets. LISTEN_PID is the number of the
// process that reads it, which only that process knows.
func (p *passed) options(config string) options {
	return options{
		config: config,
		shell:  "export LISTEN_PID=$$;",
		env:    []string{fmt.Sprintf("LISTEN_FDS=%d", len(p.files)), "LISTEN_FDNAMES=one.socket:two.socket:three.socket"},
		files:  p.files,
	}
}

// TestRestart shows that a restart under a service manager loses no request:
// every connection is made, every first request on it is answered, connections
// end between requests only, and a mail transaction that was begun is finished.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	program(t) // before there are clients, who wait for so long only
	socket := filepath.Join(dir, "policy")
	var sockets passed
	milterAt := sockets.add(t, "tcp", "127.0.0.1:0")
	policyAt := sockets.add(t, "tcp", "127.0.0.1:0")
	sockets.add(t, "unix", socket)
	if err := os.Chmod(socket, 0o606); err != nil {
		t.Fatal(err)
	}
	o := sockets.options(fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n[policy]\nlisten = [\"inet:%s\", \"unix:policy\"]\n[log]\nlevel = \"warning\"\n", milterAt, policyAt))

	var stopped atomic.Bool
	var clients sync.WaitGroup
	var asked, messages, closes atomic.Int64
	for i := range 8 {
		network, address := "tcp", policyAt
		if i%2 == 0 {
			network, address = "unix", socket
		}
		clients.Go(func() {
			for n := 0; !stopped.Load(); n++ {
				if err := askSome(network, address, i<<24+n, &asked); errors.Is(err, errClosed) {
					closes.Add(1)
				} else if err != nil {
					t.Errorf("policy client %d: %v", i, err)
				}
			}
		})
	}
	for i := range 4 {
		clients.Go(func() {
			for !stopped.Load() {
				if err := sendSome(milterAt, &messages); errors.Is(err, errClosed) {
					closes.Add(1)
				} else if err != nil {
					t.Errorf("milter client %d: %v", i, err)
				}
			}
		})
	}
	for range 6 {
		p := launch(t, dir, o)
		a, m := asked.Load(), messages.Load()
		if !testkit.Await(func() bool { return asked.Load() > a+300 && messages.Load() > m+50 || t.Failed() }) {
			t.Errorf("%d requests, %d messages:\n%s", asked.Load(), messages.Load(), p.log)
		}
		p.stop()
	}
	p := launch(t, dir, o)
	if a := asked.Load(); !testkit.Await(func() bool { return asked.Load() > a }) {
		t.Errorf("the last daemon answers nothing:\n%s", p.log)
	}
	stopped.Store(true)
	clients.Wait()
	p.stop()
	t.Logf("%d requests, %d messages, %d closes between requests", asked.Load(), messages.Load(), closes.Load())
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o606 {
		t.Errorf("the socket of the service manager: %v %v", info, err)
	}
}

// askSome asks a few times over one connection. The first must be answered.
func askSome(network, address string, id int, asked *atomic.Int64) error {
	a, err := askAt(network, address, id)
	if err != nil {
		return fmt.Errorf("no connection: %w", err)
	}
	defer a.close()
	for i := range 7 {
		if err := a.ask(); i == 0 && err != nil {
			return fmt.Errorf("the first request: %v", err) // not errClosed
		} else if err != nil {
			return err
		}
		asked.Add(1)
	}
	return nil
}

// sendSome sends a few messages over one connection. The negotiation must be
// answered.
func sendSome(address string, messages *atomic.Int64) error {
	m, err := dialMilter("tcp", address)
	if err != nil {
		return fmt.Errorf("no negotiation: %v", err) // not errClosed
	}
	defer m.close()
	if err := m.connect(); err != nil {
		return err
	}
	for range 3 {
		if err := m.message(2); err != nil {
			return err
		}
		messages.Add(1)
	}
	return m.send('Q', "")
}

// TestStrangeSocket shows that the daemon names a socket that no listen entry names,
// closes the connections to it, and serves the others.
func TestStrangeSocket(t *testing.T) {
	var sockets passed
	at := sockets.add(t, "tcp", "127.0.0.1:0")
	strange := sockets.add(t, "tcp", "127.0.0.1:0")
	p := start(t, t.TempDir(), sockets.options(fmt.Sprintf("[policy]\nlisten = [\"inet:%s\"]\n", at)))
	p.wait("the service manager passed a socket that no listen entry names")
	p.wait(strange + " (two.socket)")
	for id, address := range []string{strange, at, strange} {
		a, err := askAt("tcp", address, id+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.ask(); address == at && err != nil || address == strange && !errors.Is(err, errClosed) {
			t.Errorf("at %s: %v", address, err)
		}
		a.close()
	}
	p.stop()
}

// TestUselessSocket shows that what does not listen is refused by name.
func TestUselessSocket(t *testing.T) {
	var sockets passed
	at := sockets.add(t, "tcp", "127.0.0.1:0")
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	f, err := packets.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sockets.files = append(sockets.files, f)
	p := launch(t, t.TempDir(), sockets.options(fmt.Sprintf("[policy]\nlisten = [\"inet:%s\"]\n", at)))
	p.wait("the socket two.socket of the service manager: it is no listening stream socket; use ListenStream= and Accept=no")
	<-p.done
}

// TestDrain shows that a mail transaction that was begun is finished after
// SIGTERM, and the policy service answered as long, while the next connection is
// refused, and that the daemon then ends.
func TestDrain(t *testing.T) {
	milterAt, policyAt := freePort(t), freePort(t)
	p := start(t, t.TempDir(), options{config: fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n[policy]\nlisten = [\"inet:%s\"]\n", milterAt, policyAt)})
	a, err := askAt("tcp", policyAt, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	m, err := dialMilter("tcp", milterAt)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if err := errors.Join(a.ask(), m.connect(), m.message(1), m.mail(false)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.wait("msg=stopping")
	if !testkit.Await(func() bool {
		c, err := net.Dial("tcp", milterAt)
		if err == nil {
			c.Close()
		}
		return err != nil
	}) {
		t.Error("connections are still accepted")
	}
	if err := a.ask(); err != nil { // as Postfix does within the transaction
		t.Errorf("the policy service after SIGTERM: %v", err)
	}
	if err := m.rest(false, 3); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if code, content, err := m.receive(); !errors.Is(err, errClosed) {
		t.Errorf("after the message came %q %q %v", code, content, err)
	}
	if line, err := a.in.ReadString('\n'); line != "" || err == nil {
		t.Errorf("an idle policy connection got %q, %v", line, err)
	}
	p.ended()
	if n := p.log.count("recipient=anna2@example.com"); n != 1 {
		t.Errorf("%d decisions about the last recipient:\n%s", n, p.log)
	}
}
