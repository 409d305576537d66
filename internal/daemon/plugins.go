package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/pluginhost"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// pluginsFor bounds how long a command waits for plugins: a little longer than the
// host waits for the handshake of one, so that the cause is known.
const pluginsFor = 12 * time.Second

// Plugins are the plugins of a configuration, started. Nil: there are none.
type Plugins struct {
	host *pluginhost.Host
	seen map[string]rulefile.Plugin // what they had told of themselves when it was last looked at
	told map[string]bool            // whose trouble is known to the log
}

// StartPlugins starts the plugins, waits for them, and asks them what they offer,
// which LoadRules then knows. What keeps one from working is an error among the
// diagnostics, with the place of the setting that it refuses; the others work
// nevertheless. The end of ctx ends the waiting only: Close ends the plugins.
func (c *Config) StartPlugins(ctx context.Context, log *slog.Logger) (*Plugins, tomlfile.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, pluginsFor)
	defer cancel()
	plugins, found := c.beginPlugins(ctx, log)
	if plugins == nil {
		return nil, found
	}
	plugins.describe(c)
	found = plugins.troubles(c, func(string) bool { return true })
	for i := range found {
		// A command is often run by root, who cannot tell whom the daemon may trust.
		if strings.Contains(found[i].Message, "belongs to another user") {
			found[i].Hint = "if that is the user that the daemon runs as, run this as that user"
		}
	}
	return plugins, found
}

// beginPlugins starts the plugins, and waits for them until ctx ends.
func (c *Config) beginPlugins(ctx context.Context, log *slog.Logger) (*Plugins, tomlfile.Diagnostics) {
	if len(c.Plugins) == 0 {
		return nil, nil
	}
	var configs []pluginhost.Config
	for _, p := range c.Plugins {
		configs = append(configs, p.Config)
	}
	host, err := pluginhost.Start(ctx, configs, pluginhost.Options{Log: log, Dir: socketDir()})
	if err != nil {
		var found tomlfile.Diagnostics
		found.Errorf(tomlfile.Pos{File: c.File}, "", "no plugin can be started: %v", err)
		return nil, found
	}
	return &Plugins{host: host, told: map[string]bool{}}, nil
}

// socketDir is where plugins listen: in the directory that systemd made for the
// daemon (systemd.exec(5), RuntimeDirectory=), else in a temporary one.
func socketDir() string {
	if dir := runtimeDir(); dir != "" {
		return filepath.Join(dir, "plugins")
	}
	return ""
}

// runtimeDir is the directory that the service manager made for sockets, "" if there is
// none.
func runtimeDir() string {
	dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	return dir
}

// describe tells a configuration what its plugins offer, as far as it is known.
func (x *Plugins) describe(c *Config) {
	if x == nil {
		return
	}
	x.seen = map[string]rulefile.Plugin{}
	for i := range c.Plugins {
		if known, err := x.offers(c.Plugins[i].Name); err == nil {
			x.seen[c.Plugins[i].Name] = known
		}
	}
	c.known = x.seen
}

// offers is what a plugin tells of itself, as rules want to know it.
func (x *Plugins) offers(name string) (rulefile.Plugin, error) {
	d, err := x.host.Describe(name)
	if err != nil {
		return rulefile.Plugin{}, err
	}
	known := rulefile.Plugin{Offers: map[string]rulefile.Offer{}}
	for _, f := range d.Facts {
		known.Offers[f.Key] = rulefile.Offer{Kind: f.Kind, Meaning: f.Meaning}
	}
	for _, f := range slices.Concat(d.Needs, d.Wants) {
		known.Needs |= rules.SetOf(f.ID)
	}
	return known, nil
}

// news names the plugins that tell of themselves what describe has not seen: those
// that have come up for the first time, or as another version.
func (x *Plugins) news(c *Config) []string {
	var names []string
	for i := range c.Plugins {
		name := c.Plugins[i].Name
		if known, err := x.offers(name); err == nil && !reflect.DeepEqual(known, x.seen[name]) {
			names = append(names, name)
		}
	}
	return names
}

// troubles says what keeps some of the plugins from telling what they offer.
func (x *Plugins) troubles(c *Config, of func(name string) bool) tomlfile.Diagnostics {
	var found tomlfile.Diagnostics
	for i := range c.Plugins {
		name := c.Plugins[i].Name
		if _, err := x.host.Describe(name); err != nil && of(name) {
			c.Plugins[i].refused(err, &found)
		}
	}
	found.Sort()
	return found
}

// failed are the plugins that have failed to start, and are not starting again.
func (x *Plugins) failed() map[string]bool {
	names := map[string]bool{}
	for _, h := range x.host.Health() {
		names[h.Name] = h.State == pluginhost.BackingOff || h.State == pluginhost.Failed
	}
	return names
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

// Ask asks plugins for facts that a policy wants, each for as long as one of its calls
// may take, and sets what they answer. A fact that is not of the kind that the plugin tells now stays
// unknown: the rules were read before the plugin told, or when it told otherwise, and
// a text that is compared as a name gives wrong verdicts.
func (x *Plugins) Ask(ctx context.Context, by *rules.Policy, s *rules.Session, wanted []*rules.Field) {
	if x == nil {
		return
	}
	if slices.ContainsFunc(wanted, x.misread) {
		wanted = slices.DeleteFunc(slices.Clone(wanted), x.misread)
	}
	x.host.Ask(ctx, by, s, wanted)
}

// misread says whether the rules take a fact for something else than its plugin says.
// As long as the plugin has said nothing it is not asked either.
func (x *Plugins) misread(f *rules.Field) bool {
	name, key, _ := f.Plugin()
	d, err := x.host.Describe(name)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(d.Facts, func(o pluginhost.Fact) bool { return o.Key == key && o.Kind == f.Kind })
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
	return x
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
