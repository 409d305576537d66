package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"tlswarden/plugins"
)

// maxConns is how many connections to a database there are at once.
const maxConns = 8

// database is a query of a database.
type database struct {
	db    *sql.DB
	query string
	facts []string // the columns that count
	file  bool     // it is a file of this machine, which is there or not
}

// openSQL opens a database and tries the query without values. A PostgreSQL server
// that cannot be reached now may be later; everything else must be in order.
func openSQL(s *settings, c columns, timeout time.Duration) (source, []string, error) {
	d := liteDialect()
	if s.Driver == "postgres" {
		d = dialect{mark: "$", dollar: true, escapes: true}
	}
	query, names := d.bind(s.Query)
	var found []error
	for _, name := range names {
		if err := checkKey("query", name); err != nil {
			found = append(found, err)
		}
	}
	if len(names) == 0 {
		found = append(found, plugins.Problem("query", "has no parameter such as :sender_domain"))
	}
	if len(found) > 0 {
		return nil, nil, errors.Join(found...)
	}
	if s.Driver == "sqlite" {
		f, err := openLite(s, c, query, names, timeout)
		return f, names, err
	}
	db, err := connectPostgres(s.DSN, timeout)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	t, err := newDatabase(ctx, db, query, false, c, names)
	if err != nil {
		return nil, nil, err
	}
	return t, names, nil
}

// newDatabase tries the query without values. The database is closed if it fails.
func newDatabase(ctx context.Context, db *sql.DB, query string, file bool, c columns, parameters []string) (*database, error) {
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns / 2)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
	t := &database{db: db, query: query, facts: c.names(), file: file}
	err := t.try(ctx, parameters)
	if err == nil && file {
		t.query = asStored(query, t.facts)
		err = t.prepare(ctx)
	}
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return t, nil
}

func liteDialect() dialect { return dialect{mark: "?", boxes: true} }

// asStored is a query of SQLite of which values come as they are stored: of what stands
// in a column of the type DATE, DATETIME or TIMESTAMP, the driver would make a time in
// UTC, whatever its time zone is. "+" is an expression that changes nothing, but has no
// such type.
func asStored(query string, facts []string) string {
	list := []string{"1"} // a table without facts has rows nevertheless
	for _, name := range facts {
		list = append(list, fmt.Sprintf("+found.%[1]q AS %[1]q", name))
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM (" + liteDialect().unterminated(query) + "\n) AS found"
}

// prepare finds out whether the query can be a part of another one.
func (t *database) prepare(ctx context.Context) error {
	statement, err := t.db.PrepareContext(ctx, t.query)
	if err != nil {
		if e := t.blame(err); e != nil {
			return plugins.Problem("query", "must be one SELECT alone: %v", err)
		}
		return nil
	}
	return statement.Close()
}

// try runs the query with NULL for each parameter, and looks at its columns. One that
// looks for an address must find no row then: where it always finds one, it is never
// run without the address's extension.
func (t *database) try(ctx context.Context, parameters []string) error {
	rows, err := t.db.QueryContext(ctx, t.query, make([]any, len(parameters))...)
	if err != nil {
		return t.blame(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return t.blame(err)
	}
	for _, name := range t.facts {
		if i := slices.Index(names, name); i < 0 || slices.Contains(names[i+1:], name) {
			return plugins.Problem("query", "must have the column %q once; it has %s", name, strings.Join(names, ", "))
		}
	}
	if rows.Next() && slices.ContainsFunc(parameters, func(name string) bool { return keys()[name] == mailbox }) {
		return plugins.Problem("query", "finds a row where no address matches, so an address with an extension would evade it; after EXISTS or count(*) write a condition such as HAVING count(*) > 0")
	}
	return t.blame(rows.Err())
}

// blame says whether an error of the trial is the fault of the settings. If it is
// not, it is written to standard error, and the database is asked later.
func (t *database) blame(err error) error {
	var refused *pgconn.PgError
	var local *sqlite.Error
	switch {
	case err == nil:
		return nil
	case t.file && !errors.Is(err, context.DeadlineExceeded) && !(errors.As(err, &local) && local.Code()&0xff == sqliteBusy),
		errors.As(err, &refused) && slices.Contains([]string{"25", "42"}, class(refused.Code)):
		return plugins.Problem("query", "%v", err)
	}
	fmt.Fprintf(os.Stderr, "the database cannot be asked now: %s\n", strings.Join(strings.Fields(err.Error()), " "))
	return nil
}

// sqliteBusy is SQLITE_BUSY: somebody writes.
const sqliteBusy = 5

// class are the first two characters of an SQLSTATE: 25 is a transaction that may
// only read, 42 a mistake in the query (PostgreSQL manual, appendix A).
func class(code string) string { return code[:min(2, len(code))] }
