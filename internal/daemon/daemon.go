package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/syslog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/control"
	"tlswarden/internal/gate"
	"tlswarden/internal/lastgood"
	"tlswarden/internal/systemd"
	"tlswarden/internal/tomlfile"
	"tlswarden/milter"
	"tlswarden/policyd"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// drainFor bounds how long a stopping daemon waits for what is under way at one
// front end. The MTAs' own patience with a filter is 10 s (Sendmail) and more.
const drainFor = 20 * time.Second

// countsEvery is how often the counts of the rules are logged.
const countsEvery = time.Hour

// ConfigError is a configuration that keeps the daemon from starting.
type ConfigError struct{ Found tomlfile.Diagnostics }

func (e *ConfigError) Error() string { return "the configuration cannot be used" }

// server is a front end, as the daemon drives it.
type server interface {
	Shutdown(context.Context) error
}

// front is a front end with its listeners.
type front struct {
	name   string
	server server
	serve  func(net.Listener, Listen) error
	doors  []*door
}

// daemon is a running tlswarden.
type daemon struct {
	config  Config
	logs    *logs
	gate    *gate.Gate
	manager *systemd.Notifier
	plugins *Plugins
	keeper  *keeper
	fronts  []*front

	version string
	started time.Time
	inPlace inPlace
	latest  *control.Reload // the latest reload
	calls   chan func()     // for the main loop, from those whom commands ask

	countsEvery time.Duration
	reminded    string               // the day of the latest reminder of rules that expire
	found       tomlfile.Diagnostics // of the rules that were loaded last, which the log has
	unproven    bool                 // the policy in place is of the start, which does not ask that its tests pass
	failed      chan error           // a listener that gave up
}

// Signals tell a running daemon what to do. Several of one kind that come while it
// is busy may be one.
type Signals struct {
	Reload <-chan os.Signal
	Counts <-chan os.Signal // log the counts of the rules
}

// Run runs the daemon until the end of the context.
func Run(ctx context.Context, configFile, version string, signals Signals, stderr io.Writer) error {
	c, found := LoadConfig(configFile)
	if found.HasErrors() {
		return &ConfigError{found}
	}
	l := openLogs(c.Log, stderr, syslog.New)
	d := &daemon{config: c, logs: l, version: version, started: time.Now(), calls: make(chan func()), countsEvery: countsEvery, failed: make(chan error, len(c.Milter)+len(c.Policy))}
	logFound(l.log, found)
	var err error
	d.manager, err = systemd.NewNotifier()
	d.notified(err)
	listeners, unnamed, err := c.openListeners()
	if err != nil {
		l.close(func() {})
		return err
	}
	for _, s := range unnamed {
		l.log.Error("the service manager passed a socket that no listen entry names: connections to it are closed", "socket", s.String())
		go turnAway(s)
		defer s.Close()
	}
	status, reload, err := openControl(c.Control)
	if err != nil {
		// Mail is judged all the same.
		l.log.Warn("tlswarden status and tlswarden reload cannot ask this daemon", "error", err, "hint", "name a directory to which its user may write by directory in [control]; SIGHUP reloads the rules")
	}
	d.beginPlugins()
	d.gate = gate.New(gate.Config{Log: l.log, Decisions: l.decisions, Format: l.format, Source: d.plugins.source(), Merge: len(c.Milter) > 0 && len(c.Policy) > 0})
	d.keeper = keep(stateDir(), d.gate, l.log)
	d.start()
	d.warnOfFiles()
	d.serveAll(listeners)
	endControl := d.serveControl(status, reload)
	l.log.Info("ready", "milter", addresses(c.Milter, listeners), "policy", addresses(c.Policy, listeners[len(c.Milter):]), "enforce", c.Enforce.String(), "pid", os.Getpid())
	d.notified(d.manager.Ready(d.status()))
	err = d.wait(ctx, signals)
	endControl()
	d.notified(d.manager.Stopping("what is under way is finished"))
	d.keeper.close() // first, for what is under way may take longer than anybody waits
	d.shutdown()
	d.logCounts()
	d.plugins.Close()
	l.close(func() { l.log.Info("stopped") })
	d.manager.Close()
	return err
}

// addresses renders those addresses that have listeners.
func addresses(ls []Listen, open [][]net.Listener) string {
	var served []string
	for i, l := range ls {
		if len(open[i]) > 0 {
			served = append(served, l.String())
		}
	}
	return strings.Join(served, ",")
}

// start puts the first policy in place. Mistakes in the rules do not stop the
// start: mail must be answered.
func (d *daemon) start() {
	now := time.Now()
	loaded := d.config.LoadRules(now)
	d.found = loaded.Found
	logFound(d.logs.log, loaded.Found)
	if loaded.Policy != nil {
		d.put(d.config, &loaded, now)
		return
	}
	if d.startOnCopy(now) {
		return
	}
	d.logs.log.Error("no rules are in place: mail is answered by on_failure", "on_failure", d.config.OnFailure.String())
}

// startOnCopy puts the copy of the rules in place that were in order last, as those of
// the files do not load, and reports whether it could.
func (d *daemon) startOnCopy(now time.Time) bool {
	c, err := d.keeper.lastGood()
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.logs.log.Error("the copy of the rules that were in order last cannot be read", "error", err)
		}
		return false
	}
	loaded := d.config.LoadCopy(&c, now)
	if loaded.Policy == nil {
		logFound(d.logs.log, loaded.Found)
		d.logs.log.Error("the copy of the rules that were in order last does not load either", "loaded", c.Loaded.Format(time.RFC3339))
		return false
	}
	d.put(d.config, &loaded, now)
	d.inPlace.lastGood, d.unproven = c.Loaded, true
	d.logs.log.Error("the rules do not load: the copy of those that were in order last is in place", "loaded", c.Loaded.Format(time.RFC3339),
		"hint", "mend what is reported above, and run tlswarden reload")
	return true
}

// put puts rules in place that were loaded, and keeps a copy of them if they are in
// order.
func (d *daemon) put(c Config, l *Loaded, now time.Time) {
	d.gate.SetPolicy(l.Policy)
	makeRoom()
	d.config, d.unproven = c, l.Found.HasErrors()
	d.inPlace = inPlace{config: c, names: l.Names, read: l.Read, since: now}
	if !d.unproven && len(l.Names) > 0 {
		d.keeper.keepRules(lastgood.Of(l.Names, l.Read, now))
	}
}

// logCounts logs what the rules did, and how plugins do.
func (d *daemon) logCounts() {
	d.gate.LogCounts()
	d.plugins.log(d.logs.log)
}

// openListeners opens all listeners, or takes over those of the service manager: of
// the milter first, in the order of the configuration. It comes before the start of
// the first plugin, which would inherit the sockets that were passed, and the mask
// by which socket files are made.
func (c *Config) openListeners() ([][]net.Listener, []systemd.Socket, error) {
	passed, err := systemd.Sockets()
	if err != nil {
		return nil, nil, err
	}
	return openAll(slices.Concat(c.Milter, c.Policy), passed)
}

// serveAll serves all listeners.
func (d *daemon) serveAll(listeners [][]net.Listener) {
	c := &d.config
	m := milter.New(milter.Config{Gate: milterGate{d.gate}, OnFailure: c.OnFailure, Log: d.logs.log, MaxConns: c.MilterMax})
	p := policyd.New(policyd.Config{Gate: policyGate{d.gate}, OnFailure: c.OnFailure, Log: d.logs.log, MaxConns: c.PolicyMax})
	milters := &front{name: "milter", server: m, serve: func(ln net.Listener, l Listen) error { return m.Serve(ln, l.Reads) }}
	policies := &front{name: "policy", server: p, serve: func(ln net.Listener, l Listen) error {
		return p.Serve(ln, policyd.Postfix{Reads: l.Reads, ProxyFilter: l.Proxied})
	}}
	d.fronts = []*front{milters, policies}
	for i, group := range listeners {
		f, entry := milters, slices.Concat(c.Milter, c.Policy)[i]
		if i >= len(c.Milter) {
			f = policies
		}
		for _, ln := range group {
			d.serve(f, ln, entry)
		}
	}
}

func (d *daemon) serve(f *front, ln net.Listener, entry Listen) {
	door := newDoor(ln, entry.String())
	f.doors = append(f.doors, door)
	go func() {
		if err := f.serve(door, entry); err != nil {
			d.failed <- err
		}
	}()
}

// wait handles signals until the context, or a listener that gives up, ends the
// daemon.
func (d *daemon) wait(ctx context.Context, signals Signals) error {
	hourly := time.NewTicker(d.countsEvery)
	defer hourly.Stop()
	var watchdog <-chan time.Time
	if every := d.manager.Every(); every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		watchdog = t.C
	}
	var look <-chan time.Time
	if d.plugins != nil {
		t := time.NewTicker(lookEvery)
		defer t.Stop()
		look = t.C
	}
	for ctx.Err() == nil { // the end comes before all else that is to be done
		select {
		case <-ctx.Done():
		case err := <-d.failed:
			return err
		case now := <-hourly.C:
			d.logCounts()
			d.remind(now)
		case now := <-watchdog:
			d.alive(now)
		case <-look:
			d.followPlugins()
		case <-signals.Reload:
			d.reloadTold()
		case call := <-d.calls:
			call()
		case <-signals.Counts:
			d.logCounts()
		}
	}
	d.logs.log.Info("stopping", "cause", context.Cause(ctx))
	return nil
}

// remind logs once a day which rules, exceptions and entries of lists expire within
// two weeks, or have expired: the start, or the last reload, that said so may be long ago.
func (d *daemon) remind(now time.Time) {
	if today := now.Format(time.DateOnly); today == d.reminded {
		return
	} else if d.reminded = today; d.gate.Policy() == nil {
		return
	}
	remind := func(what, name, value, file string, line int, end time.Time, owner string) {
		if rulefile.EndsSoon(end, now) {
			d.logs.log.Warn(what+" expires", name, value, "at", fmt.Sprintf("%s:%d", file, line), "end", end.Format(time.RFC3339), "owner", owner)
		}
	}
	for _, r := range d.gate.Policy().Rules() {
		if end, ok := r.Expires.Get(); ok {
			remind("a rule", "rule", r.Name, r.File, r.Line, end, r.Owner)
		}
		for i := range r.Except {
			x := &r.Except[i]
			if end, ok := x.Expires.Get(); ok {
				remind("an exception", "rule", r.Name, x.File, x.Line, end, x.Owner)
			}
		}
	}
	for _, e := range d.gate.Policy().Ends() {
		remind("an entry of a list", "entry", e.Entry, e.File, e.Line, e.At, e.Owner)
	}
}

// reloadTold reloads, and tells the service manager and who asks later.
func (d *daemon) reloadTold() control.Reload {
	d.notified(d.manager.Reloading())
	r := d.reload()
	d.latest = &r
	d.notified(d.manager.Ready(d.status()))
	return r
}

// reload reads rules and enforce anew. Anything wrong with them leaves the
// policy that runs in place.
func (d *daemon) reload() control.Reload {
	log, now := d.logs.log, time.Now()
	failed := func(found tomlfile.Diagnostics, why string, args ...any) control.Reload {
		log.Error("reload failed: "+why+"; the policy that runs stays", args...)
		return control.Reload{At: now, Message: "not reloaded: " + why + "; the policy that runs stays", Found: found}
	}
	d.plugins.purge()
	c, found := LoadConfig(d.config.File)
	if found.HasErrors() {
		logFound(log, found)
		return failed(found, "the configuration is not in order")
	}
	if !d.config.sameAtStart(&c) {
		log.Warn("a change of listen, max_connections, log, on_failure, control or a plugin needs a restart")
	}
	c.keepFromStart(&d.config)
	found = append(found, d.learn(&c)...)
	loaded := c.LoadRules(now)
	d.found = loaded.Found
	found = append(found, loaded.Found...)
	logFound(log, found)
	switch {
	case loaded.Policy == nil:
		return failed(found, "the rules are not in order")
	case loaded.Found.HasErrors():
		return failed(found, "tests of the rules fail or cannot be read", "failed", loaded.Failed)
	}
	d.put(c, &loaded, now)
	log.Info("reloaded", "rules", len(loaded.Policy.Rules()), "enforce", c.Enforce.String())
	return control.Reload{At: now, OK: true, Message: "reloaded: " + d.rulesInPlace(), Found: found}
}

// shutdown drains the milter and then the policy service: Postfix asks the latter
// within the very transactions that the former waits for.
func (d *daemon) shutdown() {
	for _, f := range d.fronts {
		d.drain(f)
	}
}

func (d *daemon) drain(f *front) {
	d.shutDoors(f.doors)
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	switch err := f.server.Shutdown(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		d.logs.log.Warn("connections were still busy after the time for draining and were closed", "seconds", int(drainFor.Seconds()))
	case err != nil:
		d.logs.log.Warn("shutdown", "error", err)
	}
}

// milterGate and policyGate are the gate as each front end declares it.
type milterGate struct{ gate *gate.Gate }

func (g milterGate) Open() milter.Transaction { return milterTransaction{g.gate.Open(gate.Milter)} }

// milterTransaction tells the gate what is known at MAIL.
type milterTransaction struct{ *gate.Transaction }

func (t milterTransaction) Begin(s *rules.Session) { t.BeginLive(s) }

type policyGate struct{ gate *gate.Gate }

func (g policyGate) Open() policyd.Transaction { return g.gate.Open(gate.Policy) }
