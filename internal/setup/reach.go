package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// unreachable says that a mail server reaches none of a front end's addresses.
func unreachable(server, front string, why []string) error {
	return fmt.Errorf("%s can reach none of the addresses of [%s]: %s", server, front, strings.Join(why, "; "))
}

// choose finds the first address that Postfix can reach: the address itself, and
// how Postfix's lists have it.
func (s *site) choose(front string, list []Address) (Address, string, error) {
	var why []string
	for _, a := range list {
		a = a.nearby()
		if a.Path == "" {
			return a, a.String(), nil
		}
		written, err := s.socket(a.Path)
		if err == nil {
			return a, written, nil
		}
		why = append(why, fmt.Sprintf("%s: %v", a, err))
	}
	return Address{}, "", unreachable("Postfix", front, why)
}

// socket is how Postfix's lists have a socket. Below the queue directory that is
// relative to it, where smtpd(8) is at home in chroot and without.
func (s *site) socket(path string) (string, error) {
	if err := isSocket(path); err != nil {
		return "", err
	}
	path, queue := resolve(path), resolve(s.queue)
	below, err := filepath.Rel(queue, path)
	switch {
	case err != nil || !filepath.IsLocal(below):
		if s.chrooted {
			return "", fmt.Errorf("it is not below %s, and an smtpd of master.cf is chrooted there", s.queue)
		}
		below = path
	}
	if strings.ContainsAny(below, separators+"{}$") {
		return "", errors.New("lists of Postfix cannot hold such a name")
	}
	if u, err := user.Lookup(s.owner); err == nil && !mayConnect(u, path) {
		return "", fmt.Errorf("the user %s of Postfix may not write to it", s.owner)
	}
	return "unix:" + below, nil
}

func isSocket(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it does not exist; is tlswarden running?")
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("it is no socket")
	}
	return nil
}

// mayConnect says whether a user may connect to a socket, by the modes of the
// socket and of all directories above; unix(7).
func mayConnect(u *user.User, path string) bool {
	groups, _ := u.GroupIds()
	groups = append(groups, u.Gid)
	want := fs.FileMode(2)
	for {
		info, err := os.Stat(path)
		if err != nil || !permits(info, u.Uid, groups, want) {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
		path, want = filepath.Dir(path), 1
	}
}

// permits says whether the permission want (4, 2, 1: read, write, search) is there
// for a user.
func permits(info fs.FileInfo, uid string, groups []string, want fs.FileMode) bool {
	sys, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || uid == "0":
		return true
	case uid == strconv.FormatUint(uint64(sys.Uid), 10):
		want <<= 6
	case slices.Contains(groups, strconv.FormatUint(uint64(sys.Gid), 10)):
		want <<= 3
	}
	return info.Mode().Perm()&want == want
}

// chooseSendmail finds the first address that Sendmail can reach.
func chooseSendmail(list []Address) (Address, error) {
	var why []string
	for _, a := range list {
		if a = a.nearby(); a.Path == "" {
			return a, nil
		}
		err := isSocket(a.Path)
		if err == nil {
			err = safePath(a.Path)
		}
		if err == nil {
			return a, nil
		}
		why = append(why, fmt.Sprintf("%s: %v", a, err))
	}
	return Address{}, unreachable("Sendmail", Milter, why)
}

// safePath says why Sendmail would not use a socket: it trusts no directory that
// others than root can write to (Installation and Operation Guide, "File Modes"),
// and m4(1) and the equates have their own characters.
func safePath(path string) error {
	if strings.ContainsAny(path, separators+"`'();$") {
		return errors.New("sendmail.mc cannot hold such a name")
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if sys, ok := info.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("Sendmail trusts no socket below %s, which others than root can write to", dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
