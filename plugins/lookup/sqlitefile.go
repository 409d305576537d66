package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"tlswarden/plugins"
)

// sqliteFile is an SQLite database that is opened anew when another file has taken the
// place of its file: connections stay with the file that they opened.
type sqliteFile struct {
	path string
	open func(ctx context.Context) (*database, error) // opens it and tries the query
	log  io.Writer

	mu      sync.Mutex // guards current
	current *opened

	looking sync.Mutex // held by the one that looks at the file, and guards what follows
	looked  time.Time
	failed  string // what was last complained of
}

// opened is a database that was opened while a file was at the path.
type opened struct {
	*database
	file  fs.FileInfo
	users sync.WaitGroup // lookups that ask it
}

// openLite opens an SQLite database.
func openLite(s *settings, c columns, query string, parameters []string, timeout time.Duration) (source, error) {
	f := &sqliteFile{path: s.File, log: os.Stderr, looked: time.Now()}
	f.open = func(ctx context.Context) (*database, error) {
		db, err := connectLite(s.File, timeout)
		if err != nil {
			return nil, err
		}
		return newDatabase(ctx, db, query, true, c, parameters)
	}
	info, err := regular(s.File)
	if err != nil {
		return nil, plugins.Problem("file", "%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	d, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	f.current = &opened{database: d, file: info}
	return f, nil
}

// connectLite connects to a file that must exist, to read only.
func connectLite(path string, timeout time.Duration) (*sql.DB, error) {
	options := url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_busy_timeout": {strconv.FormatInt(timeout.Milliseconds(), 10)}}
	name := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	return sql.Open("sqlite", name.String())
}

// regular says which file is at a path. Anything but a regular file is an error: to
// open a pipe could take forever.
func regular(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	return info, err
}

// find runs the query in the file that is there now if that is in order, or else in
// the one that was there before.
func (f *sqliteFile) find(ctx context.Context, values []string) (map[string]any, error) {
	f.refresh(ctx)
	f.mu.Lock()
	o := f.current
	o.users.Add(1)
	f.mu.Unlock()
	defer o.users.Done()
	return o.find(ctx, values)
}

// refresh looks, once in [lookAgain], whether it is another file. While one lookup
// does, others go on with the one that is open.
func (f *sqliteFile) refresh(ctx context.Context) {
	if !f.looking.TryLock() {
		return
	}
	defer f.looking.Unlock()
	if time.Since(f.looked) < lookAgain {
		return
	}
	f.looked = time.Now()
	failed := ""
	if err := f.replace(ctx); err != nil {
		failed = err.Error()
	}
	if failed != "" && failed != f.failed {
		fmt.Fprintf(f.log, "%s; the database that was open before stays\n", failed)
	}
	f.failed = failed
}

// replace opens the file if it is another one. The one before is closed when nobody
// asks it any more. If the path has changed once more by the time it is opened, that
// is seen the next time.
func (f *sqliteFile) replace(ctx context.Context) error {
	info, err := regular(f.path)
	if err != nil {
		return err
	}
	old := f.current // written only while looking is held
	if os.SameFile(info, old.file) {
		return nil
	}
	d, err := f.open(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.mu.Lock()
	f.current = &opened{database: d, file: info}
	f.mu.Unlock()
	go func() {
		old.users.Wait()
		_ = old.db.Close()
	}()
	return nil
}
