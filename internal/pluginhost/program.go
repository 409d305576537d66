package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// program finds the program and says why it must not be run. The path that is
// returned has no symbolic links.
func (c *Config) program() (string, error) {
	path, err := follow(c.Path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("%s is not an executable file", path)
	}
	return path, c.checksum(path)
}

// maxLinks is how many symbolic links a path may have, as for Linux
// (path_resolution(7)).
const maxLinks = 40

// follow resolves a path as the system does, step by step, and looks at each
// directory and link on the way, since who can replace one of them says which
// program is run.
func follow(path string) (string, error) {
	at, links := "/", 0
	if err := safe(at); err != nil {
		return "", err
	}
	steps := strings.Split(path, "/")
	for len(steps) > 0 {
		next := filepath.Join(at, steps[0]) // at has no links, so that ".." is what the system takes it for
		steps = steps[1:]
		if err := safe(next); err != nil {
			return "", err
		}
		target, err := os.Readlink(next)
		if errors.Is(err, syscall.EINVAL) { // it is no link (readlink(2))
			at = next
			continue
		}
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s has more than %d symbolic links", path, maxLinks)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		steps = append(strings.Split(target, "/"), steps...)
	}
	return at, nil
}

// safe says whether someone other than root and the daemon's own user could replace
// a file, or what is in a directory, like sshd of its users' files (auth.c,
// safe_path). In a directory with the sticky bit nobody can replace what is another's.
func safe(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	mode := info.Mode()
	harmless := mode&fs.ModeSymlink != 0 || mode.IsDir() && mode&fs.ModeSticky != 0
	if mode&0o022 != 0 && !harmless {
		return fmt.Errorf("%s can be written by others (mode %04o)", path, mode.Perm())
	}
	if uid, ok := owner(info); ok && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", path, uid)
	}
	return nil
}

// owner is the user to whom a file belongs.
func owner(info fs.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// checksum compares the program with the checksum that is pinned.
func (c *Config) checksum(path string) error {
	if c.SHA256 == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != strings.ToLower(c.SHA256) {
		return fmt.Errorf("the checksum of %s is %s, not the pinned %s", path, sum, strings.ToLower(c.SHA256))
	}
	return nil
}
