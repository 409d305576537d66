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
	ln, err := net.Listen("unix", l.Address)
	if err != nil {
		return nil, err
	}
	if err := l.own(); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
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

// own sets group and mode of the socket file: who may write to it may connect.
func (l Listen) own() error {
	if l.Group != "" {
		gid, err := groupID(l.Group)
		if err != nil {
			return err
		}
		if err := os.Chown(l.Address, -1, gid); err != nil {
			return err
		}
	}
	return os.Chmod(l.Address, l.Mode)
}

func groupID(name string) (int, error) {
	if gid, err := strconv.Atoi(name); err == nil {
		return gid, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
