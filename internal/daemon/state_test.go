package daemon

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/rules"
)

const ruleRefuse = "[[rule]]\nname = \"r\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n"

// askAbout asks the policy service about a session from a client, with a TLS version
// or without TLS.
func (r *running) askAbout(client, version string) string {
	r.t.Helper()
	c, err := net.Dial("unix", filepath.Join(r.dir, "policy"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	cipher, bits := "", 0
	if version != "" {
		cipher, bits = "TLS_AES_128_GCM_SHA256", 128
	}
	fmt.Fprintf(c, "request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=\nclient_address=%s\nserver_address=192.0.2.25\nserver_port=25\n"+
		"sender=a@example.org\nrecipient=b@example.com\nencryption_protocol=%s\nencryption_cipher=%s\nencryption_keysize=%d\n\n", client, version, cipher, bits)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	action, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return action
}

func (r *running) want(client, version, want string) {
	r.t.Helper()
	if got := r.askAbout(client, version); got != "action="+want {
		r.t.Errorf("%s, %q: %s, want %s", client, version, got, want)
	}
}

// TestRestart shows that a daemon goes on where the one before it ended: it rejects
// at once, without a false alarm, and only for clients of the kind that showed TLS.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir+":/nonexistent/of/the/admin")
	r := start(t, config, ruleRefuse)
	r.want("198.51.100.7", "", "450")
	r.want("198.51.100.7", "TLSv1.3", "DUNNO")
	r.want("198.51.100.8", "", "530")
	if out := r.stop(); strings.Count(out, "level=ERROR") != 1 || !strings.Contains(out, "has been seen here since tlswarden began watching at ") {
		t.Errorf("the log is\n%s", out)
	}
	info, err := os.Stat(filepath.Join(dir, listenersFile))
	if err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	r = start(t, config, ruleRefuse)
	r.want("198.51.100.8", "", "530")
	if out := r.out.String(); strings.Contains(out, "level=ERROR") || strings.Contains(out, "level=WARN") {
		t.Errorf("the log is\n%s", out)
	}
	r.want("10.0.0.5", "", "450")
	r.stop()
}

// TestWithoutStateDir shows that nothing is kept where there is no directory, and
// that the log mentions it.
func TestWithoutStateDir(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	r := start(t, config, ruleRefuse)
	r.want("198.51.100.7", "TLSv1.3", "DUNNO")
	if out := r.stop(); strings.Count(out, `level=INFO msg="no state directory: `) != 1 || strings.Contains(out, "level=WARN") {
		t.Errorf("the log is\n%s", out)
	}
}

// TestForeignState shows that a file which is not as it should be is ignored, with a
// warning that says what is wrong, and replaced.
func TestForeignState(t *testing.T) {
	good, err := renderSeen(gate.Seen{Since: time.Now(), Sightings: []gate.Sighting{{Server: netip.MustParseAddrPort("192.0.2.25:25"), Clients: gate.Public, TLS: time.Now()}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "unexpected end of JSON input"},
		{"cut off", text[:len(text)/2], "unexpected end of JSON input"},
		{"with zeros", text[:len(text)/2] + strings.Repeat("\x00", 512), `invalid character`},
		{"two in one", text + text, "invalid character '{' after top-level value"},
		{"another file", "[plugin.dns]\n", "invalid character 'p'"},
		{"a list", "[]", "a JSON array stands where none belongs"},
		{"of a newer release", strings.Replace(text, `"version": 1`, `"version": 2`, 1), "version 2, of another release of tlswarden; this one knows version 1"},
		{"without a version", "{}", "version 0, of another release"},
		{"another kind", strings.Replace(text, "public", "martian", 1), "listener 1 is not of the form that is written"},
		{"no server", strings.Replace(text, "192.0.2.25:25", "", 1), "listener 1 is not of the form that is written"},
		{"no time", strings.Replace(text, `"tls"`, `"tsl"`, 1), "listener 1 is not of the form that is written"},
		{"an odd time", strings.Replace(text, `"tls": "`, `"tls": "x`, 1), "parsing time"},
		{"very long", strings.Repeat(" ", 65<<20), "longer than 67108864 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, listenersFile)
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("STATE_DIRECTORY", dir)
			r := start(t, config, ruleRefuse)
			r.want("198.51.100.8", "", "450")
			out := r.stop()
			if !strings.Contains(out, `level=WARN msg="the record of TLS seen before the start cannot be read: `) || !strings.Contains(out, file+": "+c.want) {
				t.Errorf("want %q, the log is\n%s", c.want, out)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseSeen(data, time.Now()); err != nil {
				t.Errorf("it was not replaced: %v", err)
			}
		})
	}
}

// TestUnwritableState shows that mail goes on where the file cannot be written, that
// a warning says so once an hour, and that it is written once it can be.
func TestUnwritableState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not there yet")
	synctest.Test(t, func(t *testing.T) {
		out := &output{}
		g := seenBefore(out)
		k := keep(dir, g, slog.New(slog.NewTextHandler(out, nil)))
		time.Sleep(3*time.Hour - time.Minute)
		synctest.Wait()
		if n := strings.Count(out.String(), "level=WARN msg=\"the record of TLS seen cannot be written: "); n != 3 || !strings.Contains(out.String(), "no such file or directory") {
			t.Errorf("%d warnings in three hours:\n%s", n, out)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keepEvery)
		synctest.Wait()
		if _, err := os.Stat(filepath.Join(dir, listenersFile)); err != nil {
			t.Error(err)
		}
		k.close()
	})
}

// seenBefore is a gate that has seen one listener, just now.
func seenBefore(log io.Writer) *gate.Gate {
	g := gate.New(gate.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	g.Recall(gate.Seen{Sightings: []gate.Sighting{{Server: netip.MustParseAddrPort("192.0.2.25:25"), Clients: gate.Public, TLS: time.Now()}}})
	return g
}

// TestSeldomWritten shows that a daemon that is killed has written what was new
// within five minutes, and that one under load writes once an hour.
func TestSeldomWritten(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		g := seenBefore(io.Discard)
		k := keep(dir, g, slog.New(slog.NewTextHandler(io.Discard, nil)))
		var last os.FileInfo
		written := 0
		look := func() {
			synctest.Wait()
			info, err := os.Stat(filepath.Join(dir, listenersFile))
			if err != nil {
				t.Fatal(err)
			}
			if last == nil || !os.SameFile(last, info) {
				written++
			}
			last = info
		}
		look()
		for range 10 * 60 {
			time.Sleep(time.Minute)
			g.Recall(gate.Seen{Sightings: []gate.Sighting{{Server: netip.MustParseAddrPort("192.0.2.25:25"), Clients: gate.Public, TLS: time.Now()}}})
			look()
		}
		if written < 9 || written > 11 {
			t.Errorf("written %d times in ten hours", written)
		}
		g.Recall(gate.Seen{Sightings: []gate.Sighting{{Server: netip.MustParseAddrPort("192.0.2.25:25"), Clients: gate.Private, TLS: time.Now()}}})
		time.Sleep(keepEvery)
		synctest.Wait()
		data, err := os.ReadFile(filepath.Join(dir, listenersFile))
		if err != nil || !strings.Contains(string(data), "private") {
			t.Errorf("what is new is not written: %v\n%s", err, data)
		}
		k.close()
	})
}

// TestSeenFile shows the form of the file, and that all comes back from it.
func TestSeenFile(t *testing.T) {
	at := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	seen := gate.Seen{Since: at.Add(-time.Hour), Sightings: []gate.Sighting{
		{Server: netip.MustParseAddrPort("[2001:db8::25]:25"), Clients: gate.Public, TLS: at},
		{Host: rules.Host{Address: netip.MustParseAddr("203.0.113.1"), Name: "mx.example.com"}, Server: netip.MustParseAddrPort("172.17.0.2:25"),
			Clients: gate.Private, TLS: at.Add(-time.Minute), Cert: at.Add(-2 * time.Minute)},
	}}
	data, err := renderSeen(seen, at.Add(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
	"version": 1,
	"written": "2027-01-31T12:00:00Z",
	"since": "2027-01-31T11:00:00Z",
	"listeners": [
		{
			"server": "[2001:db8::25]:25",
			"clients": "public",
			"tls": "2027-01-31T12:00:00Z"
		},
		{
			"host": "203.0.113.1",
			"name": "mx.example.com",
			"server": "172.17.0.2:25",
			"clients": "private",
			"tls": "2027-01-31T11:59:00Z",
			"cert": "2027-01-31T11:58:00Z"
		}
	]
}
`
	if string(data) != want {
		t.Errorf("the file is\n%s", data)
	}
	if got, err := parseSeen(data, at.Add(time.Hour)); err != nil || !reflect.DeepEqual(got, seen) {
		t.Errorf("%+v, %v; want %+v", got, err, seen)
	}
	if got, err := parseSeen(data, at.Add(countsFor)); err != nil || !got.Since.IsZero() {
		t.Errorf("a day later the gate has watched since %v, %v", got.Since, err)
	}
}
