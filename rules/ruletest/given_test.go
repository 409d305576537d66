package ruletest

import (
	"testing"
	"time"

	"tlswarden/rules"
)

// TestWith shows that facts given as text are those of a test, and that what
// cannot be is refused as there.
func TestWith(t *testing.T) {
	base := Facts{"client": "192.0.2.1", "tls_version": "TLSv1.3", "size": int64(1)}
	f, err := base.With(nil, map[string]string{"tls_version": "TLSv1.1", "authenticated": "true", "server_port": "587", "now": "2027-01-31", "listener.tls_seen": "false", "message.encrypted": "smime", "message.tls_required_no": "false"})
	if err != nil {
		t.Fatal(err)
	}
	s := f.Session(time.Now())
	for name, want := range map[string]string{
		"client": "192.0.2.1", "tls": "true", "tls_version": "TLSv1.1", "authenticated": "true", "server_port": "587",
		"listener.tls_seen": "false", "listener.cert_seen": "true", "size": "1", "sender": "",
		"message.encrypted": "smime", "message.tls_required_no": "false",
		"now": time.Date(2027, 1, 31, 0, 0, 0, 0, time.Local).UTC().Format(time.RFC3339),
	} {
		field := rules.FieldByName(name)
		if v, known := field.Read(s); !known || field.Format(v) != want {
			t.Errorf("%s is %q, known %v; want %q", name, field.Format(v), known, want)
		}
	}
	if base["tls_version"] != "TLSv1.3" {
		t.Error("the facts that were added to have changed")
	}
}

func TestWithWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, value, want string
	}{
		{"clinet", "192.0.2.1", `there is no field "clinet" (did you mean client?)`},
		{"client", "mx", "client takes an IP address"},
		{"tls", "yes", "tls takes true or false"},
		{"size", "big", "size takes a number"},
		{"size", "-1", "size takes a number"},
		{"message.encrypted", "pgpp", `message.encrypted takes one of smime, pgp, no, not "pgpp" (did you mean pgp?)`},
		{"message.tls_required_no", "no", "message.tls_required_no takes true or false"},
		{"now", "today", "now takes a date such as 2027-01-31 or 2027-01-31T12:00:00Z"},
		{"tls", "false", "a session in plaintext has no cipher"},
	} {
		_, err := Facts{"cipher": "AES128-SHA"}.With(nil, map[string]string{c.name: c.value})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: error %v, want %q", c.name, c.value, err, c.want)
		}
	}
}
