package daemon

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/control"
	"tlswarden/internal/testkit"
)

const controlled = config + "[control]\ndirectory = \"asked\"\n"

// told is the status of a running daemon.
func (r *running) told() control.Status {
	r.t.Helper()
	s, err := control.AskStatus(testkit.Context(r.t), filepath.Join(r.dir, "asked"))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *running) reloadAsked() control.Reload {
	r.t.Helper()
	got, err := control.AskReload(testkit.Context(r.t), filepath.Join(r.dir, "asked"))
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

const rejectAll = "[[rule]]\nname = \"all\"\nrequire = \"any-tls\"\notherwise = \"reject\"\n"

// TestStatus shows what a daemon tells of itself: when it is well, when a file has
// changed, when a reload fails, and when one succeeds.
func TestStatus(t *testing.T) {
	r := start(t, controlled, rejectAll)
	s := r.told()
	if s.Version != "test" || s.PID != os.Getpid() || s.Policy == nil || s.Policy.Rules != 2 || s.Enforce != "full" || s.OnFailure != "defer" ||
		s.Level() != control.Well || len(s.Fronts) != 1 || s.Fronts[0].Last != nil || s.Fronts[0].Front != "policy" || s.Reload != nil {
		t.Errorf("%+v", s)
	}
	r.ask(1)
	if s = r.told(); s.Fronts[0].Last == nil || s.Fronts[0].Last.Before(s.Started.Truncate(1e9)) {
		t.Errorf("after a request: %+v", s.Fronts)
	}
	// The plaintext session was deferred, as no TLS was seen here.
	if len(s.Catches) != 1 || s.Level() != control.Warning || !strings.Contains(s.Findings[0].Message, "rejects for its lack") {
		t.Errorf("the safety catch at work: %+v, %+v", s.Catches, s.Findings)
	}

	has := func(level control.Level, text string) {
		t.Helper()
		s = r.told()
		if !slices.ContainsFunc(s.Findings, func(f control.Finding) bool { return f.Level == level && strings.Contains(f.Message, text) }) {
			t.Errorf("no finding that %q: %+v", text, s.Findings)
		}
	}
	r.write("rules.toml", rejectAll+"[[rule]]\nname = \"x\"\n")
	has(control.Warning, "rules.toml has changed since the rules in place were read from it; run \"tlswarden reload\"")
	if got := r.reloadAsked(); got.OK || len(got.Found) == 0 || !strings.Contains(got.Message, "not reloaded: the rules are not in order") {
		t.Errorf("%+v", got)
	}
	has(control.Warning, "the latest reload failed")
	if s.Policy.Rules != 2 {
		t.Errorf("rules %d", s.Policy.Rules)
	}
	r.write("rules.toml", strings.Replace(rejectAll, "reject", "tag", 1))
	if got := r.reloadAsked(); !got.OK || got.Message != "reloaded: 2 rules, enforce = full" {
		t.Errorf("%+v", got)
	}
	if s = r.told(); s.Reload == nil || !s.Reload.OK || len(s.Policy.Differs) > 0 {
		t.Errorf("%+v %+v", s.Reload, s.Policy)
	}
	for name, mode := range map[string]fs.FileMode{control.StatusSocket: control.StatusMode, control.ReloadSocket: control.ReloadMode} {
		if info, err := os.Stat(filepath.Join(r.dir, "asked", name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	r.stop()
	if _, err := os.Stat(filepath.Join(r.dir, "asked", control.StatusSocket)); err == nil {
		t.Error("the socket stays")
	}
}

// TestStatusDiffers shows which files are named that are not what the rules were read
// from any more: lists, files that came and went, and the configuration.
func TestStatusDiffers(t *testing.T) {
	r := start(t, strings.Replace(controlled, "\"rules.toml\"", "\"*rules.toml\"", 1), "[list]\na = { file = \"a.txt\" }\n"+rejectAll)
	if out := r.out.String(); !strings.Contains(out, "a.txt") {
		t.Fatal(out) // it is not there yet: no rules are in place
	}
	if s := r.told(); s.Policy != nil || s.Level() != control.Critical || !strings.Contains(s.Findings[0].Message, "no rules are in place") {
		t.Errorf("%+v", s)
	}
	r.write("a.txt", "a.example\n")
	r.write("1rules.toml", "")
	if got := r.reloadAsked(); !got.OK {
		t.Fatalf("%+v", got)
	}
	for _, change := range []func(){
		func() { r.write("a.txt", "b.example\n") },
		func() { r.write("2rules.toml", "") },
		func() { os.Remove(filepath.Join(r.dir, "1rules.toml")) },
		func() {
			r.write("tlswarden.toml", "enforce = \"soft\"\n"+strings.Replace(controlled, "\"rules.toml\"", "\"*rules.toml\"", 1))
		},
	} {
		change()
	}
	want := []string{"tlswarden.toml"}
	if got := r.told().Policy.Differs; len(got) != 1 || filepath.Base(got[0]) != want[0] {
		t.Errorf("%v, not %v", got, want)
	}
	r.write("tlswarden.toml", strings.Replace(controlled, "\"rules.toml\"", "\"*rules.toml\"", 1))
	var names []string
	for _, name := range r.told().Policy.Differs {
		names = append(names, filepath.Base(name))
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "1rules.toml 2rules.toml a.txt" {
		t.Errorf("%s", got)
	}
	r.stop()
}

// TestLastGood shows that a daemon whose rules do not load runs on the copy of those
// that did, says so, and comes back to the files by a reload.
func TestLastGood(t *testing.T) {
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", state)
	strict := strings.Replace(rejectAll, "\"any-tls\"", "\"any-tls\"\nreply = \"from the list\"\nwhen = { sender_domain = \"@ours\" }", 1)
	r := start(t, controlled, "[list]\nours = { file = \"ours.txt\" }\n"+strict)
	r.write("ours.txt", "example.org\n")
	if got := r.reloadAsked(); !got.OK {
		t.Fatalf("%+v", got)
	}
	testkit.File(t, filepath.Join(state, "last-good-rules.json"))
	r.stop()

	again := start(t, controlled, "[[rule]]\nname = \n")
	if got := again.ask(1); !strings.Contains(got, "from the list") {
		t.Errorf("the copy does not decide: %s", got)
	}
	s := again.told()
	if s.Level() != control.Critical || s.Policy == nil || s.Policy.LastGood == nil || !strings.Contains(s.Findings[0].Message, "in place is the copy") {
		t.Errorf("%+v", s)
	}
	for _, text := range []string{"level=ERROR msg=\"the rules do not load: the copy of those that were in order last is in place\"", "rules.toml:2"} {
		again.wait(text)
	}
	if got := again.reloadAsked(); got.OK || again.told().Policy.LastGood == nil {
		t.Errorf("a reload of rules that still do not load: %+v", got)
	}
	again.write("rules.toml", strings.Replace(rejectAll, "reject", "tag", 1))
	if got := again.reloadAsked(); !got.OK || again.told().Policy.LastGood != nil {
		t.Errorf("%+v", got)
	}
	again.stop()

	for name, text := range map[string]string{"broken": "{", "unusable": `{"version":1,"rules":["x"]}`} {
		if err := os.WriteFile(filepath.Join(state, "last-good-rules.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		third := start(t, controlled, "[[rule]]\nname = \n")
		if got := third.ask(1); !strings.Contains(got, "DEFER_IF_PERMIT") {
			t.Errorf("%s copy: %s", name, got)
		}
		third.wait("msg=\"the copy of the rules that were in order last ")
		third.wait("no rules are in place")
		third.stop()
	}
}

// TestLastGoodUnproven shows that rules whose tests fail are no good ones.
func TestLastGoodUnproven(t *testing.T) {
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", state)
	r := start(t, controlled, rejectAll+"[[test]]\nname = \"t\"\nsession = { tls = false, client = \"192.0.2.1\" }\nexpect = { action = \"accept\" }\n")
	if s := r.told(); s.Policy == nil || s.Policy.LastGood != nil {
		t.Errorf("%+v", s.Policy)
	}
	r.stop()
	if _, err := os.Stat(filepath.Join(state, "last-good-rules.json")); err == nil {
		t.Error("there is a copy")
	}
}

// TestControlTaken shows that a daemon which cannot be asked judges mail nevertheless.
func TestControlTaken(t *testing.T) {
	r := start(t, config+"[control]\ndirectory = \"rules.toml\"\n", rejectAll)
	r.wait("tlswarden status and tlswarden reload cannot ask this daemon")
	if got := r.ask(1); got == "" {
		t.Error("no answer")
	}
	r.stop()
}

// TestAskedAtTheEnd shows that who asks while the daemon stops is told so, and does not
// wait.
func TestAskedAtTheEnd(t *testing.T) {
	r := start(t, controlled, rejectAll)
	r.reload <- syscall.SIGHUP
	r.wait("msg=reloaded")
	r.stop()
	if _, err := control.AskReload(testkit.Context(t), filepath.Join(r.dir, "asked")); err == nil || !strings.Contains(err.Error(), "tlswarden does not run") {
		t.Error(err)
	}
}
