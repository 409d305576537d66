package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tlswarden/internal/systemd"
)

// resolveFor bounds how long the names of addresses are looked up at the start.
const resolveFor = 10 * time.Second

// errNothing keeps a daemon from running that nobody could reach.
var errNothing = errors.New("there is nothing to listen on: all listen entries have passed = true, and the service manager passed no socket")

// openAll opens addresses. Where the service manager passed sockets for one, they
// are taken over instead, so that one configuration works with and without it. An
// address that is to be passed, and is not, is left out. Passed sockets for no
// address are unnamed.
func openAll(addresses []Listen, passed []systemd.Socket) (out [][]net.Listener, unnamed []systemd.Socket, err error) {
	out, unnamed, err = assign(addresses, passed)
	if err != nil {
		systemd.Close(passed)
		return nil, nil, err
	}
	for i, at := range addresses {
		if len(out[i]) > 0 || at.Passed {
			continue
		}
		ln, err := at.open()
		if err != nil {
			for _, lns := range out {
				for _, ln := range lns {
					ln.Close()
				}
			}
			systemd.Close(unnamed)
			return nil, nil, fmt.Errorf("cannot listen on %s: %w", at, err)
		}
		out[i] = []net.Listener{ln}
	}
	if !slices.ContainsFunc(out, func(lns []net.Listener) bool { return len(lns) > 0 }) {
		systemd.Close(unnamed)
		return nil, nil, errNothing
	}
	return out, unnamed, nil
}

// turnAway closes the connections to a socket that no listen entry names. Else its
// clients would wait for ever, since the service manager keeps it open.
func turnAway(s systemd.Socket) {
	for {
		c, err := s.Accept()
		switch {
		case err == nil:
			_ = c.Close()
		case errors.Is(err, net.ErrClosed):
			return
		default: // too many open files, or the like: it passes
			time.Sleep(time.Second)
		}
	}
}

// assign gives each passed socket to the address that names it, if one does.
func assign(addresses []Listen, passed []systemd.Socket) (out [][]net.Listener, unnamed []systemd.Socket, failed error) {
	out = make([][]net.Listener, len(addresses))
	if len(passed) == 0 {
		return out, nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveFor)
	defer cancel()
	resolved := make([][]netip.AddrPort, len(addresses))
	for i, at := range addresses {
		var err error
		if resolved[i], err = at.resolve(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("cannot listen on %s: %w", at, err))
		}
	}
	for _, s := range passed {
		i := find(addresses, resolved, s.Addr())
		if i < 0 {
			unnamed = append(unnamed, s)
			continue
		}
		out[i] = append(out[i], s)
	}
	return out, unnamed, failed
}

// resolve looks up what an inet address stands for.
func (l Listen) resolve(ctx context.Context) ([]netip.AddrPort, error) {
	if l.Network != "tcp" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(number)))
	}
	return out, nil
}

// find returns the index of the address that names a socket, -1 if none does. All
// wildcards of one port are one address, if no better is there: 0.0.0.0 and [::]
// alike listen for both families here.
func find(addresses []Listen, resolved [][]netip.AddrPort, socket net.Addr) int {
	wildcard := -1
	for i, at := range addresses {
		switch a := socket.(type) {
		case *net.UnixAddr:
			if at.Network == "unix" && samePath(at.Address, a.Name) {
				return i
			}
		case *net.TCPAddr:
			to := a.AddrPort()
			for _, r := range resolved[i] {
				if r == netip.AddrPortFrom(to.Addr().Unmap(), to.Port()) {
					return i
				}
				if wildcard < 0 && r.Port() == to.Port() && r.Addr().IsUnspecified() && to.Addr().IsUnspecified() {
					wildcard = i
				}
			}
		}
	}
	return wildcard
}

// samePath says whether two paths are one file: /run and /var/run often are.
func samePath(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
