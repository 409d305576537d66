package mtatest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tlswarden/internal/testkit"
)

// installPlugins builds the plugins that ship and puts them where a daemon takes
// them. It skips the test where the one in Python cannot run, except in CI.
func installPlugins(t *testing.T) *Plugins {
	t.Helper()
	if out, err := exec.Command("/usr/bin/python3", "-c", "import grpc, google.protobuf").CombinedOutput(); err != nil {
		skipOrFail(t, fmt.Errorf("needs python3-grpcio and python3-protobuf: %w %s", err, out))
	}
	built := t.TempDir()
	goBuild(t, built, "tlswarden/plugins/dns", "tlswarden/plugins/lookup")
	if err := os.CopyFS(filepath.Join(built, "exec-example"), os.DirFS("../../plugins/exec-example")); err != nil {
		t.Fatal(err)
	}
	p, err := InstallPlugins(built)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestPlugins holds sessions that the plugins which ship decide, behind each front
// end, by the rules of make demo-plugins.
func TestPlugins(t *testing.T) {
	plugins := installPlugins(t)
	rules, err := os.ReadFile("demo/plugins.toml")
	if err != nil {
		t.Fatal(err)
	}
	runPluginCases(t, "testdata/plugins", func(c *Case) { c.Config, c.Files["rules.toml"] = plugins.Config(), string(rules) })
}

// TestPluginAddresses holds sessions that name the mailboxes of a table in many ways.
func TestPluginAddresses(t *testing.T) {
	plugins := installPlugins(t)
	if err := os.WriteFile(filepath.Join(plugins.Dir, "mailboxes.csv"), []byte("recipient, kind\nStrict@Example.com, strict\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(pluginLoadConfig, plugins.Dir, plugins.Dir)
	runPluginCases(t, "testdata/plugin-addresses", func(c *Case) { c.Config = config })
}

// runPluginCases plays the cases of a directory with a real Postfix, each behind its
// front ends, once configure has given it what depends on where the plugins are.
func runPluginCases(t *testing.T, dir string, configure func(*Case)) {
	t.Helper()
	cases, err := LoadCases(dir)
	if err != nil {
		t.Fatal(err)
	}
	program := buildDaemon(t)
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	lab := openLab(t, "postfix", certs)
	for _, c := range cases {
		configure(c)
		for _, front := range lab.Runs(c) {
			t.Run(c.Name+"/"+front, func(t *testing.T) {
				if err := lab.RunCase(t.Context(), c, front, program, t.TempDir()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// pluginLoadRules say of the mail of a load what loadRules say, but by what a
// plugin knows of a mailbox. While it does not answer, mail waits.
const pluginLoadRules = `judge_local = true

[[rule]]
name       = "strict mailboxes"
when       = { plugin.lookup.kind = "strict" }
require    = "any-tls"
otherwise  = "reject"
on_unknown = "defer"
reply      = "seen: {shortfall}"

[[rule]]
name       = "tagged mailboxes"
when       = { plugin.lookup.kind = "tagged" }
require    = "any-tls"
otherwise  = "tag"
on_unknown = "defer"
reply      = "seen: {shortfall}"
tag        = "under load"
`

// pluginLoadConfig has the program and the table of the plugin.
const pluginLoadConfig = `
[plugin.lookup]
path = "%s/lookup"
[plugin.lookup.settings]
driver  = "csv"
file    = "%s/mailboxes.csv"
key     = ["recipient"]
facts   = { kind = "name" }
default = { kind = "" }
`

// pluginDeaths is how often the plugin is killed; each time it is away for longer.
const pluginDeaths = 3

// TestPluginKilled kills a plugin again and again while clients bring mail that it
// knows of, and shows that none is accepted or refused that should not be: it is
// deferred while nothing is known.
func TestPluginKilled(t *testing.T) {
	plugins := installPlugins(t)
	r := newRig(t, buildDaemon(t))
	if err := os.WriteFile(filepath.Join(plugins.Dir, "mailboxes.csv"), []byte(mailboxes("plugin", r.fronts())), 0o600); err != nil {
		t.Fatal(err)
	}
	r.stop()
	var err error
	r.daemon, err = StartDaemon(testkit.Context(t), DaemonConfig{Program: r.program, Dir: r.dir, Front: FrontBoth, Hooks: r.hooks,
		Config: fmt.Sprintf(pluginLoadConfig, plugins.Dir, plugins.Dir), Files: map[string]string{"rules.toml": pluginLoadRules}})
	if err != nil {
		t.Fatal(err)
	}
	r.warm()
	l := r.startLoad("plugin")
	defer l.finish()
	for range pluginDeaths {
		l.rounds(1)
		r.killPlugin()
	}
	l.finish()
	delivered, err := r.postfix.Delivered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.stop() // writes the end of its log
	r.countPluginLoad(l, delivered)
	report(t, complaints(r.postfix.Log()))
}

// mailboxes is the table of all mailboxes that a load can name.
func mailboxes(load string, fronts []string) string {
	var b strings.Builder
	b.WriteString("recipient, kind\n")
	for _, front := range fronts {
		for client := range loadClients {
			for mail := range loadMails + 2 {
				for _, kind := range []string{"open", "tagged", "strict"} {
					for i := range 3 {
						fmt.Fprintf(&b, "%s.%s.%s.%d.%d.%d@%s, %s\n", kind, load, front, client, mail, i, Domain, kind)
					}
				}
			}
		}
	}
	return b.String()
}

var pluginStarted = regexp.MustCompile(`msg="plugin started" plugin=lookup pid=(\d+)`)

// killPlugin kills the plugin, and waits until it is there again.
func (r *rig) killPlugin() {
	r.t.Helper()
	starts := pluginStarted.FindAllStringSubmatch(r.daemon.Log(), -1)
	if len(starts) == 0 {
		r.t.Fatalf("the plugin does not run:\n%s", r.daemon.Log())
	}
	pid, err := strconv.Atoi(starts[len(starts)-1][1])
	if err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		r.t.Fatal(err)
	}
	testkit.Until(r.t, func() bool { return len(pluginStarted.FindAllString(r.daemon.Log(), -1)) > len(starts) }, "the plugin comes back")
}

// pluginReply are the replies of pluginLoadRules. While the plugin does not answer,
// encrypted mail is deferred, too.
var pluginReply = regexp.MustCompile(`: ((530 5|450 4)[.]7[.]0 (ADDRESS: Recipient address rejected: )?seen: no encryption|` +
	`451 4[.]7[.]0 (ADDRESS: Recipient address rejected: )?seen: TLSv1[.]3 .*)$`)

// countPluginLoad compares what the clients were told with what was delivered, and
// shows that there was something to see.
func (r *rig) countPluginLoad(l *load, delivered map[string][]Message) {
	t, lines := r.t, decisionLines(r.log.String())
	waited := 0
	t.Logf("%-8s%s", "", columns)
	for _, front := range r.fronts() {
		for _, client := range l.clients[front] {
			client.wrong = slices.DeleteFunc(client.wrong, pluginReply.MatchString)
		}
		c := count(l.clients[front], delivered)
		report(t, c.wrong)
		t.Logf("%-8s%s", front, c.tally)
		logReplies(t, front, l.clients[front])
		checkDecisions(t, l.clients[front], lines)
		waited += c.deferred()
	}
	log := r.log.String()
	health := regexp.MustCompile(`msg=plugin plugin=lookup state=healthy restarts=(\d+) calls=[1-9]\d* .* absent=([1-9]\d*) `).FindStringSubmatch(log)
	if waited == 0 || health == nil || health[1] != strconv.Itoa(pluginDeaths) {
		t.Errorf("the plugin was not killed %d times while it was needed: %d recipients were deferred, %q", pluginDeaths, waited, health)
	}
}
