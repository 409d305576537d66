package main

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// server is a PostgreSQL server of the test's own, on a socket in a directory of
// its own.
type server struct {
	dir     string
	bin     string
	command *exec.Cmd
}

func (s *server) dsn() string { return "host=" + s.dir + " user=postgres dbname=postgres" }

// postgresServer starts a server, with the table. Without PostgreSQL the test is
// skipped, and with CI set it fails.
func postgresServer(t *testing.T) *server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian has it
	if len(found) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("PostgreSQL is not installed (Debian package postgresql)")
		}
		t.Skip("PostgreSQL is not installed (Debian package postgresql)")
	}
	dir, err := os.MkdirTemp("", "pg") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{dir: dir, bin: filepath.Dir(found[len(found)-1])}
	if id := s.unprivileged(t); id != nil {
		if err := os.Chown(dir, int(id.Uid), int(id.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.program(t, "initdb", "-D", dir+"/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.start(t)
	t.Cleanup(s.stop)
	s.do(t, "CREATE TABLE partners (domain text, tier varchar(20), exempt boolean, since date, n bigint, note text)", rows,
		"CREATE TABLE nets (net cidr, tier text)", "INSERT INTO nets VALUES ('192.0.2.0/24', 'net'), ('2001:db8::/32', 'six')")
	return s
}

// unprivileged is who runs the server, which refuses to run as root.
func (s *server) unprivileged(t *testing.T) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *server) program(t *testing.T, name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.unprivileged(t), Pdeathsig: syscall.SIGINT}
	return c
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.command = s.program(t, "postgres", "-D", s.dir+"/data", "-k", s.dir, "-c", "listen_addresses=", "-F", "-c", "log_min_messages=panic")
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Until(t, func() bool { return s.program(t, "pg_isready", "-q", "-h", s.dir).Run() == nil }, "PostgreSQL answers")
}

// stop ends the server at once, and its connections.
func (s *server) stop() {
	_ = s.command.Process.Signal(syscall.SIGINT) // PostgreSQL manual, "Shutting Down the Server": fast
	_ = s.command.Wait()
}

func (s *server) do(t *testing.T, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", s.dsn())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPostgres runs all with a real server: it takes some seconds to start.
func TestPostgres(t *testing.T) {
	s := postgresServer(t)
	set := partnersBy("postgres", "dsn", s.dsn())
	t.Run("rows", func(t *testing.T) { checkPartners(t, set) })
	t.Run("many", func(t *testing.T) { checkMany(t, set) })
	t.Run("queries", func(t *testing.T) {
		checkQueries(t, set, map[string]string{
			"SELECT tier FROM partners WHERE domain = :sender_domain":                       "",
			"SELECT tier FROM other WHERE domain = :sender_domain":                          `query: ERROR: relation "other" does not exist`,
			"SELEC tier FROM partners WHERE domain = :sender_domain":                        "syntax error",
			"SELECT n FROM partners WHERE domain = :sender_domain":                          `query: must have the column "tier" once; it has n`,
			"DELETE FROM partners WHERE domain = :sender_domain RETURNING tier":             "query: ERROR: cannot execute DELETE in a read-only transaction",
			"SELECT tier FROM partners WHERE domain = :sender_domain; DELETE FROM partners": "query: ERROR: cannot insert multiple commands into a prepared statement",
		})
	})
	t.Run("addresses", func(t *testing.T) {
		s.do(t, addressTables()...)
		checkAddressQueries(t, set)
	})
	t.Run("networks", func(t *testing.T) { checkNetworks(t, set) })
	t.Run("slow", func(t *testing.T) { checkSlow(t, set) })
	t.Run("broken values", func(t *testing.T) { checkColumnTypes(t, set) })
	t.Run("values", func(t *testing.T) { checkPostgresValues(t, s, set) })
	t.Run("altered", func(t *testing.T) { checkAltered(t, s, set) })
	t.Run("restart", func(t *testing.T) { checkRestart(t, s, set) })
}

// checkNetworks shows that a query can look for the client in networks.
func checkNetworks(t *testing.T, set map[string]any) {
	query := "SELECT tier FROM nets WHERE net >>= :client::inet ORDER BY masklen(net) DESC LIMIT 1"
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"query": query, "facts": map[string]any{"tier": "name"}, "default": nil})))
	for client, want := range map[string]any{"192.0.2.7": "net", "2001:db8::1": "six", "203.0.113.1": nil} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"client": client})
		if err != nil || got["tier"] != want || got["found"] != (want != nil) {
			t.Errorf("%s: %v, %v", client, got, err)
		}
	}
}

// checkSlow shows that a query ends with its time, and others go on.
func checkSlow(t *testing.T, set map[string]any) {
	query := "SELECT 'x' AS tier FROM pg_sleep(CASE :sender_domain WHEN 'slow' THEN 60 ELSE 0 END)"
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"query": query, "timeout": "500ms", "facts": map[string]any{"tier": "name"}, "default": nil})))
	if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "slow"}); err == nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	for range 50 { // until the machine has time for it
		if got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "fast"}); err == nil && got["tier"] == "x" {
			return
		}
	}
	t.Error("nothing is answered any more")
}

// checkColumnTypes shows that a column of another type is an error that names it.
func checkColumnTypes(t *testing.T, set map[string]any) {
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{
		"query": "SELECT 5 AS tier, repeat('x', 1000000) AS note, 1.5::numeric AS n, '192.0.2.1'::inet AS a WHERE :sender_domain <> ''", "default": nil,
		"facts": map[string]any{"tier": "name", "note": "text", "n": "number", "a": "address"},
	})))
	got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "x"})
	if len(got) != 2 || got["found"] != true || got["a"] == nil || err == nil {
		t.Errorf("%v, %v", got, err)
		return
	}
	for _, part := range []string{"column tier: 5 is not a name; write a text; in a query, CAST(column AS text)", "column note: a text of 1000000 octets", "column n: 1.5 is not a whole number; write a whole number in digits alone, such as 1500"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
}

// checkRestart shows that a server which ends and comes back is asked again.
func checkRestart(t *testing.T, s *server, set map[string]any) {
	p := plugintest.Run(t, plugin(), text(t, set))
	ask := func() (plugins.Facts, error) {
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		return p.Lookup(ctx, plugins.Facts{"sender_domain": "bank.example"})
	}
	if got, err := ask(); err != nil || got["tier"] != "gold" {
		t.Fatal(got, err)
	}
	s.stop()
	if got, err := ask(); err == nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
	s.start(t)
	var err error
	for range 20 { // each may meet one more connection that broke
		var got plugins.Facts
		if got, err = ask(); err == nil && got["tier"] == "gold" {
			return
		}
	}
	t.Errorf("the server that came back is not asked: %v", err)
}
