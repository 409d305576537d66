// Package execexample tests a plugin that is not written in Go.
package execexample

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/pluginhost"
	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/rules"
)

const python = "/usr/bin/python3"

// needPython skips the test where Debian's Python or its packages are missing. CI
// must not pass for want of them.
func needPython(t *testing.T) {
	t.Helper()
	out, err := exec.Command(python, "-c", "import grpc, google.protobuf").CombinedOutput()
	if err == nil {
		return
	}
	why := fmt.Sprintf("needs python3-grpcio and python3-protobuf: %v %s", err, out)
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// installed copies files to where nobody else can write, as a host of plugins
// wants it.
func installed(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plugin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// hosted is a plugin that runs, with the fields of its facts.
type hosted struct {
	*pluginhost.Host
	fields []*rules.Field
	log    *journal
}

type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// begin starts a plugin under the name "x", which need not work.
func begin(t *testing.T, c pluginhost.Config) *hosted {
	t.Helper()
	h := &hosted{log: &journal{}}
	c.Name, c.Timeout = "x", testkit.Patience
	var err error
	h.Host, err = pluginhost.Start(t.Context(), []pluginhost.Config{c}, pluginhost.Options{Log: slog.New(slog.NewTextHandler(h.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// start starts a plugin that must work.
func start(t *testing.T, c pluginhost.Config) (*hosted, pluginhost.Description) {
	t.Helper()
	h := begin(t, c)
	d, err := h.Describe("x")
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	var all rules.SuppliedFields
	for _, f := range d.Facts {
		field, err := all.Field("x", f.Key, f.Kind, "")
		if err != nil {
			t.Fatal(err)
		}
		h.fields = append(h.fields, field)
	}
	return h, d
}

// ask renders the facts about a sender's domain.
func (h *hosted) ask(t *testing.T, domain string) string {
	s := &rules.Session{Now: rules.Known(time.Unix(0, 0))}
	s.SetSender("a@" + domain)
	return h.about(t, s)
}

// about renders the facts about a session.
func (h *hosted) about(t *testing.T, s *rules.Session) string {
	h.Ask(t.Context(), rules.New(rules.Config{}), s, h.fields)
	var got []string
	for _, f := range h.fields {
		if v, known := f.Read(s); known {
			_, key, _ := f.Plugin()
			got = append(got, key+"="+f.Format(v))
		}
	}
	return strings.Join(got, " ")
}

// settings are those of a command, as JSON.
func settings(command, facts string) []byte {
	return fmt.Appendf(nil, `{"command": [%s], "facts": {%s}, "optional": ["client"], "timeout": "30s", "ttl": "5m"}`, command, facts)
}

// TestPlugin runs the plugin as the daemon does, with the command that is shown.
func TestPlugin(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py", "outbound-tls", "tls_policy")
	h, d := start(t, pluginhost.Config{
		Path: dir + "/exec_example.py", Settings: settings(fmt.Sprintf("%q, %q", dir+"/outbound-tls", dir+"/tls_policy"), `"level": "name"`),
	})
	if d.Name != "exec-example" || d.TTL != 5*time.Minute || len(d.Needs) != 1 || d.Needs[0].Name != "sender_domain" || len(d.Wants) != 1 || d.Facts[0].Kind != rules.KindName {
		t.Errorf("it describes itself as %+v", d)
	}
	for domain, want := range map[string]string{
		"bank.example": "level=secure", "www.clinic.example": "level=encrypt", "club.example": "level=may", "clinic.example": "level=", "example.org": "level=",
	} {
		for range 2 { // the second time from the cache
			if got := h.ask(t, domain); got != want {
				t.Errorf("%s: %q, want %q", domain, got, want)
			}
		}
	}
	if health := h.Health()[0]; health.Calls != 5 || health.Cached != 5 || health.Failures != 0 {
		t.Errorf("%+v", health)
	}
	h.Close()
	if strings.Contains(h.log.String(), "level=WARN") {
		t.Errorf("it did not end in peace:\n%s", h.log)
	}
	if left, _ := filepath.Glob(dir + "/__pycache__"); left != nil {
		t.Error("it writes beside itself")
	}
}

// TestManyAtOnce shows that as many questions as the daemon asks at once are
// answered: processes are started from among the threads of a gRPC server.
func TestManyAtOnce(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py")
	h, _ := start(t, pluginhost.Config{Path: dir + "/exec_example.py", Settings: settings(`"/bin/sh", "-c", "echo of=$FACT_SENDER_DOMAIN"`, `"of": "domain"`)})
	var all sync.WaitGroup
	for i := range pluginhost.DefaultConcurrency {
		all.Go(func() {
			domain := fmt.Sprintf("d%d.example", i)
			if got := h.ask(t, domain); got != "of="+domain {
				t.Errorf("%s: %q", domain, got)
			}
		})
	}
	all.Wait()
}

// TestTypes shows each type of a fact, what a command writes to standard error, and
// that one wrong line does not spoil the others.
func TestTypes(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py")
	const script = `echo "asked by $PPID" >&2; env | grep -c "PLUGIN\|^TLSWARDEN" | sed "s/^/number=/"
printf "text=a = b\nname=Strict\ndomain=Example.ORG\nboolean=true\naddress=192.0.2.1\nmailbox=a@example.org\ntime=86400\nodd=maybe\n"`
	h, _ := start(t, pluginhost.Config{Path: dir + "/exec_example.py", Settings: settings(fmt.Sprintf(`"/bin/sh", "-c", %q`, script),
		`"text": "text", "name": "name", "domain": "domain", "number": "number", "boolean": "boolean", "address": "address", "mailbox": "mailbox", "time": "time", "odd": "boolean"`)})
	got := h.ask(t, "example.org")
	for _, want := range []string{"text=a = b", "name=Strict", "domain=example.org", "number=0", "boolean=true", "address=192.0.2.1", "mailbox=a@example.org", "time=1970-01-02"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	log := h.log.String()
	if strings.Contains(got, "odd") || !strings.Contains(log, "'maybe' is neither true nor false") || !strings.Contains(log, "asked by") {
		t.Errorf("%s\n%s", got, log)
	}
}

// TestForms shows that a command can search for addresses and domains as rules do.
func TestForms(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py", "outbound-tls")
	for name, text := range map[string]string{"confidential": "legal@example.com\n", "policy": "xn--cla-7ka.example secure\n.class.example may\n"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := fmt.Sprintf(`grep -qFxe "$FACT_RECIPIENT_FORMS" %s/confidential && echo hit=true; %s/outbound-tls %s/policy`, dir, dir, dir)
	h, _ := start(t, pluginhost.Config{Path: dir + "/exec_example.py", Settings: fmt.Appendf(nil,
		`{"command": ["/bin/sh", "-c", %q], "facts": {"hit": "boolean", "level": "name"}, "needs": ["recipient", "sender_domain"], "timeout": "30s"}`, script)})
	for _, c := range []struct{ sender, recipient, want string }{
		{"a@x.class.example", "legal@example.com", "hit=true level=may"},
		{"a@cla\u00df.example", `"Legal+X"@Example.com`, "hit=true level=secure"},
		{"a@class.example", "legal-x@example.com", "level="},
	} {
		s := &rules.Session{}
		s.SetSender(c.sender)
		s.SetRecipient(c.recipient)
		if got := h.about(t, s); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.sender, c.recipient, got, c.want)
		}
	}
}

// TestRefused shows what keeps the plugin from starting.
func TestRefused(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py")
	for want, c := range map[string]pluginhost.Config{
		"this plugin needs mtls = false": {MTLS: true},
		"it refuses its settings: facts.a: takes one of text, name, domain, number, boolean, address, mailbox, time": {Settings: settings(`"/bin/true"`, `"a": "b"`)},
		"it refuses its settings: command: /none is not an executable file":                                          {Settings: settings(`"/none"`, `"a": "name"`)},
	} {
		c.Path = dir + "/exec_example.py"
		if _, err := begin(t, c).Describe("x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if out, err := exec.Command(dir + "/exec_example.py").CombinedOutput(); err == nil || string(out) != "this is a plugin of tlswarden, which starts it\n" {
		t.Errorf("started by hand: %v %s", err, out)
	}
}

// TestReadme runs the plugin that plugins/README.md shows.
func TestReadme(t *testing.T) {
	needPython(t)
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?ms)^```python\n(.*?)^```").FindSubmatch(text)
	if code == nil {
		t.Fatal("it shows none")
	}
	dir := installed(t, "tlswarden_plugin_v1_pb2.py")
	if err := os.WriteFile(dir+"/weekday", code[1], 0o700); err != nil {
		t.Fatal(err)
	}
	h, _ := start(t, pluginhost.Config{Path: dir + "/weekday"})
	if got := h.ask(t, "example.org"); got != "day=Thursday" {
		t.Errorf("the epoch began with %q", got)
	}
}

// TestMain also is the host that TestOrphan kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("EXEC_EXAMPLE_HOST")
	if dir == "" {
		os.Exit(m.Run())
	}
	c := pluginhost.Config{Name: "x", Path: dir + "/exec_example.py", Settings: settings(`"/bin/true"`, `"a": "name"`)}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	if _, err := pluginhost.Start(context.Background(), []pluginhost.Config{c}, pluginhost.Options{Log: log}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {}
}

// TestOrphan shows that the plugin ends when its host is killed.
func TestOrphan(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py")
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	host := exec.CommandContext(ctx, os.Args[0])
	host.Env = append(os.Environ(), "EXEC_EXAMPLE_HOST="+dir, "TMPDIR="+dir)
	out := &journal{}
	host.Stdout, host.Stderr = out, out
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	started := regexp.MustCompile(`msg="plugin started" plugin=x pid=(\d+)`)
	eventually(t, "the plugin starts", func() bool { return started.MatchString(out.String()) })
	pid, _ := strconv.Atoi(started.FindStringSubmatch(out.String())[1])
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("it does not run: %v", err)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // it tells of the signal
	eventually(t, "the plugin ends", func() bool { return ended(pid) })
}

// TestSignal shows that the plugin ends in peace at SIGTERM, while nothing else tells
// it to.
func TestSignal(t *testing.T) {
	needPython(t)
	dir := installed(t, "exec_example.py", "tlswarden_plugin_v1_pb2.py")
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	c := exec.CommandContext(ctx, dir+"/exec_example.py")
	c.Env = []string{"TLSWARDEN_PLUGIN=" + plugins.CookieValue, "PLUGIN_UNIX_SOCKET_DIR=" + dir}
	out := &journal{}
	c.Stdout, c.Stderr = out, out
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	want := "1|1|unix|" + dir + "/plugin|grpc|\n"
	eventually(t, "it tells where it listens", func() bool { return out.String() == want })
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// ended says whether a process is gone, or waits for somebody to take note of it.
func ended(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(data, []byte(") "))
	return err != nil || bytes.HasPrefix(rest, []byte("Z"))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testkit.Until(t, holds, "%s", what)
}

// TestParts runs the tests in Python.
func TestParts(t *testing.T) {
	needPython(t)
	if out, err := exec.Command(python, "-B", "exec_example_test.py").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
