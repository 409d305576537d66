package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tlswarden/internal/civil"
)

// find runs the query with the values. Where a table has changed since the query was
// prepared, that fails once on each connection, which then prepares it again.
func (t *database) find(ctx context.Context, values []string) (row map[string]any, err error) {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	for range maxConns + 1 {
		if row, err = t.ask(ctx, args); !stalePlan(err) {
			break
		}
	}
	return row, err
}

// stalePlan reports whether a query failed because it was prepared before a table
// changed (PostgreSQL: plancache.c, "cached plan must not change result type"; 26000 is
// that the statement is gone).
func stalePlan(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "26000" || refused.Code == "0A000" && strings.Contains(refused.Message, "cached plan") || refused.Routine == "RevalidateCachedQuery")
}

// ask runs the query once.
func (t *database) ask(ctx context.Context, args []any) (map[string]any, error) {
	rows, err := t.db.QueryContext(ctx, t.query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	cells, into := make([]any, len(kinds)), make([]any, len(kinds))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	if rows.Next() {
		return nil, errors.New("the query found more than one row; add LIMIT 1 to it, with ORDER BY before it")
	}
	row := make(map[string]any, len(t.facts))
	for i, kind := range kinds {
		if slices.Contains(t.facts, kind.Name()) {
			row[kind.Name()] = stored(kind, cells[i])
		}
	}
	return row, rows.Err()
}

// stored is a value as the type of its column means it.
func stored(kind *sql.ColumnType, v any) any {
	name := kind.DatabaseTypeName()
	switch x := v.(type) {
	case time.Time:
		if name == "DATE" || name == "TIMESTAMP" { // which have no time zone, and come as if in UTC
			return civil.At(x, time.Local)
		}
	case string:
		switch {
		case name == "BPCHAR": // char(n), which is filled up with blanks
			return strings.TrimRight(x, " ")
		case name == "NUMERIC":
			return numeric(x)
		case strings.HasPrefix(name, "_"):
			return fmt.Errorf("%.100q is an array; let the query take one element of it, such as tier[1]", x)
		}
	}
	return v
}

// numeric is a number of any size: whole if it is, or else as near as it can be.
func numeric(text string) any {
	n, ok := new(big.Rat).SetString(text)
	switch {
	case !ok:
		return text // NaN, Infinity
	case n.IsInt() && n.Num().IsInt64():
		return n.Num().Int64()
	}
	f, _ := n.Float64()
	return f
}
