package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"tlswarden/plugins"
)

// TestMain also is a daemon, and the plugins of the tests: one knows one domain from
// its settings, and how often it was asked; another offers a fact of the type that a
// variable names.
func TestMain(m *testing.M) {
	if dir := os.Getenv("AS_DAEMON"); dir != "" {
		runDaemon(dir)
	}
	switch os.Getenv("AS_PLUGIN") {
	case "":
		os.Exit(m.Run())
	case "tier":
		serveTier()
		return
	}
	var settings struct {
		Exempt string `json:"exempt"`
	}
	var calls atomic.Int64
	plugins.Serve(plugins.Plugin{
		Name: "stub", Version: "1", Needs: []string{"sender_domain"},
		Facts:     []plugins.Fact{{Key: "exempt", Type: plugins.Boolean}, {Key: "calls", Type: plugins.Number}},
		Configure: func(s plugins.Settings) error { return s.Decode(&settings) },
		Lookup: func(_ context.Context, s plugins.Session) (plugins.Answer, error) {
			domain, _ := s.Text("sender_domain")
			return plugins.Answer{Facts: plugins.Facts{"exempt": domain == settings.Exempt, "calls": calls.Add(1)}}, nil
		},
	})
}

func withStub(t *testing.T, exempt string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return config + fmt.Sprintf("[plugin.stub]\npath = %q\nenv = { AS_PLUGIN = \"yes\" }\ntimeout = \"8s\"\n[plugin.stub.settings]\nexempt = %q\n", path, exempt)
}

const ruleOften = `
[[rule]]
name = "exempt"
when = { plugin.stub.exempt = true, plugin.stub.calls = 1 }
action = "accept"
[[rule]]
name = "everyone"
require = "any-tls"
otherwise = "defer"
`

// TestPlugins shows that the daemon asks a plugin and keeps what it answers until
// a reload, which does not change how the plugin is started.
func TestPlugins(t *testing.T) {
	r := start(t, withStub(t, "example.org"), ruleOften)
	r.wait("the rules are loaded with what plugins offer")
	for i := range 2 {
		if got := r.ask(i + 1); got != "action=DUNNO" {
			t.Errorf("an exempt sender, the first time or by the cache: %q", got)
		}
	}
	r.write("tlswarden.toml", withStub(t, "example.com"))
	r.write("rules.toml", ruleOften+"# changed")
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	if got := r.ask(3); !strings.HasPrefix(got, "action=450 4.7.0") {
		t.Errorf("asked again after a reload: %q", got)
	}
	r.counts <- syscall.SIGUSR1
	r.wait("msg=plugin plugin=stub state=healthy restarts=0 calls=2 failures=0 cached=1")

	r.write("rules.toml", strings.ReplaceAll(ruleOften, "stub.exempt", "stub.exmept"))
	r.reload <- syscall.SIGHUP
	r.wait("the rules are not in order; the policy that runs stays")
	log := r.stop()
	for _, want := range []string{
		"a change of listen, max_connections, log, on_failure, control or a plugin needs a restart",
		`plugin.stub.exmept: the plugin \"stub\" offers no fact \"exmept\"`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "without knowing") {
		t.Errorf("the plugin is no stranger:\n%s", log)
	}
}

// TestPluginDown shows that a plugin which does not start stops neither the daemon
// nor the mail: its facts are unknown, and their kinds are as rules use them.
func TestPluginDown(t *testing.T) {
	down := config + "[plugin.stub]\npath = \"/nonexistent/stub\"\n"
	r := start(t, down, strings.Replace(ruleOften, `"defer"`, `"reject"`, 1))
	r.wait("without knowing what plugins offer")
	if got := r.ask(1); !strings.HasPrefix(got, "action=450 4.7.0") {
		t.Errorf("who might be exempt: %q", got)
	}
	r.write("rules.toml", strings.Replace(ruleOften, `"defer"`, `"tag"`, 1))
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	if got := r.ask(2); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("after a reload: %q", got)
	}
	log := r.stop()
	for _, want := range []string{
		`level=ERROR msg="plugin stub: lstat /nonexistent: no such file or directory"`, "tlswarden.toml:4",
		`msg="the rules are read without knowing what plugins offer that have not run yet: they are loaded again once these do" plugins=stub`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// TestPluginDirectory shows that a directory for sockets that cannot be made is
// told, and leaves the facts of plugins unknown.
func TestPluginDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUNTIME_DIRECTORY", file)
	r := start(t, withStub(t, "example.org"), ruleOften)
	if got := r.ask(1); !strings.HasPrefix(got, "action=450 4.7.0") {
		t.Errorf("without the plugin: %q", got)
	}
	log := r.stop()
	for _, want := range []string{"no plugin can be started: a directory for the sockets of plugins: mkdir " + file, "without knowing what plugins offer"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}
