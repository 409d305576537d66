package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Flags of open(2) and fchownat(2) that the package syscall lacks.
const (
	oPath       = 0x200000
	atEmptyPath = 0x1000
)

// give changes owner, group (-1: neither) and mode of a socket file that listenClosed
// has just made. It holds on to the file, and follows no link: whoever may write to
// the directory, as Postfix may to /var/spool/postfix/private, could put one in the
// place of the socket, and have root give another file away.
func give(path string, uid, gid int, mode fs.FileMode) error {
	fd, err := syscall.Open(path, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFSOCK || st.Mode&0o777 != 0 || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s was replaced while it was made: another user can write to its directory; name one to which only root can, such as /run/tlswarden", path)
	}
	if uid >= 0 || gid >= 0 { // a service manager may forbid the call, even where it changes nothing
		if err := syscall.Fchownat(fd, "", uid, gid, atEmptyPath); err != nil {
			return &fs.PathError{Op: "chown", Path: path, Err: err}
		}
	}
	if err := os.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode); err != nil { // fchmod(2) takes no such descriptor
		return fmt.Errorf("cannot set the mode of %s: %w", path, err)
	}
	return nil
}
