package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// Socket is a listening socket that the service manager passed. Its file, if it
// has one, belongs to the manager and stays when the socket is closed.
type Socket struct {
	net.Listener
	Name string // FileDescriptorName=, by default the name of the socket unit
}

// String names the socket as an administrator would look for it.
func (s Socket) String() string { return fmt.Sprintf("%s (%s)", s.Addr(), s.Name) }

// Sockets takes over all sockets that were passed to this process. If one of
// them is of no use, none is taken over.
func Sockets() ([]Socket, error) {
	var sockets []Socket
	var failed error
	for _, f := range activation.Files(true) {
		s, err := listener(f)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("the socket %s of the service manager: %w", f.Name(), err))
		} else {
			sockets = append(sockets, s)
		}
		f.Close()
	}
	if failed != nil {
		Close(sockets)
		return nil, failed
	}
	return sockets, nil
}

// Close closes sockets that are not wanted.
func Close(sockets []Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// listener makes a listener of a descriptor, of which it takes a copy.
func listener(f *os.File) (Socket, error) {
	listening, err := option(f, syscall.SO_ACCEPTCONN)
	if err != nil {
		return Socket{}, err
	}
	kind, err := option(f, syscall.SO_TYPE)
	if err != nil {
		return Socket{}, err
	}
	if listening == 0 || kind != syscall.SOCK_STREAM {
		return Socket{}, errors.New("it is no listening stream socket; use ListenStream= and Accept=no")
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return Socket{}, err
	}
	return Socket{Listener: ln, Name: f.Name()}, nil
}

// option reads an option of a socket.
func option(f *os.File, name int) (value int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	fail := raw.Control(func(fd uintptr) {
		value, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, name)
	})
	return value, errors.Join(fail, err)
}
