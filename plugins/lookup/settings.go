package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tlswarden/plugins"
)

const (
	version = "1.0"
	// foundKey is the fact that is always there: whether there is a row.
	foundKey = "found"
)

// settings are the plugin's table, [plugin.lookup.settings].
type settings struct {
	Driver      string            `json:"driver"`       // csv, sqlite, postgres
	File        string            `json:"file"`         // of csv and sqlite
	DSN         string            `json:"dsn"`          // of postgres
	Query       string            `json:"query"`        // of sqlite and postgres, with :sender_domain and others
	Key         []string          `json:"key"`          // of csv: the columns that are compared with the session
	Facts       map[string]string `json:"facts"`        // the other columns that count, and their types
	Default     map[string]any    `json:"default"`      // what facts are that a row does not tell, or without a row
	TTL         plugins.Duration  `json:"ttl"`          // how long a row holds
	NegativeTTL plugins.Duration  `json:"negative_ttl"` // how long it holds that there is none
	Timeout     plugins.Duration  `json:"timeout"`      // of one query
}

// source is where rows are found.
type source interface {
	// find returns the row for a session, whose facts stand in the order of needs, each
	// in one form, by the names of the columns; nil if there is none. What is missing of a
	// row, or nil, is not said by it.
	find(ctx context.Context, facts []string) (map[string]any, error)
}

// table is a source with what is to be made of its rows.
type table struct {
	source   source
	columns  columns
	needs    []string
	positive time.Duration
	negative time.Duration
	timeout  time.Duration
}

// plugin is what is served.
func plugin() plugins.Plugin { return plugins.Plugin{Name: "lookup", Version: version, Setup: setup} }

func setup(s plugins.Settings) (plugins.Plugin, error) {
	set := settings{
		TTL: plugins.Duration(5 * time.Minute), NegativeTTL: plugins.Duration(time.Minute), Timeout: plugins.Duration(time.Second),
	}
	if err := s.Decode(&set); err != nil {
		return plugins.Plugin{}, err
	}
	t := &table{positive: time.Duration(set.TTL), negative: time.Duration(set.NegativeTTL), timeout: time.Duration(set.Timeout)}
	var found []error
	for i, d := range []time.Duration{t.positive, t.negative, t.timeout} {
		if d <= 0 {
			found = append(found, plugins.Problem([]string{"ttl", "negative_ttl", "timeout"}[i], "takes more than 0 seconds"))
		}
	}
	var err error
	t.columns, err = newColumns(set.Facts, set.Default)
	if err = errors.Join(append(found, err, set.misplaced())...); err != nil {
		return plugins.Plugin{}, err
	}
	if t.source, t.needs, err = set.open(t.columns, t.timeout); err != nil {
		return plugins.Plugin{}, err
	}
	return plugins.Plugin{Facts: t.columns.offered(), Needs: t.needs, TTL: t.positive, Lookup: t.lookup}, nil
}

// misplaced tells of keys that the driver has no use for.
func (s *settings) misplaced() error {
	given := map[string]bool{"file": s.File != "", "dsn": s.DSN != "", "query": s.Query != "", "key": len(s.Key) > 0}
	wanted, ok := map[string][]string{"csv": {"file", "key"}, "sqlite": {"file", "query"}, "postgres": {"dsn", "query"}}[s.Driver]
	if !ok {
		return plugins.Problem("driver", "takes csv, sqlite or postgres")
	}
	var found []error
	for _, key := range slices.Sorted(maps.Keys(given)) {
		switch wants := slices.Contains(wanted, key); {
		case given[key] && !wants:
			found = append(found, plugins.Problem(key, "has no use with the driver %s", s.Driver))
		case !given[key] && wants:
			found = append(found, plugins.Problem(key, "is missing"))
		}
	}
	if s.File != "" && !filepath.IsAbs(s.File) {
		found = append(found, plugins.Problem("file", "takes an absolute path"))
	}
	return errors.Join(found...)
}

// open makes the source, and says which facts of the session it is asked with.
func (s *settings) open(c columns, timeout time.Duration) (source, []string, error) {
	if s.Driver == "csv" {
		f, err := openCSV(s.File, s.Key, c)
		return f, s.Key, err
	}
	return openSQL(s, c, timeout)
}

// lookup asks the source for a row and makes facts of it.
func (t *table) lookup(ctx context.Context, s plugins.Session) (plugins.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	facts := make([][]string, len(t.needs))
	for i, name := range t.needs {
		forms, ok := s.Forms(name)
		if !ok {
			return plugins.Answer{}, errors.New(name + " is unknown")
		}
		if _, file := t.source.(*csvFile); !file {
			forms = keys()[name].scripts(forms)
		}
		facts[i] = fitting(forms)
	}
	row, err := t.find(ctx, facts, make([]string, 0, len(facts)))
	if err != nil {
		return plugins.Answer{}, err
	}
	if row == nil {
		return plugins.Answer{Facts: t.columns.none(), TTL: t.negative}, nil
	}
	found, err := t.columns.facts(row)
	if err != nil {
		err = fmt.Errorf("%s: %w", t.sought(s), err)
	}
	return plugins.Answer{Facts: found, TTL: t.positive}, err
}

// sought is what a row is found by, for who looks for that row.
func (t *table) sought(s plugins.Session) string {
	var list []string
	for _, name := range t.needs {
		value, _ := s.Text(name)
		list = append(list, fmt.Sprintf("%s %.100q", name, value))
	}
	return strings.Join(list, ", ")
}

// find asks the source with one form of each fact after another until it has a row,
// those of the last fact first. Chosen are the forms of the first facts so far.
func (t *table) find(ctx context.Context, facts [][]string, chosen []string) (map[string]any, error) {
	if len(chosen) == len(facts) {
		return t.source.find(ctx, chosen)
	}
	for _, form := range facts[len(chosen)] {
		row, err := t.find(ctx, facts, append(chosen, form))
		if row != nil || err != nil {
			return row, err
		}
	}
	return nil, nil
}
