package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
)

// runDaemon is the daemon as a process of its own, until SIGTERM or for a long time.
func runDaemon(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := Run(ctx, filepath.Join(dir, "tlswarden.toml"), "test", Signals{}, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveTier is a plugin that knows that everybody is gold.
func serveTier() {
	types := map[string]plugins.Type{"name": plugins.Name, "text": plugins.Text}
	plugins.Serve(plugins.Plugin{
		Name: "tier", Version: "1", Needs: []string{"sender_domain"}, Facts: []plugins.Fact{{Key: "tier", Type: types[os.Getenv("TIER")]}},
		Lookup: func(context.Context, plugins.Session) (plugins.Answer, error) {
			return plugins.Answer{Facts: plugins.Facts{"tier": "gold"}}, nil
		},
	})
}

// script writes a program and returns the configuration that runs it as a plugin.
func script(t *testing.T, text string) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "plugin")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\necho $$ >pid.new; mv pid.new pid\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("[plugin.stub]\npath = %q\n", path)
}

// tier runs the plugin with the type in the file "type", or fails without one.
func tier(t *testing.T) (dir, config string) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return script(t, "test -e type || exit 1\nTIER=$(cat type) AS_PLUGIN=tier exec "+self+"\n")
}

// pid is the process of the script.
func pid(t *testing.T, dir string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(testkit.File(t, filepath.Join(dir, "pid"))))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// waitTimes waits until the log has a text several times.
func (r *running) waitTimes(text string, n int) {
	r.t.Helper()
	testkit.Until(r.t, func() bool { return strings.Count(r.out.String(), text) >= n }, "the log says %q %d times:\n%s", text, n, r.out)
}

const (
	ruleGold = "[[rule]]\nname = \"exempt\"\nwhen = { plugin.stub.tier = \"Gold\" }\naction = \"accept\"\n" + ruleTag
	loaded   = "msg=\"the rules are loaded with what plugins offer\" plugins=stub rules=3"
)

// TestPluginHangs shows that the daemon answers, reloads and ends while a plugin is
// still to start, and takes it along.
func TestPluginHangs(t *testing.T) {
	dir, plugin := script(t, "exec sleep 1000\n")
	r := start(t, config+plugin, ruleGold)
	id := pid(t, dir)
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("%q", got)
	}
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	if log := r.stop(); strings.Contains(log, "does not run") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the plugin was waited for, or has failed already:\n%s", log)
	}
	if err := syscall.Kill(id, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the plugin outlives the daemon: %v", err)
	}
}

// TestPluginComesLate shows that the rules are loaded again, once, when a plugin
// comes up after the start, and when it comes back as another version.
func TestPluginComesLate(t *testing.T) {
	dir, plugin := tier(t)
	r := start(t, config+plugin, ruleGold)
	r.wait("without knowing what plugins offer")
	become := func(kind string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "type"), []byte(kind), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("without the plugin: %q", got)
	}
	become("text")
	r.waitTimes(loaded, 1)
	if got := r.ask(2); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("gold is not Gold as a text: %q", got)
	}
	become("name")
	if err := syscall.Kill(pid(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.waitTimes(loaded, 2)
	if got := r.ask(3); got != "action=DUNNO" {
		t.Errorf("gold is Gold as a name: %q", got)
	}
	if err := syscall.Kill(pid(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.waitTimes("msg=\"plugin started\"", 3)
	time.Sleep(2 * lookEvery)
	if log := r.stop(); strings.Count(log, loaded) != 2 || strings.Count(log, "without knowing") != 1 || strings.Count(log, "level=ERROR") != 1 {
		t.Errorf("not everything is told once:\n%s", log)
	}
}

// TestPluginOfAnotherKind shows that a fact is unknown that the rules in place take
// for something else than the plugin says, where they cannot be loaded again.
func TestPluginOfAnotherKind(t *testing.T) {
	test := "[[test]]\nname = \"as a name\"\nsession = { tls = false, plugin.stub.tier = \"gold\" }\nexpect = { action = \"accept\" }\n"
	dir, plugin := tier(t)
	r := start(t, config+plugin, ruleGold+test)
	if err := os.WriteFile(filepath.Join(dir, "type"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.waitTimes("the rules are not in order with what plugins offer; the policy that runs stays", 1)
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("a text is compared as a name: %q", got)
	}
	r.write("rules.toml", ruleGold)
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	if got := r.ask(2); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("after a reload: %q", got)
	}
	if log := r.stop(); strings.Count(log, "not in order with what plugins offer") != 1 || !strings.Contains(log, `test \"as a name\"`) {
		t.Errorf("the log is\n%s", log)
	}
}

// TestFailingTestsAtStart shows that a test which failed already when the policy was
// put in place does not keep it from being loaded with what plugins offer.
func TestFailingTestsAtStart(t *testing.T) {
	test := "[[test]]\nname = \"never\"\nsession = { tls = false, plugin.stub.tier = \"silver\" }\nexpect = { action = \"accept\" }\n"
	dir, plugin := tier(t)
	r := start(t, config+plugin, ruleGold+test)
	if err := os.WriteFile(filepath.Join(dir, "type"), []byte("name"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.waitTimes(loaded, 1)
	if got := r.ask(1); got != "action=DUNNO" {
		t.Errorf("%q", got)
	}
	if log := r.stop(); strings.Count(log, `test \"never\"`) != 1 {
		t.Errorf("the failure is not told once:\n%s", log)
	}
}

// TestPluginInheritsNoSocket shows that a plugin does not get the sockets that the
// service manager passed to the daemon.
func TestPluginInheritsNoSocket(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc")
	}
	dir, plugin := script(t, "ls -l /proc/$$/fd >files.new; mv files.new files; exec sleep 1000\n")
	r := &running{t: t, dir: t.TempDir()}
	r.write("tlswarden.toml", config+plugin)
	r.write("rules.toml", ruleTag)
	ln, err := net.Listen("unix", filepath.Join(r.dir, "policy"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.out = &output{}
	cmd := exec.Command("/bin/sh", "-c", "LISTEN_PID=$$ exec "+self)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "AS_DAEMON="+r.dir)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{file}, r.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = syscall.Kill(pid(t, dir), syscall.SIGKILL)
	}()
	if got := r.ask(1); !strings.HasPrefix(got, "action=PREPEND") {
		t.Errorf("by the passed socket: %q", got)
	}
	pid(t, dir)
	if files := testkit.File(t, filepath.Join(dir, "files")); strings.Contains(files, "socket:") {
		t.Errorf("the plugin has a socket:\n%s", files)
	}
}

// TestPluginOfAnotherUser shows that who checks a configuration as another user than
// the daemon's is told why a program is refused.
func TestPluginOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir, plugin := script(t, "exit 1\n")
	if err := os.Chown(filepath.Join(dir, "plugin"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "tlswarden.toml")
	if err := os.WriteFile(file, []byte(plugin), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found := LoadConfig(file)
	if len(found) > 0 {
		t.Fatal(found)
	}
	plugins, found := c.StartPlugins(t.Context(), slog.New(slog.DiscardHandler))
	defer plugins.Close()
	if len(found) != 1 || !strings.Contains(found[0].Message, "(uid 12345)") || found[0].Hint != "if that is the user that the daemon runs as, run this as that user" {
		t.Errorf("%v", found)
	}
}
