package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tlswarden/plugins"
)

const (
	// maxFile is how many octets a CSV file may have.
	maxFile = 16 << 20
	// lookAgain is how long a CSV file is not looked at anew.
	lookAgain = time.Second
	// coarse is how coarse the times of file systems may be: a file that changed
	// less than this before it was read could change once more and look the same.
	coarse = 2 * time.Second
)

// csvFile is a CSV file that is read again when it has changed.
type csvFile struct {
	path    string
	key     []string
	columns columns
	log     io.Writer

	table   atomic.Pointer[csvTable]
	reading sync.Mutex // held by the one that looks at the file, and guards what follows
	looked  time.Time
	stamp   stamp
	failed  string // what was last complained of
}

// stamp tells versions of a file apart.
type stamp struct {
	size    int64
	changed time.Time
	settled bool // it had not changed for some time when it was read
}

// openCSV reads a file for the first time.
func openCSV(path string, key []string, c columns) (*csvFile, error) {
	var found []error
	for i, name := range key {
		if err := checkKey("key", name); err != nil {
			found = append(found, err)
		}
		if slices.Contains(key[:i], name) {
			found = append(found, plugins.Problem("key", "names %s twice", name))
		}
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	f := &csvFile{path: path, key: key, columns: c, log: os.Stderr}
	for _, err := range each(f.load()) {
		found = append(found, plugins.Problem("file", "%v", err))
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	return f, nil
}

// find looks for a row, in what the file says now if that is in order, or else in
// what it said before.
func (f *csvFile) find(_ context.Context, values []string) (map[string]any, error) {
	f.refresh()
	return f.table.Load().find(f.key, values), nil
}

// refresh reads the file anew if it has changed. While one lookup does, others go
// on with the rows that are there.
func (f *csvFile) refresh() {
	if !f.reading.TryLock() {
		return
	}
	defer f.reading.Unlock()
	if time.Since(f.looked) < lookAgain {
		return
	}
	failed := ""
	if err := f.load(); err != nil {
		failed = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if failed != "" && failed != f.failed {
		fmt.Fprintf(f.log, "%s; the rows that were read before stay\n", failed)
	}
	f.failed = failed
}

// load reads the file unless it is the one that was read before.
func (f *csvFile) load() error {
	now := time.Now()
	f.looked = now
	file, info, err := openRegular(f.path)
	if err != nil {
		f.stamp = stamp{} // whatever is there later is read
		return err
	}
	defer func() { _ = file.Close() }()
	seen := stamp{size: info.Size(), changed: info.ModTime(), settled: now.Sub(info.ModTime()).Abs() > coarse}
	if seen == f.stamp && seen.settled {
		return f.before()
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return err
	}
	f.stamp = seen
	if len(data) > maxFile {
		return fmt.Errorf("%s has more than %d octets", f.path, maxFile)
	}
	t, err := parseCSV(data, f.key, f.columns)
	if err != nil {
		return errors.Join(told(f.path, err)...)
	}
	f.table.Store(t)
	return nil
}

// told puts the name of the file before each error.
func told(path string, err error) []error {
	var all []error
	for _, e := range each(err) {
		all = append(all, fmt.Errorf("%s: %w", path, e))
	}
	return all
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// openRegular opens a regular file. Should it be a pipe by the time it is opened, that
// does not wait for a writer.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	if _, err := regular(path); err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// before is what was wrong with the file when it was read.
func (f *csvFile) before() error {
	if f.failed == "" {
		return nil
	}
	return errors.New(f.failed)
}
