package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// open listens on an address. A socket file that a dead process left behind is
// replaced; one on which somebody answers is not.
func (l Listen) open() (net.Listener, error) {
	if l.Network != "unix" {
		return net.Listen(l.Network, l.Address)
	}
	if err := removeStale(l.Address); err != nil {
		return nil, err
	}
	ln, err := listenClosed(l.Address)
	if err != nil {
		return nil, err
	}
	if err := l.own(); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// listenClosed makes a socket file that nobody may open yet. The other way, to
// make it elsewhere and to rename it, would leave a listener that goes by a wrong
// name and removes the wrong file at the end. The mask is that of the whole
// process, which makes no other file now: at the start it only listens.
func listenClosed(path string) (net.Listener, error) {
	mask := syscall.Umask(0o777)
	defer syscall.Umask(mask)
	return net.Listen("unix", path)
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("another process listens on %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// own gives the socket file to its owner and group, and only then opens it: whoever
// may write to it may connect.
func (l Listen) own() error {
	uid, err := lookup(l.Owner, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return err
	}
	gid, err := lookup(l.Group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	if err != nil {
		return err
	}
	return give(l.Address, uid, gid, l.Mode)
}

// lookup turns a name or a number into a number; no name is -1.
func lookup(name string, find func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	id, err := strconv.ParseUint(name, 10, 31)
	if err == nil {
		return int(id), nil
	}
	number, err := find(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(number)
}
