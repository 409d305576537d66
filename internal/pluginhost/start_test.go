package pluginhost

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/rules"
)

// copyStub puts the stub into a directory of its own.
func copyStub(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(stub(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func sha(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// TestDoesNotStart shows for each way in which a plugin does not start the whole
// error, and that the mail goes on: facts are unknown, and the end is not delayed.
func TestDoesNotStart(t *testing.T) {
	fits := strings.Repeat("0", 64)
	for _, c := range []struct {
		name  string
		args  []string
		also  func(t *testing.T, c *Config)
		state State
		want  string // regular expression
	}{
		{name: "wrong checksum", also: func(_ *testing.T, c *Config) { c.SHA256 = fits }, state: Failed,
			want: `the checksum of /.*/stub is [0-9a-f]{64}, not the pinned 0{64}`},
		{name: "not there", also: func(_ *testing.T, c *Config) { c.Path = "/no/such/program" }, state: Failed, want: `lstat /no: no such file or directory`},
		{name: "not executable", also: func(t *testing.T, c *Config) { c.Path = copyStub(t); chmod(t, c.Path, 0o644) }, state: Failed,
			want: `/.*/program is not an executable file`},
		{name: "a directory", also: func(t *testing.T, c *Config) { c.Path = t.TempDir() }, state: Failed, want: `/.* is not an executable file`},
		{name: "no program", also: func(t *testing.T, c *Config) {
			c.Path = filepath.Join(t.TempDir(), "text")
			if err := os.WriteFile(c.Path, []byte("just text\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, state: BackingOff, want: `fork/exec /.*/text: exec format error`},
		{name: "writable by others", also: func(t *testing.T, c *Config) { c.Path = copyStub(t); chmod(t, c.Path, 0o757) }, state: Failed,
			want: `/.*/program can be written by others \(mode 0757\)`},
		{name: "writable by others, with the sticky bit", also: func(t *testing.T, c *Config) {
			c.Path = copyStub(t)
			chmod(t, c.Path, 0o757|os.ModeSticky) // which protects what is in a directory
		}, state: Failed, want: `/.*/program can be written by others \(mode 0757\)`},
		{name: "writable by a group", also: func(t *testing.T, c *Config) { c.Path = copyStub(t); chmod(t, c.Path, 0o775) }, state: Failed,
			want: `/.*/program can be written by others \(mode 0775\)`},
		{name: "in a directory writable by others", also: func(t *testing.T, c *Config) { c.Path = copyStub(t); chmod(t, filepath.Dir(c.Path), 0o777) }, state: Failed,
			want: `/.*/00[0-9] can be written by others \(mode 0777\)`},
		{name: "linked from a directory writable by others", also: func(t *testing.T, c *Config) {
			dir := t.TempDir()
			chmod(t, dir, 0o777)
			if err := os.Symlink(c.Path, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			c.Path = filepath.Join(dir, "link")
		}, state: Failed, want: `/.*/00[0-9] can be written by others \(mode 0777\)`},
		{name: "of another user", also: func(t *testing.T, c *Config) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			c.Path = copyStub(t)
			if err := os.Chown(c.Path, 12345, 0); err != nil {
				t.Fatal(err)
			}
		}, state: Failed, want: `/.*/program belongs to another user \(uid 12345\)`},
		{name: "prints before the handshake", args: []string{"early"}, state: Failed,
			want: `it wrote "hello, I am a plugin" to its standard output instead of the handshake`},
		{name: "prints a line without end", args: []string{"endless-line"}, state: Failed,
			want: `it wrote "(no end ){14}no\.\.\." to its standard output instead of the handshake`},
		{name: "another version", args: []string{"say", "1|2|unix|DIR/plugin|grpc|x"}, state: Failed, want: `it speaks version 2 of the protocol, and this daemon version 1`},
		{name: "another core version", args: []string{"say", "2|1|unix|DIR/plugin|grpc|x"}, state: Failed, want: `it wrote "2\|1\|unix\|.*" to its standard output instead of the handshake`},
		{name: "a port", args: []string{"say", "1|1|tcp|127.0.0.1:25|grpc|x"}, state: Failed, want: `it listens on a socket of the network "tcp"; only "unix" is taken`},
		{name: "a socket elsewhere", args: []string{"say", "1|1|unix|/run/other|grpc|x"}, state: Failed, want: `its socket "/run/other" is not in the directory PLUGIN_UNIX_SOCKET_DIR`},
		{name: "a socket above", args: []string{"say", "1|1|unix|DIR/../other|grpc|x"}, state: Failed, want: `its socket "/.*/\.\./other" is not in the directory PLUGIN_UNIX_SOCKET_DIR`},
		{name: "another protocol", args: []string{"say", "1|1|unix|DIR/plugin|netrpc|x"}, state: Failed, want: `it speaks "netrpc"; only "grpc" is taken`},
		{name: "no certificate", args: []string{"say", "1|1|unix|DIR/plugin|grpc"}, state: Failed, want: `it has no certificate; a plugin that cannot do this needs mtls = false`},
		{name: "no such certificate", args: []string{"say", "1|1|unix|DIR/plugin|grpc|" + strings.Repeat("A", 60)}, state: BackingOff, want: `error parsing server cert: x509: .*`},
		{name: "a certificate that nobody asked for", args: []string{"say", "1|1|unix|DIR/plugin|grpc|" + strings.Repeat("A", 60)},
			also: func(_ *testing.T, c *Config) { c.MTLS = false }, state: Failed, want: `it has a certificate, and mtls is false`},
		{name: "no socket", args: []string{"say", "1|1|unix|DIR/plugin|grpc"}, also: func(_ *testing.T, c *Config) { c.MTLS = false }, state: BackingOff,
			want: `.*connect: no such file or directory.*`},
		{name: "wrong cookie", args: []string{"cookie"}, state: BackingOff, want: `it ended before the handshake \(exit status 1\): load any plugins automatically`},
		{name: "exits at once", args: []string{"exit"}, state: BackingOff, want: `it ended before the handshake \(exit status 3\): the database is away`},
		{name: "needs what there is not", args: []string{"undescribed"}, state: Failed, want: `it needs the fact "sendr", which does not exist`},
		{name: "refuses its settings", also: func(_ *testing.T, c *Config) { c.Settings = []byte(`{"table": "none"}`) }, state: Failed,
			want: `it refuses its settings: table: there is no table "none"; query.column: it is missing`},
		{name: "does not know a setting", also: func(_ *testing.T, c *Config) { c.Settings = []byte(`{"tabel": "t"}`) }, state: Failed,
			want: `it refuses its settings: tabel: unknown key`},
		{name: "panics", args: []string{"panic"}, state: Failed, want: `it refuses its settings: panic: oh`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			one := config(t, c.args...)
			if c.also != nil {
				c.also(t, &one)
			}
			at := brisk()
			at.least, at.most = time.Hour, time.Hour
			r := newRig(t, one, at, nil)
			_, err := r.Describe("stub")
			if err == nil || !regexp.MustCompile(`(?s)^plugin stub: `+c.want+`$`).MatchString(err.Error()) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if h := r.health(); h.State != c.state || h.Restarts != 1 || err != nil && h.Error != err.Error() {
				t.Errorf("%+v, want %s", h, c.state)
			}
			if got := r.ask(t, "example.org"); len(got) != 0 || r.health().Absent != 1 {
				t.Errorf("%v", got)
			}
			if r.log.count("plugin does not run; its facts are unknown") != 1 {
				t.Error(r.log)
			}
		})
	}
}

// TestSilent shows that a start has a time limit. The limit is short, so this one is
// not of the table.
func TestSilent(t *testing.T) {
	at := brisk()
	at.start, at.least, at.most = 300*time.Millisecond, time.Hour, time.Hour
	r := newRig(t, config(t, "silent"), at, nil)
	if _, err := r.Describe("stub"); err == nil || err.Error() != "plugin stub: 300ms after its start it has not written the handshake" {
		t.Error(err)
	}
}

// TestStartTakesTooLong shows that one time limit is for all of a start, and that the
// error says what is missing.
func TestStartTakesTooLong(t *testing.T) {
	for mode, want := range map[string]string{
		"mute":           "plugin stub: 5s after its start it has not answered on its socket",
		"slow-configure": "plugin stub: 5s after its start it has not answered Configure",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			at := brisk()
			at.start, at.stop, at.least, at.most = 5*time.Second, time.Hour, time.Hour, time.Hour
			c := config(t, mode)
			c.MTLS = mode != "mute"
			r := newRig(t, c, at, nil)
			if _, err := r.Describe("stub"); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// TestImpossible shows what no start is made for.
func TestImpossible(t *testing.T) {
	for want, all := range map[string][]Config{
		`"a.b" is no name of a plugin: lower-case letters, digits and "_" are, beginning with a letter`: {{Name: "a.b", Path: "/x"}},
		`plugin a: "x" is no absolute path`:                                     {{Name: "a", Path: "x"}},
		`plugin a: "12" is no SHA-256 checksum of 64 hexadecimal digits`:        {{Name: "a", Path: "/x", SHA256: "12"}},
		`plugin a: the environment variable "PLUGIN_CLIENT_CERT" cannot be set`: {{Name: "a", Path: "/x", Env: map[string]string{"PLUGIN_CLIENT_CERT": ""}}},
		`plugin a: the environment variable "A=B" cannot be set`:                {{Name: "a", Path: "/x", Env: map[string]string{"A=B": ""}}},
		`plugin a: timeout, concurrency and cache size are above 0`:             {{Name: "a", Path: "/x", Timeout: -1}},
		`there are two plugins with the name a`:                                 {{Name: "a", Path: "/x"}, {Name: "a", Path: "/y"}},
	} {
		if h, err := Start(t.Context(), all, Options{}); err == nil || err.Error() != want || h != nil {
			t.Errorf("%v, want %s", err, want)
		}
	}
	long := "/" + strings.Repeat("x", maxDir)
	if _, err := Start(t.Context(), []Config{{Name: "a", Path: "/x"}}, Options{Dir: long}); err == nil || !strings.Contains(err.Error(), "has more than 69 octets") {
		t.Error(err)
	}
	h, err := Start(t.Context(), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Describe("a"); err == nil || err.Error() != "there is no plugin with the name a" {
		t.Error(err)
	}
	h.Close()
}

// TestProblems shows that the places of what is wrong in settings are told apart.
func TestProblems(t *testing.T) {
	c := config(t)
	c.Settings = []byte(`{"table": "none"}`)
	r := newRig(t, c, brisk(), nil)
	_, err := r.Describe("stub")
	var s *SettingsError
	want := []Problem{{"table", `there is no table "none"`}, {"query.column", "it is missing"}}
	if !errors.As(err, &s) || !reflect.DeepEqual(s.Problems, want) {
		t.Errorf("%v", err)
	}
}

// TestDescribe shows what is known of a plugin that runs.
func TestDescribe(t *testing.T) {
	c := config(t)
	c.SHA256 = strings.ToUpper(sha(t, c.Path))
	r := started(t, c)
	d, err := r.Describe("stub")
	if err != nil || d.Name != "stub" || d.Version != "1.0" || d.TTL != time.Hour || len(d.Facts) != 7 ||
		!reflect.DeepEqual(d.Facts[1], Fact{"known", rules.KindBool, "the client is known"}) ||
		len(d.Needs) != 1 || d.Needs[0].Name != "sender_domain" || len(d.Wants) != 2 || d.Wants[1].Name != "size" {
		t.Errorf("%+v, %v", d, err)
	}
	if h := r.health(); h.State != Healthy || h.Error != "" {
		t.Errorf("%+v", h)
	}
}

// TestRepaired shows that a plugin that could not run runs once an admin has
// repaired it.
func TestRepaired(t *testing.T) {
	c := config(t)
	c.Path = copyStub(t)
	chmod(t, c.Path, 0o644)
	r := newRig(t, c, brisk(), nil)
	chmod(t, c.Path, 0o755)
	eventually(t, "the plugin runs", func() bool { return r.ask(t, "example.org")["echo"] == "example.org" })
}

// TestEnvironment shows what a plugin gets of the daemon: nothing but what is
// configured and the time zone, and a socket directory of its own that others cannot enter.
func TestEnvironment(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/secret")
	t.Setenv("TZ", "America/Santiago")
	c := config(t)
	c.Env = map[string]string{"PGHOST": "db"}
	for _, mtls := range []bool{true, false} {
		c.MTLS = mtls
		r := started(t, c)
		want := "LANG PATH PGHOST PLUGIN_CLIENT_CERT PLUGIN_MAX_PORT PLUGIN_MIN_PORT PLUGIN_PROTOCOL_VERSIONS PLUGIN_UNIX_SOCKET_DIR TLSWARDEN_PLUGIN TZ in /"
		if !mtls {
			want = strings.Replace(want, "PLUGIN_CLIENT_CERT ", "", 1)
		}
		if got := r.ask(t, "env.example.org")["echo"]; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		dir := r.order[0].current.Load().process.dir
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v, %v", d, info, err)
			}
		}
		r.Close()
		if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
			t.Errorf("%s is still there", dir)
		}
	}
}

// TestZone shows that a plugin is in the time zone of the daemon, unless the admin puts
// it into another one.
func TestZone(t *testing.T) {
	c := config(t)
	t.Setenv("TZ", "") // put back at the end
	for _, step := range []struct {
		daemon string
		own    map[string]string
		want   string
	}{
		{"unset", nil, "unset"},
		{"", nil, `"" UTC`},
		{"America/Santiago", nil, `"America/Santiago" America/Santiago`},
		{"America/Santiago", map[string]string{"TZ": ""}, `"" UTC`},
	} {
		if step.daemon == "unset" {
			_ = os.Unsetenv("TZ")
		} else {
			_ = os.Setenv("TZ", step.daemon)
		}
		c.Env = step.own
		r := started(t, c)
		if got := r.ask(t, "zone.example.org")["echo"]; got != step.want {
			t.Errorf("of a daemon in %q with %v: %s, want %s", step.daemon, step.own, got, step.want)
		}
		r.Close()
	}
}

// TestDir shows that a directory that is given is made, closed to others, and kept.
func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	for range 2 {
		h, err := Start(t.Context(), []Config{config(t)}, Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if in := h.order[0].current.Load(); in == nil || filepath.Dir(in.process.dir) != dir {
			t.Error(h.Health())
		}
		h.Close()
		left, err := os.ReadDir(dir)
		if info, _ := os.Stat(dir); err != nil || len(left) != 0 || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v, %v", left, info, err)
		}
	}
}

// TestStartEnds shows that a start waits no longer than it may, and that the end
// comes while a plugin is starting, too.
func TestStartEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, err := start(ctx, []Config{config(t, "silent")}, Options{}, brisk())
	if err != nil {
		t.Fatal(err)
	}
	if s := h.Health()[0].State; s != Starting {
		t.Error(s)
	}
	h.Close()
	if s := h.Health()[0].State; s != Ended {
		t.Error(s)
	}
}

// TestOrphan shows that a plugin ends with its daemon, even where that is killed.
func TestOrphan(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), "PLUGINHOST_TEST_DAEMON="+stub(t))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatal(line, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if !alive(pid) {
		t.Error("the plugin does not run")
	}
	kill(t, c.Process.Pid, syscall.SIGKILL)
	_ = c.Wait()
	eventually(t, "the plugin has ended", func() bool { return !alive(pid) })
}
