package main

import (
	"database/sql"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// inZone puts the test into a time zone. Clocks in Santiago go forward at midnight of
// 2026-09-06, so that this day begins at one o'clock.
func inZone(t *testing.T, name string) {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	time.Local = zone
}

// refused is what a value is that cannot be taken: an error with this text.
type refused string

// asked is what the fact v of a type is for a key of the table "odd", in UTC.
func asked(t *testing.T, set map[string]any, kind, key string) (any, error) {
	t.Helper()
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"facts": map[string]any{"v": kind}, "default": nil})))
	got, err := p.Lookup(t.Context(), plugins.Facts{"sasl_user": key})
	if got["found"] != true {
		t.Errorf("%s: no row", key)
	}
	if at, ok := got["v"].(time.Time); ok {
		return at.UTC().Format(time.RFC3339), err
	}
	return got["v"], err
}

// stored is a value in a table, with its fact: a time is text.
type storedValue struct {
	expression string // of SQL
	kind       string // of the fact
	want       any    // nil: the row does not say
}

func checkStored(t *testing.T, set map[string]any, query func(expression string) map[string]any, cases []storedValue) {
	t.Helper()
	for _, c := range cases {
		got, err := asked(t, with(set, query(c.expression)), c.kind, "x")
		text, wrong := c.want.(refused)
		if wrong && (err == nil || err.Error() != `sasl_user "x": column v: `+string(text) || got != nil) || !wrong && (err != nil || got != c.want) {
			t.Errorf("%s as %s: %v, %v; want %v", c.expression, c.kind, got, err, c.want)
		}
	}
}

// What is said of values that are not of a type.
const (
	wantBoolean = " is not a boolean; write yes or no (true, false, 1 and 0 do, too)"
	wantNumber  = " is not a whole number; write a whole number in digits alone, such as 1500"
	wantTime    = " is not a time; write 2027-01-31 or 2027-01-31T12:00:00+01:00"
	wantName    = " is not a name; write a text; in a query, CAST(column AS text)"
	wantAddress = " is not an address; write one IP address, such as 192.0.2.1"
)

// checkPostgresValues shows what facts are made of a column of each type.
func checkPostgresValues(t *testing.T, s *server, set map[string]any) {
	inZone(t, "America/Santiago")
	s.do(t, "CREATE DOMAIN day AS date", "CREATE TYPE tier AS ENUM ('gold', 'iron')", "CREATE DOMAIN flag AS char(1)", "CREATE EXTENSION citext")
	query := func(e string) map[string]any {
		return map[string]any{"query": "SELECT " + e + " AS v WHERE :sasl_user = 'x';"}
	}
	checkStored(t, set, query, []storedValue{
		{"date '2026-09-06'", "time", "2026-09-06T04:00:00Z"},
		{"date '2026-01-02'", "time", "2026-01-02T03:00:00Z"},
		{"day '2026-01-02'", "time", "2026-01-02T03:00:00Z"},
		{"timestamp '2026-01-02 00:00:00'", "time", "2026-01-02T03:00:00Z"},
		{"timestamp '2026-09-06 00:00:00'", "time", "2026-09-06T04:00:00Z"},
		{"timestamp '2026-01-02 12:30:00.5'", "time", "2026-01-02T15:30:00Z"},
		{"timestamptz '2026-01-02 00:00:00+00'", "time", "2026-01-02T00:00:00Z"},
		{"'2026-01-02'::text", "time", "2026-01-02T03:00:00Z"},
		{"'2026-01-02 00:00:00'::text", "time", "2026-01-02T03:00:00Z"},
		{"'2026-01-02 00:00:00+01'::varchar", "time", "2026-01-01T23:00:00Z"},
		{"'2026-01-02 00:00:00.25+05:30'::varchar", "time", "2026-01-01T18:30:00Z"},
		{"1764547200::bigint", "time", "2025-12-01T00:00:00Z"},
		{"extract(epoch FROM timestamptz '2026-01-02 00:00:00.75+00')", "time", "2026-01-02T00:00:00Z"},
		{"NULL::date", "time", nil},
		{"date 'infinity'", "time", refused(`"infinity"` + wantTime)},
		{"timestamp '-infinity'", "time", refused(`"-infinity"` + wantTime)},
		{"'31.01.2027'::text", "time", refused(`"31.01.2027" is not a time; write 2027-01-31`)},
		{"interval '1 day'", "time", refused(`"1 day"` + wantTime)},
		{"true", "time", refused("true" + wantTime)},
		{"'gold'::char(20)", "name", "gold"},
		{"' a b'::char(20)", "text", " a b"},
		{"'192.0.2.1'::char(20)", "address", netip.MustParseAddr("192.0.2.1")},
		{"'t'::flag", "boolean", true},
		{"''::char(3)", "boolean", nil},
		{"'gold'::tier", "name", "gold"},
		{"'gold'::varchar(10)", "name", "gold"},
		{"E' gold\\u00a0\\n'", "name", "gold"},
		{"E' gold\\u00a0\\n'", "text", " gold\u00a0\n"},
		{"E'go\\u200bld'", "name", refused(`"go\u200bld" has a character that is not visible, U+200B; write it without`)},
		{"E'go\\u200bld'", "text", "go\u200bld"},
		{"CASE WHEN :sasl_user = 'X'::citext THEN 'Gold'::citext END", "name", "Gold"},
		{"jsonb '{\"tier\": \"gold\"}' ->> 'tier'", "name", "gold"},
		{"(jsonb '{\"n\": 7}' -> 'n')::int", "number", int64(7)},
		{"money '7'", "number", refused(`"$7.00"` + wantNumber)},
		{"uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"'gold'::bytea", "name", "gold"},
		{"'\\xff'::bytea", "name", refused(`"\xff" is not in UTF-8; convert it: iconv -f WINDOWS-1252 -t UTF-8`)},
		{"ARRAY['gold', 'iron']", "name", refused(`"{gold,iron}" is an array; let the query take one element of it, such as tier[1]`)},
		{"ARRAY[1]", "number", refused(`"{1}" is an array; let the query take one element of it, such as tier[1]`)},
		{"ARRAY[date '2026-01-02']", "time", refused(`"{2026-01-02}" is an array; let the query take one element of it, such as tier[1]`)},
		{"5", "name", refused("5" + wantName)},
		{"false", "name", refused("false" + wantName)},
		{"7::smallint", "number", int64(7)},
		{"7.00::numeric(10,2)", "number", int64(7)},
		{"7.0::float8", "number", int64(7)},
		{"1e20::numeric", "number", refused("1e+20" + wantNumber)},
		{"1.5::numeric", "number", refused("1.5" + wantNumber)},
		{"'NaN'::numeric", "number", refused(`"NaN"` + wantNumber)},
		{"'NaN'::float8", "number", refused("NaN" + wantNumber)},
		{"'7'::text", "number", int64(7)},
		{"'1,500'::text", "number", refused(`"1,500"` + wantNumber)},
		{"true", "boolean", true},
		{"'f'::text", "boolean", false},
		{"'Off'::text", "boolean", false},
		{"1", "boolean", true},
		{"0::numeric", "boolean", false},
		{"B'1'", "boolean", true},
		{"2", "boolean", refused("2" + wantBoolean)},
		{"'maybe'::text", "boolean", refused(`"maybe"` + wantBoolean)},
		{"inet '2001:db8::1'", "address", netip.MustParseAddr("2001:db8::1")},
		{"cidr '192.0.2.1/32'", "address", netip.MustParseAddr("192.0.2.1")},
		{"cidr '192.0.2.0/24'", "address", refused(`"192.0.2.0/24"` + wantAddress)},
	})
	t.Run("one is wrong, and others not", func(t *testing.T) {
		p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"query": "SELECT 'infinity'::date AS a, 'x' AS b, ARRAY[1] AS c WHERE :sasl_user = 'x'",
			"facts": map[string]any{"a": "time", "b": "name", "c": "number"}, "default": map[string]any{"a": "2026-01-02"}})))
		got, err := p.Lookup(t.Context(), plugins.Facts{"sasl_user": "x"})
		if want := (plugins.Facts{"found": true, "b": "x"}); !maps.Equal(got, want) || err == nil || !strings.Contains(err.Error(), "column a: ") || !strings.Contains(err.Error(), "column c: ") {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// checkAltered shows that a table can change while it is asked.
func checkAltered(t *testing.T, s *server, set map[string]any) {
	inZone(t, "UTC")
	s.do(t, "CREATE TABLE altered (k text, v text)", "INSERT INTO altered VALUES ('x', '2026-01-02')")
	for query, lost := range map[string]string{"SELECT * FROM altered WHERE k = :sasl_user": "the query does not have it any more", "SELECT v FROM altered WHERE k = :sasl_user": `column "v" does not exist`} {
		src := sourceOf(t, with(set, map[string]any{"query": query, "facts": map[string]any{"v": "time"}, "default": nil}))
		c := columns{"v": {kind: plugins.Time}}
		for i, step := range []struct{ alter, want, err string }{
			{"", "2026-01-02T00:00:00Z", ""},
			{"ALTER TABLE altered ADD note text", "2026-01-02T00:00:00Z", ""},
			{"ALTER TABLE altered ALTER v TYPE date USING v::date", "2026-01-02T00:00:00Z", ""},
			{"ALTER TABLE altered ALTER v TYPE timestamptz USING v::timestamp AT TIME ZONE 'UTC'", "2026-01-02T00:00:00Z", ""},
			{"ALTER TABLE altered ALTER v TYPE boolean USING true", "", "true" + wantTime},
			{"ALTER TABLE altered RENAME v TO w", "", lost},
			{"ALTER TABLE altered RENAME w TO v", "", "true" + wantTime},
			{"ALTER TABLE altered ALTER v TYPE text USING '2026-01-02'", "2026-01-02T00:00:00Z", ""},
			{"ALTER TABLE altered DROP note", "2026-01-02T00:00:00Z", ""},
		} {
			if step.alter != "" {
				s.do(t, step.alter)
			}
			together(t, src) // so that each connection has met the table as it is
			row, err := src.find(t.Context(), []string{"x"})
			facts := plugins.Facts{}
			if err == nil {
				facts, err = c.facts(row)
			}
			at, _ := facts["v"].(time.Time)
			if got := at.UTC().Format(time.RFC3339); step.err == "" && (err != nil || got != step.want) || step.err != "" && (err == nil || !strings.Contains(err.Error(), step.err)) {
				t.Errorf("%s, step %d (%s): %v, %v; want %s%s", query, i, step.alter, facts, err, step.want, step.err)
			}
		}
	}
}

// together asks over all connections at once. None of them may fail because its plan is
// from before.
func together(t *testing.T, src source) {
	t.Helper()
	failed := make(chan error, 3*maxConns)
	for range 3 * maxConns {
		go func() {
			_, err := src.find(t.Context(), []string{"x"})
			failed <- err
		}()
	}
	for range 3 * maxConns {
		if err := <-failed; err != nil && (strings.Contains(err.Error(), "plan") || strings.Contains(err.Error(), "prepared")) {
			t.Errorf("it is asked with a plan from before: %v", err)
		}
	}
}

// TestSQLiteStored shows what facts are made of what SQLite stores in columns of each
// affinity.
func TestSQLiteStored(t *testing.T) {
	inZone(t, "America/Santiago")
	types := []string{"TEXT", "DATE", "DATETIME", "TIMESTAMP", "INTEGER", "REAL", "NUMERIC", "BOOLEAN", "CHAR(20)", "DECIMAL(10,2)", ""}
	file := liteFile(t)
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file}).String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		value string
		in    []string // types of columns; none: all
		kind  string
		want  any
	}{
		{"'2026-01-02'", nil, "time", "2026-01-02T03:00:00Z"},
		{"'2026-09-06'", nil, "time", "2026-09-06T04:00:00Z"},
		{"date('2026-01-02')", nil, "time", "2026-01-02T03:00:00Z"},
		{"datetime('2026-01-02')", nil, "time", "2026-01-02T03:00:00Z"},
		{"'2026-01-02 00:00:00'", nil, "time", "2026-01-02T03:00:00Z"},
		{"'2026-01-02T00:00:00'", nil, "time", "2026-01-02T03:00:00Z"},
		{"'2026-01-02 12:30'", nil, "time", "2026-01-02T15:30:00Z"},
		{"'2026-01-02 12:30:00.123'", nil, "time", "2026-01-02T15:30:00Z"},
		{"'2026-01-02T00:00:00Z'", nil, "time", "2026-01-02T00:00:00Z"},
		{"'2026-01-02 00:00:00+00:00'", nil, "time", "2026-01-02T00:00:00Z"},
		{"'2026-01-02 00:00:00+01'", nil, "time", "2026-01-01T23:00:00Z"},
		{"1764547200", nil, "time", "2025-12-01T00:00:00Z"},
		{"unixepoch('2026-01-02 03:04:05')", nil, "time", "2026-01-02T03:04:05Z"},
		{"julianday('2026-01-02')", []string{"REAL", "NUMERIC", "DATE", "DATETIME", ""}, "time", "2026-01-02T00:00:00Z"},
		{"julianday('2026-01-02 03:04:05')", []string{"REAL", "NUMERIC", "DATE", ""}, "time", "2026-01-02T03:04:05Z"},
		{"julianday('2026-01-02 12:00')", []string{"REAL", ""}, "time", "2026-01-02T12:00:00Z"},
		{"julianday('2026-01-02 12:00')", []string{"NUMERIC", "DATE", "INTEGER"}, "time", refused("2461043 is not a time; for a Julian day, let the query take CAST(column AS REAL); for a number of seconds, datetime(column, 'unixepoch') || 'Z'; or write 2027-01-31")},
		{"1764547200000", []string{"INTEGER", ""}, "time", refused("1764547200000" + wantTime)},
		{"'30.06.2027'", nil, "time", refused(`"30.06.2027" is not a time; write 2027-06-30`)},
		{"'2026-02-30'", nil, "time", refused(`"2026-02-30"` + wantTime)},
		{"NULL", nil, "time", nil},
		{"''", nil, "time", nil},
		{"1", nil, "boolean", true},
		{"0", nil, "boolean", false},
		{"TRUE", nil, "boolean", true},
		{"'t'", nil, "boolean", true},
		{"'No'", nil, "boolean", false},
		{"'WAHR'", nil, "boolean", refused(`"WAHR"` + wantBoolean)},
		{"7", nil, "number", int64(7)},
		{"'7'", nil, "number", int64(7)},
		{"' 7 '", []string{"TEXT", ""}, "number", int64(7)},
		{"1.5", []string{"REAL", "NUMERIC"}, "number", refused("1.5" + wantNumber)},
		{"'1.500,5'", nil, "number", refused(`"1.500,5"` + wantNumber)},
		{"'gold'", nil, "name", "gold"},
	} {
		in := c.in
		if in == nil {
			in = types
		}
		for _, kind := range in {
			for _, statement := range []string{"DROP TABLE IF EXISTS odd", "CREATE TABLE odd (k TEXT, v " + kind + ")", "INSERT INTO odd VALUES ('x', " + c.value + ")"} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			set := map[string]any{"driver": "sqlite", "file": file, "timeout": "20s"}
			query := func(string) map[string]any {
				return map[string]any{"query": "WITH o AS (SELECT * FROM odd) SELECT * FROM o WHERE k = :sasl_user; -- all"}
			}
			checkStored(t, set, query, []storedValue{{c.value + " in a column " + kind, c.kind, c.want}})
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestDates shows that a date is the same moment in a CSV file, a setting and a rule, and
// what is said of one that is written in another way.
func TestDates(t *testing.T) {
	inZone(t, "America/Santiago")
	for value, want := range map[string]any{
		"2026-09-06": "2026-09-06T04:00:00Z", "2026-01-02": "2026-01-02T03:00:00Z", "2026-01-02 00:00:00": "2026-01-02T03:00:00Z", "2026-01-02 10:30": "2026-01-02T13:30:00Z",
		"2026-01-02T10:30:00": "2026-01-02T13:30:00Z", "2026-01-02T10:30:00+01:00": "2026-01-02T09:30:00Z", "2026-01-02 10:30:00Z": "2026-01-02T10:30:00Z",
		"30.06.2027": "2027-06-30", "1.2.2027": "2027-02-01", "30.6.27": "2027-06-30", "30.06.2027 12:00": "2027-06-30 12:00", "31/01/2027 23:59": "2027-01-31 23:59", "31.1.2027T12:00:00+01:00": "2027-01-31T12:00:00+01:00",
		"1/31/2027 11:59 PM": "2027-01-31 23:59:00", "31 Jan 2027 9:05": "2027-01-31 9:05", "January 31, 2027": "2027-01-31", "31-JAN-2027": "2027-01-31",
		"30.06.2027 noon": "2027-01-31 or 2027-01-31T12:00:00+01:00", "30.06.2027 12:00 CEST": "2027-01-31 or 2027-01-31T12:00:00+01:00", "6/7/2027 08:00Z": "2027-01-31 or 2027-01-31T12:00:00+01:00", "6/30/2027": "2027-06-30", "30/06/2027": "2027-06-30",
		"6/7/2027": "2027-06-07 or 2027-07-06", "6/6/2027": "2027-06-06", "2027/06/30": "2027-06-30", "20270630": "2027-06-30", "2027-6-3": "2027-06-03",
		"46203": "2027-01-31 or 2027-01-31T12:00:00+01:00", "June 2027": "2027-01-31 or 2027-01-31T12:00:00+01:00", "1764547200": "2025-12-01T00:00:00Z", "176454720": "2027-01-31 or 2027-01-31T12:00:00+01:00",
	} {
		got, err := column{kind: plugins.Time}.text(value)
		if at, ok := got.(time.Time); ok && (err != nil || at.UTC().Format(time.RFC3339) != want) {
			t.Errorf("%s: %v, %v; want %v", value, at.UTC(), err, want)
		} else if !ok && (err == nil || err.Error() != "\""+value+"\" is not a time; write "+want.(string)) {
			t.Errorf("%s: %v, %v; want %v", value, got, err, want)
		}
	}
}
