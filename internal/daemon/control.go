package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tlswarden/internal/control"
	"tlswarden/internal/pluginhost"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
)

// openControl opens the sockets by which commands ask the daemon: in the directory that
// the configuration names, which is made if it is not there, or in the one that the
// service manager made. Without either there are none.
func openControl(dir string) (status, reload net.Listener, err error) {
	if dir = cmp.Or(dir, runtimeDir()); dir == "" {
		return nil, nil, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, nil, err
	}
	open := func(name string, mode os.FileMode) (net.Listener, error) {
		return Listen{Network: "unix", Address: filepath.Join(dir, name), Mode: mode}.open()
	}
	if status, err = open(control.StatusSocket, control.StatusMode); err != nil {
		return nil, nil, err
	}
	if reload, err = open(control.ReloadSocket, control.ReloadMode); err != nil {
		status.Close()
		return nil, nil, err
	}
	return status, reload, nil
}

// serveControl answers commands until end is called.
func (d *daemon) serveControl(status, reload net.Listener) (end func()) {
	if status == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	closeAll := control.Serve(&asked{d, ctx}, status, reload)
	return func() {
		cancel() // whoever waits for the main loop goes first
		closeAll()
	}
}

// asked is the daemon as commands ask it: from other goroutines than the main loop,
// which alone knows how it is.
type asked struct {
	daemon *daemon
	ctx    context.Context
}

// inLoop has the main loop call a function, and reports whether it did: it does not
// once the daemon stops.
func (a *asked) inLoop(f func()) bool {
	done := make(chan struct{})
	select {
	case a.daemon.calls <- func() { defer close(done); f() }:
		<-done
		return true
	case <-a.ctx.Done():
		return false
	}
}

const isStopping = "tlswarden is stopping"

// Reload loads the rules as SIGHUP does.
func (a *asked) Reload() control.Reload {
	r := control.Reload{At: time.Now(), Message: "not reloaded: " + isStopping}
	a.inLoop(func() { r = a.daemon.reloadTold() })
	return r
}

// Status tells how the daemon is. The files are looked at by the caller's goroutine, as
// a disk may hang.
func (a *asked) Status() control.Status {
	var s control.Status
	var read inPlace
	if !a.inLoop(func() { s, read = a.daemon.tell(), a.daemon.inPlace }) {
		s.Findings = []control.Finding{{Level: control.Critical, Message: isStopping}}
		return s
	}
	if s.Policy != nil && s.Policy.LastGood == nil {
		s.Policy.Differs = read.differs()
	}
	s.Findings = findings(&s)
	return s
}

// inPlace is what the policy in place was read from.
type inPlace struct {
	config   Config
	names    []string          // of the rule files
	read     []rulefile.Source // all files
	since    time.Time
	lastGood time.Time // when these rules were in order, if they are a copy; else zero
}

// differs names the files that are not what was read.
func (p *inPlace) differs() []string {
	var out []string
	c, found := LoadConfig(p.config.File)
	names, err := rulefile.Glob(c.dir(), c.Rules)
	if found.HasErrors() || err != nil || c.Enforce != p.config.Enforce {
		return append(out, p.config.File)
	}
	for _, name := range slices.Concat(p.names, names) {
		if !slices.Contains(p.names, name) || !slices.Contains(names, name) {
			out = append(out, name)
		}
	}
	for _, f := range p.read {
		if data, err := tomlfile.ReadFile(f.Name); (err != nil || !bytes.Equal(data, f.Data)) && !slices.Contains(out, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// tell is the status without what the files tell.
func (d *daemon) tell() control.Status {
	s := control.Status{Version: d.version, PID: os.Getpid(), Started: d.started, Config: d.config.File,
		Enforce: d.config.Enforce.String(), OnFailure: d.config.OnFailure.String(), Reload: d.latest}
	if p := d.gate.Policy(); p != nil {
		s.Policy = &control.Policy{Rules: len(p.Rules()), Since: d.inPlace.since, Hash: rulefile.Hash(d.inPlace.read)}
		if at := d.inPlace.lastGood; !at.IsZero() {
			s.Policy.LastGood = &at
		}
	}
	for _, f := range d.fronts {
		s.Fronts = append(s.Fronts, f.told()...)
	}
	if d.plugins != nil {
		for _, h := range d.plugins.host.Health() {
			s.Plugins = append(s.Plugins, control.Plugin{Name: h.Name, State: string(h.State), Error: h.Error, Restarts: h.Restarts, Calls: h.Calls, Failures: h.Failures})
		}
	}
	for _, c := range d.gate.Catches() {
		told := control.Catch{Server: "unknown", Clients: "all", Lacks: "tls", Since: c.Since}
		if c.Server.IsValid() {
			told.Server, told.Clients = c.Server.String(), c.Clients.String()
		}
		if c.Host.Name != "" {
			told.Server += " of " + c.Host.Name
		}
		if c.Cert {
			told.Lacks = "cert"
		}
		s.Catches = append(s.Catches, told)
	}
	return s
}

// told tells of each address of a front end.
func (f *front) told() []control.Front {
	var out []control.Front
	for _, d := range f.doors {
		told := control.Front{Front: f.name, Address: d.address, Open: int(d.open.Load())}
		if at := d.last.Load(); at != 0 {
			last := time.Unix(at, 0)
			told.Last = &last
		}
		out = append(out, told)
	}
	return out
}

// findings are what of a status is not as it should be.
func findings(s *control.Status) []control.Finding {
	var out []control.Finding
	say := func(level control.Level, format string, args ...any) {
		out = append(out, control.Finding{Level: level, Message: fmt.Sprintf(format, args...)})
	}
	mend := "mend what \"tlswarden check\" reports, and run \"tlswarden reload\""
	if s.Config != "" {
		mend = fmt.Sprintf("mend what \"tlswarden check --config %s\" reports, and run \"tlswarden reload\"", s.Config)
	}
	switch {
	case s.Policy == nil:
		say(control.Critical, "no rules are in place, as they do not load: mail is answered by on_failure = %q; %s", s.OnFailure, mend)
	case s.Policy.LastGood != nil:
		say(control.Critical, "the rules do not load; in place is the copy of those that did on %s; %s", s.Policy.LastGood.Local().Format(time.DateTime), mend)
	case s.Reload != nil && !s.Reload.OK:
		say(control.Warning, "the latest reload failed, and the rules from before it stay in place; %s", mend)
	case len(s.Policy.Differs) > 0:
		for _, name := range s.Policy.Differs {
			say(control.Warning, "%s has changed since the rules in place were read from it; run \"tlswarden reload\" to put the change in place", name)
		}
	}
	for _, p := range s.Plugins {
		if p.State != string(pluginhost.Healthy) {
			say(control.Warning, "the plugin %s is %s, and its facts are unknown: %s", p.Name, p.State, p.Error)
		}
	}
	for _, c := range s.Catches {
		what := map[string]string{"tls": "encrypted session", "cert": "client certificate"}[c.Lacks]
		if c.Server == "unknown" {
			say(control.Warning, "the mail server does not report who came where, so rejects for its lack (%s) are deferrals; the log has what to set", what)
			continue
		}
		say(control.Warning, "no %s was seen at %s from %s clients within 24 hours: rejects for its lack are deferrals; see whether STARTTLS works there", what, c.Server, c.Clients)
	}
	slices.SortStableFunc(out, func(a, b control.Finding) int { return int(b.Level - a.Level) })
	return out
}
