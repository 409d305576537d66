package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/pluginhost"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// pluginsFor bounds how long a start waits for plugins: a little longer than the
// host waits for the handshake of one, so that the cause is known.
const pluginsFor = 12 * time.Second

// Plugins are the plugins of a configuration, started. Nil: there are none.
type Plugins struct{ host *pluginhost.Host }

// StartPlugins starts the plugins and asks them what they offer, which LoadRules
// then knows. What keeps one from working is an error among the diagnostics, with
// the place of the setting that it refuses; the others work nevertheless.
func (c *Config) StartPlugins(ctx context.Context, log *slog.Logger) (*Plugins, tomlfile.Diagnostics) {
	if len(c.Plugins) == 0 {
		return nil, nil
	}
	var configs []pluginhost.Config
	for _, p := range c.Plugins {
		configs = append(configs, p.Config)
	}
	ctx, cancel := context.WithTimeout(ctx, pluginsFor)
	defer cancel()
	host, err := pluginhost.Start(ctx, configs, pluginhost.Options{Log: log, Dir: socketDir()})
	var found tomlfile.Diagnostics
	if err != nil {
		found.Errorf(tomlfile.Pos{File: c.File}, "", "no plugin can be started: %v", err)
		return nil, found
	}
	plugins := &Plugins{host}
	plugins.describe(c, &found)
	found.Sort()
	return plugins, found
}

// socketDir is where plugins listen: in the directory that systemd made for the
// daemon (systemd.exec(5), RuntimeDirectory=), else in a temporary one.
func socketDir() string {
	dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "plugins")
}

// describe tells a configuration what its plugins offer.
func (x *Plugins) describe(c *Config, found *tomlfile.Diagnostics) {
	c.known = map[string]rulefile.Plugin{}
	if x == nil {
		return
	}
	for i := range c.Plugins {
		p := &c.Plugins[i]
		d, err := x.host.Describe(p.Name)
		if err != nil {
			p.refused(err, found)
			continue
		}
		known := rulefile.Plugin{Offers: map[string]rulefile.Offer{}}
		for _, f := range d.Facts {
			known.Offers[f.Key] = rulefile.Offer{Kind: f.Kind, Meaning: f.Meaning}
		}
		for _, f := range append(d.Needs, d.Wants...) {
			known.Needs |= rules.SetOf(f.ID)
		}
		c.known[p.Name] = known
	}
}

// refused reports why a plugin does not work.
func (p *Plugin) refused(err error, found *tomlfile.Diagnostics) {
	var settings *pluginhost.SettingsError
	if !errors.As(err, &settings) || len(settings.Problems) == 0 {
		found.Errorf(p.pos, "", "%v", err)
		return
	}
	for _, problem := range settings.Problems {
		what := problem.Message
		if problem.Key != "" {
			what = problem.Key + ": " + what
		}
		found.Errorf(p.settingPos(problem.Key), "", "[plugin.%s.settings] %s", p.Name, what)
	}
}

// Ask asks plugins for facts, for as long as a decision may take, and sets what
// they answer.
func (x *Plugins) Ask(ctx context.Context, s *rules.Session, wanted []*rules.Field) {
	if x == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, gate.Budget)
	defer cancel()
	x.host.Ask(ctx, s, wanted)
}

// Close ends the plugins, within seconds.
func (x *Plugins) Close() {
	if x != nil {
		x.host.Close()
	}
}

// source is who supplies facts of plugins to the gate.
func (x *Plugins) source() gate.Source {
	if x == nil {
		return nil
	}
	return x.host
}

// purge forgets what plugins have answered.
func (x *Plugins) purge() {
	if x != nil {
		x.host.Purge()
	}
}

// log logs how plugins do.
func (x *Plugins) log(log *slog.Logger) {
	if x == nil {
		return
	}
	for _, h := range x.host.Health() {
		log.Info("plugin", "plugin", h.Name, "state", string(h.State), "restarts", h.Restarts, "calls", h.Calls, "failures", h.Failures,
			"cached", h.Cached, "refused", h.Refused, "absent", h.Absent, "busy", h.Busy, "mean", h.Latency().Round(time.Microsecond).String())
	}
}

// strangers lists the plugins that have not told what they offer.
func (c *Config) strangers() string {
	var names []string
	for _, p := range c.Plugins {
		if c.known[p.Name].Offers == nil {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ",")
}
