package main

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// TestSecretSettings shows that of a connection string which cannot be read no
// password is told, but what is wrong.
func TestSecretSettings(t *testing.T) {
	for dsn, want := range map[string]string{
		"port=x password=geheim":                                                 "invalid port",
		"host=127.0.0.1 password=geheim sslmode=bogus":                           "failed to configure TLS",
		"host=127.0.0.1 password = geheim sslmode=bogus":                         "failed to configure TLS",
		`host=127.0.0.1 password='ge\'heim' sslmode=bogus`:                       "failed to configure TLS",
		"host=127.0.0.1 password='a geheim' sslmode=bogus":                       "failed to configure TLS",
		"host=127.0.0.1 PASSWORD=geheim sslmode=bogus":                           "failed to parse as keyword/value|failed to configure TLS",
		"host=127.0.0.1 password='a geheim":                                      "failed to parse as keyword/value",
		"host=127.0.0.1 password=a geheim port":                                  "failed to parse as keyword/value",
		"geheim":                                                                 "failed to parse as keyword/value",
		"host=h password=geheim sslrootcert=/nonexistent/ca sslmode=verify-full": "failed to configure TLS: no such file or directory",
		"password=geheim target_session_attrs=geheim":                            "unknown target_session_attrs",
		"postgres://u:geheim@127.0.0.1:x/db":                                     "invalid port",
		"postgres://u:ge%zzheim@127.0.0.1/db":                                    "failed to parse as URL",
		"postgres://u:ge/heim@127.0.0.1/db":                                      "has an @ too many",
		"postgres://u:1/heim@127.0.0.1/db":                                       "has an @ too many",
		"postgres://u:ge@heim@127.0.0.1/db":                                      "has an @ too many",
		"postgresql://u:1/heim@127.0.0.1/db":                                     "has an @ too many",
		"postgres://127.0.0.1/db?user=u&password=geheim&sslmode=bogus":           "failed to configure TLS",
	} {
		err := plugintest.Configure(t, plugin(), text(t, partnersBy("postgres", "dsn", dsn)))
		if err == nil || !strings.HasPrefix(err.Error(), "dsn: ") || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		found := false
		for one := range strings.SplitSeq(want, "|") {
			found = found || strings.Contains(err.Error(), one)
		}
		if !found {
			t.Errorf("%s: %v; want %s", dsn, err, want)
		}
	}
	for _, set := range []map[string]any{
		{"driver": "postgres://u:geheim@h/db"}, {"driver": "postgres", "query": "SELECT :client", "file": "password=geheim"},
	} {
		if err := plugintest.Configure(t, plugin(), text(t, set)); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v: %v", set, err)
		}
	}
}

// refusing is a PostgreSQL server that asks for the password and refuses it.
func refusing(t *testing.T) (port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(testkit.Patience))
				b := pgproto3.NewBackend(c, c)
				if _, err := b.ReceiveStartupMessage(); err != nil {
					return
				}
				b.Send(&pgproto3.AuthenticationCleartextPassword{})
				_ = b.Flush()
				_ = b.SetAuthType(pgproto3.AuthTypeCleartextPassword)
				if _, err := b.Receive(); err != nil {
					return
				}
				b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "password authentication failed"})
				_ = b.Flush()
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}

// TestSecretConnect shows that neither the log at the start nor the answer to a
// lookup tells the password where the server is away, refuses it, or is none; and that
// the cause is told.
func TestSecretConnect(t *testing.T) {
	port := refusing(t)
	for dsn, want := range map[string]string{
		"host=127.0.0.1 port=1 user=u password=geheim dbname=partners":                            "connection refused",
		"host=127.0.0.1 user=u password=geheim sslmode=disable dbname=partners port=" + port:      "password authentication failed",
		"postgres://u:geheim@127.0.0.1:" + port + "/partners?sslmode=disable":                     "password authentication failed",
		"postgres://u:ge%2Fheim@127.0.0.1:1/partners":                                             "connection refused",
		"host=/nonexistent user=u password='a geheim' dbname=partners":                            "no such file or directory",
		"host=127.0.0.1,127.0.0.1 port=1,1 user=u password=geheim dbname=partners sslmode=prefer": "connection refused",
	} {
		var err error
		log := standardError(t, func() {
			p := plugintest.Run(t, plugin(), text(t, partnersBy("postgres", "dsn", dsn)))
			_, err = p.Lookup(t.Context(), plugins.Facts{"sender_domain": "bank.example"})
		})
		if err == nil {
			t.Errorf("%s: no error", dsn)
			continue
		}
		for _, told := range []string{log, err.Error()} {
			if strings.Contains(told, "heim") || !strings.Contains(told, want) || !strings.Contains(told, "partners") {
				t.Errorf("%s: %q, want %s", dsn, told, want)
			}
		}
	}
}

// standardError is what a function writes there.
func standardError(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = before }()
	f()
	_ = w.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
