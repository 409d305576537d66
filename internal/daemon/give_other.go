//go:build !linux

package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// give changes owner, group (-1: neither) and mode of a socket file. Whoever may write
// to the directory could put a link to another file in the place of the socket, and
// have root give that away: so such a directory is refused.
func give(path string, uid, gid int, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if owner != 0 && owner != os.Geteuid() || info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("another user can write to %s, and could replace the socket while it is made; name a directory to which only root can, such as /var/run/tlswarden", dir)
	}
	if err := os.Lchown(path, uid, gid); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
