package pluginhost

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxDir is the longest path of the socket directory: the path of a socket has at
// most 107 octets (unix(7)), of which go-plugin takes up to 38.
const maxDir = 69

// directory makes the directory for sockets, and gives its absolute path. If it is a
// temporary one, the daemon removes it at its end.
func (o *Options) directory() (dir string, temporary bool, err error) {
	dir, hint := o.Dir, ""
	if dir == "" {
		temporary, hint = true, "; TMPDIR says where it is made"
		if dir, err = os.MkdirTemp("", "tlswarden-"); err != nil {
			return "", false, err
		}
	}
	made := dir
	if dir, err = filepath.Abs(dir); err == nil && len(dir) > maxDir {
		err = fmt.Errorf("%s has more than %d octets%s", dir, maxDir, hint)
	}
	if err == nil {
		err = closed(dir)
	}
	if err != nil && temporary {
		_ = os.Remove(made)
	}
	return dir, temporary, err
}

// closed makes a directory if it is not there, and sees to it that only the daemon's
// user can enter it. It is called before each start, since who cleans up temporary
// directories may have removed it.
func closed(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", dir, uid)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	return os.Chmod(dir, 0o700)
}

// keepDescriptors keeps plugins from getting files that the daemon inherited, such as
// the sockets of the service manager. Those that Go opens are kept from them anyway.
// Where the system does not list them, all that are usual are taken.
func keepDescriptors() {
	const usual = 1024
	entries, err := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	if err != nil {
		for fd := 3; fd < usual; fd++ {
			syscall.CloseOnExec(fd)
		}
	}
}
