// Package statefile reads and writes the small files in which the daemon keeps what
// it must know after a restart.
//
// A file is replaced as a whole: what reads it, be it after a crash, finds the old
// contents or the new ones. All happens within the directory, whatever links
// somebody has put there, so that a daemon that runs as root is not led elsewhere by
// the owner of the directory. Only regular files are read, and nothing waits for the
// other end of a pipe.
//
// # Limits
//
// One process writes to a directory. A file has at most 64 MiB.
//
// # Diagnostics
//
// Nothing is logged here. Each error names the file; a file that is not there is
// fs.ErrNotExist.
package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mostBytes is the size of the largest file that is read or written.
const mostBytes = 64 << 20

// Read returns the contents of a file of the directory.
func Read(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	data, err := read(root, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), plain(err))
	}
	return data, nil
}

func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err == nil && len(data) > mostBytes {
		err = fmt.Errorf("longer than %d bytes", mostBytes)
	}
	return data, err
}

// Write replaces the contents of a file of the directory.
func Write(dir, name string, data []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := write(root, name, data); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, name), plain(err))
	}
	return nil
}

func write(root *os.Root, name string, data []byte) error {
	if len(data) > mostBytes {
		return fmt.Errorf("longer than %d bytes", mostBytes)
	}
	temporary := "." + name + ".new"
	if err := root.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that was killed
		return err
	}
	err := fill(root, temporary, data)
	if err == nil {
		err = root.Rename(temporary, name)
	}
	if err != nil {
		root.Remove(temporary)
		return err
	}
	return syncDir(root)
}

// fill makes a file that is on the disk when it returns.
func fill(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir brings a new name in the directory to the disk.
func syncDir(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// plain drops from an error which call failed, and with which name: the messages
// here name the file by its whole path.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
