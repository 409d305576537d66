package daemon

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/tomlfile"
)

// Listen is an address to listen on.
type Listen struct {
	Network string          // "tcp" or "unix"
	Address string          // host:port, or an absolute path
	Mode    fs.FileMode     // of a unix-domain socket
	Owner   string          // of a unix-domain socket, a name or number; "": that of the process
	Group   string          // the same
	Passed  bool            // served only if the service manager passes its socket
	Reads   mailaddr.Server // how the mail server that asks there reads addresses
	Proxied bool            // a service that asks there has smtpd_proxy_filter
}

// maxPath is the longest path of a unix-domain socket: sun_path of unix(7) has
// 108 bytes, the last of which is 0.
const maxPath = 107

// String renders the address as the configuration has it.
func (l Listen) String() string {
	if l.Network == "tcp" {
		return "inet:" + l.Address
	}
	return "unix:" + l.Address
}

// listen reads one address: a string, or a table with address, and passed or mode,
// owner and group, and how the mail server reads addresses.
func (c *Config) listen(r *tomlfile.Reader, e tomlfile.Element, found *tomlfile.Diagnostics) (Listen, bool) {
	address, ok := e.Value.(string)
	t, isTable := e.Value.(*tomlfile.Table)
	if !ok && !isTable {
		r.Errorf(e.Pos, "", "listen takes strings, or tables with address and other keys, not %s", tomlfile.KindName(e.Value))
		return Listen{}, false
	}
	mode, owner, group, passed, proxied := "", "", "", false, false
	var read mailaddr.Server
	if isTable {
		tr := tomlfile.Read(t, "listen: ", found)
		address, _, _ = tr.String("address")
		mode, _, _ = tr.String("mode")
		owner, _, _ = tr.String("owner")
		group, _, _ = tr.String("group")
		passed, _, _ = tr.Bool("passed")
		read = reads(tr)
		proxied, _, _ = tr.Bool("proxy_filter")
		tr.Done()
	}
	l, err := c.parseListen(address)
	l.Passed, l.Reads, l.Proxied = passed, read, proxied
	if err == nil && (mode != "" || owner != "" || group != "") {
		err = l.permissions(mode, owner, group)
	}
	if err != nil {
		r.Errorf(e.Pos, "", "listen: %v", err)
	}
	return l, err == nil
}

// parseListen reads inet:host:port or unix:/path, as Postfix writes them.
func (c *Config) parseListen(address string) (Listen, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "inet":
		i := strings.LastIndexByte(rest, ':')
		port, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if i <= 0 || err != nil || port == 0 {
			return Listen{}, fmt.Errorf("%q has no host and port; write inet:127.0.0.1:8465", address)
		}
		return Listen{Network: "tcp", Address: rest}, nil
	case "unix":
		path, err := c.socketPath(rest)
		if err != nil {
			return Listen{}, fmt.Errorf("%q %w", address, err)
		}
		return Listen{Network: "unix", Address: path, Mode: 0o660}, nil
	}
	return Listen{}, fmt.Errorf("%q is not a valid address; write inet:host:port or unix:/path", address)
}

// socketPath makes the path of a socket absolute, so that it is the same from
// wherever the daemon is started. Abstract sockets, unix(7), have no permissions.
func (c *Config) socketPath(path string) (string, error) {
	switch {
	case path == "":
		return "", fmt.Errorf("has no path")
	case strings.HasPrefix(path, "@"), strings.ContainsRune(path, 0):
		return "", fmt.Errorf("is no path of a file: abstract sockets are open to everybody on the machine")
	case !filepath.IsAbs(path):
		path = filepath.Join(c.dir(), path)
	}
	path, err := filepath.Abs(path)
	if err == nil && len(path) > maxPath {
		err = fmt.Errorf("is too long: %s has %d bytes, and a socket takes %d", path, len(path), maxPath)
	}
	return path, err
}

func (l *Listen) permissions(mode, owner, group string) error {
	if l.Network != "unix" {
		return fmt.Errorf("mode, owner and group go with unix-domain sockets, not with %s", l.Address)
	}
	if l.Passed {
		return fmt.Errorf("mode, owner and group of %s are for its socket unit to say (SocketMode=, SocketUser=, SocketGroup=), since it is passed", l.Address)
	}
	if mode != "" {
		m, err := strconv.ParseUint(mode, 8, 9)
		if err != nil {
			return fmt.Errorf("mode must be octal digits such as \"0660\", not %q", mode)
		}
		l.Mode = fs.FileMode(m)
	}
	l.Owner, l.Group = owner, group
	return nil
}
