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
// have root give that away: so such a directory is refused to root.
func give(path string, uid, gid int, mode fs.FileMode) error {
	if os.Geteuid() == 0 {
		if err := onlyRoot(filepath.Dir(path)); err != nil {
			return err
		}
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// onlyRoot fails if another user than root can write to a directory, or to one above
// it.
func onlyRoot(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("another user can write to %s, and could replace the socket while it is made; name a directory to which only root can, such as /var/run/tlswarden", dir)
		}
		if above := filepath.Dir(dir); above != dir {
			dir = above
			continue
		}
		return nil
	}
}
