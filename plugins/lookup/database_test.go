package main

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// rows fill the table that both databases are tested with.
const rows = `
INSERT INTO partners (domain, tier, exempt, since, n, note) VALUES
	('bank.example', 'gold', '1', '2026-11-22', 7, 'it''s "one"'),
	('empty.example', NULL, NULL, NULL, NULL, NULL),
	('twice.example', 'a', '0', NULL, 1, NULL),
	('twice.example', 'b', '0', NULL, 2, NULL);
`

// liteFile is an SQLite database with the table.
func liteFile(t testing.TB, statements ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a b?#%.sqlite")
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: name}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range append([]string{"CREATE TABLE partners (domain TEXT, tier, exempt BOOLEAN, since DATE, n INTEGER, note TEXT)", rows}, statements...) {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// partnersBy are settings for a query of the table.
func partnersBy(driver, where, at string) map[string]any {
	return map[string]any{
		"driver": driver, where: at, "timeout": "20s",
		"query":   "SELECT * FROM partners WHERE domain = :sender_domain -- :nothing",
		"facts":   map[string]any{"tier": "name", "exempt": "boolean", "since": "time", "n": "number", "note": "text"},
		"default": map[string]any{"exempt": false},
	}
}

// checkPartners looks up what a database and a session may have.
func checkPartners(t *testing.T, set map[string]any) {
	t.Helper()
	p := plugintest.Run(t, plugin(), text(t, set))
	none := plugins.Facts{"found": false, "exempt": false}
	for domain, c := range map[string]struct {
		want plugins.Facts
		err  string
	}{
		"bank.example":                           {plugins.Facts{"found": true, "tier": "gold", "exempt": true, "n": int64(7), "note": `it's "one"`}, ""},
		"empty.example":                          {plugins.Facts{"found": true, "exempt": false}, ""},
		"twice.example":                          {plugins.Facts{}, "the query found more than one row; add LIMIT 1 to it, with ORDER BY before it"},
		"":                                       {none, ""},
		"other.example":                          {none, ""},
		"' OR '1'='1":                            {none, ""},
		"bank.example'; DROP TABLE partners; --": {none, ""},
		"\x00":                                   {none, ""},
		"bank.example\x00":                       {none, ""},
		`\`:                                      {none, ""},
		strings.Repeat("x", 1<<20):               {none, ""},
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": domain})
		if since, ok := got["since"].(time.Time); ok { // its zone is that of the driver
			if since.UTC().Format(time.DateOnly) != "2026-11-22" && since.Format(time.DateOnly) != "2026-11-22" {
				t.Errorf("since %v", since)
			}
			delete(got, "since")
		}
		if !maps.Equal(got, c.want) || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%.40q: %v, %v; want %v, %s", domain, got, err, c.want, c.err)
		}
	}
}

// checkMany looks up ten thousand keys, eight at once.
func checkMany(t *testing.T, set map[string]any) {
	t.Helper()
	p := plugintest.Run(t, plugin(), text(t, set))
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 1250 {
				domain, want := "bank.example", any("gold")
				if (i+worker)%2 == 0 {
					domain, want = fmt.Sprintf("d%d-%d.example", worker, i), nil
				}
				if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": domain}); err != nil || got["tier"] != want {
					t.Errorf("%s: %v, %v", domain, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// checkQueries shows which queries are problems of the settings.
func checkQueries(t *testing.T, set map[string]any, cases map[string]string) {
	t.Helper()
	for query, want := range cases {
		err := plugintest.Configure(t, plugin(), text(t, with(set, map[string]any{"query": query, "facts": map[string]any{"tier": "name"}, "default": nil})))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", query, err, want)
		}
	}
}

func TestSQLite(t *testing.T) {
	checkPartners(t, partnersBy("sqlite", "file", liteFile(t)))
}

func TestSQLiteMany(t *testing.T) {
	checkMany(t, partnersBy("sqlite", "file", liteFile(t, "CREATE INDEX by_domain ON partners (domain)")))
}

// TestSQLiteQueries shows that the query is tried at the start, and cannot write.
func TestSQLiteQueries(t *testing.T) {
	file := liteFile(t)
	set := partnersBy("sqlite", "file", file)
	checkQueries(t, set, map[string]string{
		"SELECT tier FROM partners WHERE domain = :sender_domain":                                 "",
		"SELECT tier FROM other WHERE domain = :sender_domain":                                    "query: SQL logic error: no such table: other",
		"SELEC tier FROM partners WHERE domain = :sender_domain":                                  `query: SQL logic error: near "SELEC": syntax error`,
		"SELECT n FROM partners WHERE domain = :sender_domain":                                    `query: must have the column "tier" once; it has n`,
		"SELECT tier, n AS tier FROM partners WHERE domain = :sender_domain":                      `query: must have the column "tier" once; it has tier, tier`,
		"DELETE FROM partners WHERE :sender_domain IS NULL RETURNING tier":                        "query: attempt to write a readonly database",
		"PRAGMA query_only = 0; DELETE FROM partners WHERE :sender_domain IS NULL RETURNING tier": "query: attempt to write a readonly database",
		"SELECT tier FROM partners WHERE domain = :sender_domain AND ?2 = 1":                      "query: missing named argument",
	})
	checkQueries(t, with(set, map[string]any{"file": write(t, "not.sqlite", strings.Repeat("this is no database\n", 100))}), map[string]string{
		"SELECT tier FROM partners WHERE domain = :sender_domain": "query: file is not a database",
	})
	checkPartners(t, set) // all is there still
}

// TestSQLiteValues shows what becomes of values of other types than was declared.
func TestSQLiteValues(t *testing.T) {
	file := liteFile(t, "CREATE TABLE odd (key TEXT, v)")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for key, v := range map[string]any{
		"text": "x", "blob": []byte("x"), "not utf8": []byte{0xff}, "nul": "a\x00b", "1 MB": strings.Repeat("x", 1<<20), "empty": "", "one": 1, "two": 2,
		"half": 1.5, "whole": 2.0, "huge": 1e300, "yes": "Yes", "date": "2026-11-22", "time": noon.Format(time.RFC3339), "unix": noon.Unix(), "address": "192.0.2.1", "null": nil,
	} {
		if _, err := db.Exec("INSERT INTO odd VALUES (?, ?)", key, v); err != nil {
			t.Fatal(err)
		}
	}
	_ = db.Close()
	set := map[string]any{"driver": "sqlite", "file": file, "timeout": "20s", "query": "SELECT v FROM odd WHERE key = :sasl_user"}
	wrong := struct{}{}
	for kind, values := range map[string]map[string]any{
		"text":    {"text": "x", "blob": "x", "not utf8": wrong, "nul": wrong, "1 MB": wrong, "empty": "", "one": wrong, "half": wrong, "null": nil},
		"boolean": {"one": true, "two": wrong, "yes": true, "text": wrong, "half": wrong, "empty": nil, "null": nil},
		"number":  {"one": int64(1), "whole": int64(2), "half": wrong, "huge": wrong, "text": wrong, "1 MB": wrong},
		"time":    {"date": time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local), "time": time.Unix(noon.Unix(), 0), "unix": time.Unix(noon.Unix(), 0), "text": wrong, "half": wrong},
		"address": {"address": netip.MustParseAddr("192.0.2.1"), "text": wrong, "one": wrong},
	} {
		p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"facts": map[string]any{"v": kind}})))
		for key, want := range values {
			got, err := p.Lookup(t.Context(), plugins.Facts{"sasl_user": key})
			value := got["v"]
			if want == wrong && (err == nil || value != nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("sasl_user %q: column v: ", key))) || want != wrong && (err != nil || value != want) || got["found"] != true {
				t.Errorf("%s as %s: %.100v, %.100v; want %v", key, kind, got, err, want)
			}
		}
	}
}

// TestSQLiteBusy shows that a database which somebody writes to is late, and no
// problem of the settings.
func TestSQLiteBusy(t *testing.T) {
	file := liteFile(t)
	set := with(partnersBy("sqlite", "file", file), map[string]any{"timeout": "100ms"})
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	writer, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	p := plugintest.Run(t, plugin(), text(t, set))
	if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "bank.example"}); err == nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := writer.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, func() bool {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "bank.example"})
		return err == nil && got["tier"] == "gold"
	}, "the database is asked again")
}

// TestSlowQuery shows that a query ends with its time.
func TestSlowQuery(t *testing.T) {
	endless := "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS n FROM n WHERE i > 0 AND :sasl_user IS NOT NULL"
	src := sourceOf(t, map[string]any{"driver": "sqlite", "file": liteFile(t), "query": "SELECT * FROM (" + endless + ") WHERE :client IS NOT NULL", "facts": map[string]any{"n": "number"}})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if row, err := src.find(ctx, []string{"u", "192.0.2.1"}); err == nil {
		t.Error(row)
	}
}

// TestAway shows that a server which is not there leaves facts unknown, and is no
// problem of the settings.
func TestAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	defer func() { _ = listener.Close() }() // takes connections and says nothing
	for name, dsn := range map[string]string{"refuses": "host=127.0.0.1 port=1 user=u", "says nothing": "host=127.0.0.1 user=u port=" + port, "no socket": "host=/nonexistent user=u"} {
		t.Run(name, func(t *testing.T) {
			p := plugintest.Run(t, plugin(), text(t, with(partnersBy("postgres", "dsn", dsn), map[string]any{"timeout": "200ms"})))
			if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "bank.example"}); err == nil || len(got) > 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// bench measures one lookup of a source.
func bench(b *testing.B, set map[string]any) {
	src := sourceOf(b, set)
	for b.Loop() {
		if row, err := src.find(b.Context(), []string{"bank.example"}); err != nil || row == nil {
			b.Fatal(row, err)
		}
	}
}

func BenchmarkSQLite(b *testing.B) {
	bench(b, partnersBy("sqlite", "file", liteFile(b)))
}

func BenchmarkCSV(b *testing.B) {
	file := filepath.Join(b.TempDir(), "partners.csv")
	if err := os.WriteFile(file, []byte("sender_domain,tier\nbank.example,gold\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	bench(b, map[string]any{"driver": "csv", "file": file, "key": []string{"sender_domain"}, "facts": map[string]any{"tier": "name"}})
}
