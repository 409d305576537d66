package mtatest

import (
	"fmt"
	"io"
	"net"
	"sync"

	"tlswarden/internal/testkit"
)

// Forwarder stands at an address that does not change and passes connections
// on to whichever daemon is under test. A mail server is started once and
// keeps that address; daemons come and go behind it.
//
// Postfix's smtpd(8) keeps its policy connection open from one session to the
// next, and sleeps for a second if it finds it closed (SMTPD_POLICY_README).
// The forwarder therefore keeps that connection too when the daemon is
// replaced, and opens a new one to the next daemon when the next request
// comes. Within one daemon's time it closes what the daemon closes.
type Forwarder struct {
	listener net.Listener
	group    sync.WaitGroup

	mu      sync.Mutex
	backend string
	turn    int                   // counts daemons
	clients map[net.Conn]net.Conn // to the connection to the daemon, or nil
}

// StartForwarder listens on a free port. Without a backend it accepts and closes.
func StartForwarder() (*Forwarder, error) {
	var listener net.Listener
	for tries := 0; listener == nil; tries++ {
		address, err := testkit.FreeAddress("127.0.0.1")
		if err != nil {
			return nil, err
		}
		// Another program may have taken the port meanwhile.
		if listener, err = net.Listen("tcp", address); err != nil && tries == maxTries {
			return nil, fmt.Errorf("forwarder: %w", err)
		}
	}
	f := &Forwarder{listener: listener, clients: map[net.Conn]net.Conn{}}
	f.group.Go(f.accept)
	return f, nil
}

// maxTries is how many ports are tried besides the first.
const maxTries = 20

// Address is where the mail server connects to.
func (f *Forwarder) Address() string { return f.listener.Addr().String() }

// SetBackend makes address, or with "" nobody, the daemon. Connections to
// the one before are closed.
func (f *Forwarder) SetBackend(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backend = address
	f.turn++
	for client, daemon := range f.clients {
		if daemon != nil {
			_ = daemon.Close() // ends its copying; nobody waits for what it said
			f.clients[client] = nil
		}
	}
}

// Stop closes everything.
func (f *Forwarder) Stop() {
	_ = f.listener.Close() // it only stops accepting
	f.SetBackend("")
	f.mu.Lock()
	for client := range f.clients {
		_ = client.Close() // ends its serve
	}
	f.mu.Unlock()
	f.group.Wait()
}

func (f *Forwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return // Stop closed the listener
		}
		f.mu.Lock()
		f.clients[client] = nil
		f.mu.Unlock()
		f.group.Go(func() { f.serve(client) })
	}
}

// serve copies what client says to the daemon of the moment.
func (f *Forwarder) serve(client net.Conn) {
	defer f.forget(client)
	data := make([]byte, 64<<10)
	for {
		quickAck(client)
		n, err := client.Read(data)
		if err != nil {
			return
		}
		daemon, err := f.daemonOf(client)
		if err != nil {
			return
		}
		if _, err := daemon.Write(data[:n]); err != nil {
			return
		}
	}
}

// daemonOf is the connection to the daemon that belongs to client's, made if there is none.
func (f *Forwarder) daemonOf(client net.Conn) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if daemon := f.clients[client]; daemon != nil {
		return daemon, nil
	}
	daemon, err := net.Dial("tcp", f.backend)
	if err != nil {
		return nil, err
	}
	f.clients[client] = daemon
	turn := f.turn
	f.group.Go(func() {
		_, _ = io.Copy(client, daemon) // either side may close at any time
		_ = daemon.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.turn == turn {
			_ = client.Close() // as the daemon of the moment did
		}
	})
	return daemon, nil
}

func (f *Forwarder) forget(client net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if daemon := f.clients[client]; daemon != nil {
		_ = daemon.Close() // the mail server closed its end
	}
	delete(f.clients, client)
	_ = client.Close()
}
