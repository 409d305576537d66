package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/internal/tomlfile"
)

// answers is a daemon with fixed answers.
type answers struct {
	status Status
	reload Reload
}

func (a answers) Status() Status { return a.status }
func (a answers) Reload() Reload { return a.reload }

// open serves a daemon in a new directory until the returned function is called.
func open(t *testing.T, d Daemon) (dir string, end func()) {
	t.Helper()
	dir = t.TempDir()
	var listeners []net.Listener
	for _, name := range []string{StatusSocket, ReloadSocket} {
		ln, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, ln)
	}
	end = Serve(d, listeners[0], listeners[1])
	t.Cleanup(end)
	return dir, end
}

// TestAsk shows that answers come back as they were given.
func TestAsk(t *testing.T) {
	at := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	want := answers{
		Status{Version: "1", PID: 7, Started: at, Policy: &Policy{Rules: 3, LastGood: &at, Differs: []string{"a.toml"}},
			Fronts: []Front{{Front: "milter", Address: "inet:127.0.0.1:8465", Last: &at}}, Findings: []Finding{{Warning, "w"}, {Critical, "c"}}},
		Reload{At: at, Message: "refused", Found: tomlfile.Diagnostics{{Severity: tomlfile.Warning, File: "a.toml", Line: 3, Message: "<m>", Hint: "h"}}},
	}
	dir, end := open(t, want)
	if got, err := AskStatus(testkit.Context(t), dir); err != nil || !reflect.DeepEqual(got, want.status) || got.Level() != Critical {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := AskReload(testkit.Context(t), dir); err != nil || !reflect.DeepEqual(got, want.reload) {
		t.Errorf("%+v, %v", got, err)
	}
	end()
	if _, err := AskStatus(testkit.Context(t), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
}

// TestUnanswered shows what a client says when nobody answers as it should.
func TestUnanswered(t *testing.T) {
	dir := t.TempDir()
	if _, err := AskReload(testkit.Context(t), dir); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), filepath.Join(dir, ReloadSocket)) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, StatusSocket), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AskStatus(testkit.Context(t), dir); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	other, _ := open(t, answers{})
	if err := os.Rename(filepath.Join(other, ReloadSocket), filepath.Join(other, StatusSocket)); err != nil {
		t.Fatal(err)
	}
	if _, err := AskStatus(testkit.Context(t), other); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the reload socket tells the status: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := AskReload(ctx, other); err == nil || strings.Contains(err.Error(), "http") {
		t.Error(err)
	}
}

// TestReloadTakesPost shows that a request which merely reads changes nothing.
func TestReloadTakesPost(t *testing.T) {
	dir, _ := open(t, answers{})
	var r Reload
	if err := ask(testkit.Context(t), http.MethodGet, filepath.Join(dir, ReloadSocket), "/reload", &r); err == nil || !strings.Contains(err.Error(), "405") {
		t.Error(err)
	}
}

// TestLevelText shows that a level which a later version knows is taken for the worst.
func TestLevelText(t *testing.T) {
	for _, want := range []Level{Well, Warning, Critical} {
		text, _ := want.MarshalText()
		var got Level
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	var got Level
	if got.UnmarshalText([]byte("dire")); got != Critical {
		t.Error(got)
	}
}
