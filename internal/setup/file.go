package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// create makes a file that is not there yet, with mode, owner and access control
// list of another.
func create(name string, data []byte, file string, like fs.FileInfo) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if sys, ok := like.Sys().(*syscall.Stat_t); ok && err == nil {
		err = f.Chown(int(sys.Uid), int(sys.Gid))
	}
	if err == nil {
		err = f.Chmod(like.Mode().Perm()) // after Chown, which clears some bits
	}
	if err == nil {
		err = keepAttributes(file, name)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
	}
	return err
}

// backup copies what a file had to a new name beside it, which it returns.
func backup(file string, data []byte, like fs.FileInfo, now time.Time) (string, error) {
	base := file + ".before-tlswarden-" + now.Format("20060102-150405")
	for i := 1; ; i++ {
		name := base
		if i > 1 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		if err := create(name, data, file, like); err == nil {
			return name, nil
		} else if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("backup: %w", err)
		}
	}
}

// draft writes what a file is to have to a new name beside it, which it returns.
func draft(file string, data []byte, like fs.FileInfo) (string, error) {
	for i := os.Getpid(); ; i++ {
		name := filepath.Join(filepath.Dir(file), fmt.Sprintf(".%s.tlswarden-%d", filepath.Base(file), i))
		if err := create(name, data, file, like); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}
