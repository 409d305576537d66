package daemon

import (
	"encoding/hex"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/internal/pluginhost"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
)

// What plugins may have where the configuration says nothing, and at most. A
// call cannot outlast the decision that it is for.
const (
	defaultCallTime = 2 * time.Second
	defaultCalls    = 100
	mostCalls       = 1000
	defaultAnswers  = 10_000
	mostAnswers     = 1_000_000
)

// Plugin is one [plugin.NAME].
type Plugin struct {
	pluginhost.Config
	pos      tomlfile.Pos
	settings *tomlfile.Table // nil: there are none
}

// samePlugins says whether plugins are started in the same way.
func samePlugins(a, b []Plugin) bool {
	return slices.EqualFunc(a, b, func(a, b Plugin) bool { return reflect.DeepEqual(a.Config, b.Config) })
}

// readPlugins reads all [plugin.NAME].
func readPlugins(top *tomlfile.Reader, found *tomlfile.Diagnostics) []Plugin {
	t, pos, ok := top.Table("plugin")
	if !ok {
		return nil
	}
	if len(t.Entries) == 0 {
		top.Errorf(pos, "write [plugin.NAME] above the keys of each", "[plugin] names no plugin")
	}
	var out []Plugin
	for _, e := range t.Entries {
		table, ok := e.Value.(*tomlfile.Table)
		switch {
		case !ok:
			top.Errorf(e.Pos, "write [plugin.NAME] above the keys of each", "plugin %q must be a table, not %s", e.Key, tomlfile.KindName(e.Value))
			continue
		case !rulefile.IsName(e.Key):
			top.Errorf(e.Pos, "", "plugin %q: the name of a plugin has lower-case letters, digits and \"_\", and begins with a letter", e.Key)
		}
		out = append(out, readPlugin(e.Key, table, found))
	}
	return out
}

func readPlugin(name string, t *tomlfile.Table, found *tomlfile.Diagnostics) Plugin {
	p := Plugin{pos: t.Pos, Config: pluginhost.Config{
		Name: name, MTLS: true, Timeout: defaultCallTime, Concurrency: defaultCalls, CacheSize: defaultAnswers,
	}}
	r := tomlfile.Read(t, "[plugin."+name+"] ", found)
	p.program(r)
	if b, _, ok := r.Bool("mtls"); ok {
		p.MTLS = b
	}
	if s, pos, ok := r.String("timeout"); ok {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Millisecond || d > gate.Budget {
			r.Errorf(pos, "", "timeout must be a time such as \"2s\" or \"500ms\", of at most %s, not %q", gate.Budget, s)
		}
		p.Timeout = d
	}
	count(r, "concurrency", &p.Concurrency, mostCalls)
	count(r, "cache", &p.CacheSize, mostAnswers)
	p.Settings = []byte("{}")
	if s, _, ok := r.Table("settings"); ok {
		p.settings = s
		p.Settings = settingsJSON(r, s)
	}
	r.Done()
	return p
}

// program reads what is run, and how.
func (p *Plugin) program(r *tomlfile.Reader) {
	path, pos, ok := r.String("path")
	switch {
	case ok && !filepath.IsAbs(path):
		r.Errorf(pos, "what is run must not depend on where a file lies", "path must be absolute, not %q", path)
	case !ok:
		if _, there := r.Entry("path"); !there {
			r.Errorf(r.Pos(), "path = \"/usr/libexec/tlswarden/lookup\", for example", "has no path")
		}
	}
	p.Path = path
	if a, ok := r.Strings("args"); ok {
		for _, e := range a {
			p.Args = append(p.Args, e.Value.(string))
		}
	}
	if s, pos, ok := r.String("sha256"); ok {
		if sum, err := hex.DecodeString(s); err != nil || len(sum) != 32 {
			r.Errorf(pos, "as sha256sum prints it", "sha256 must be 64 hexadecimal digits, not %q", s)
		}
		p.SHA256 = strings.ToLower(s)
	}
	if t, _, ok := r.Table("env"); ok {
		p.Env = environment(r, t)
	}
}

// environment reads variables. Those that the plugin learns from the daemon are
// not the configuration's to set.
func environment(r *tomlfile.Reader, t *tomlfile.Table) map[string]string {
	env := map[string]string{}
	for _, e := range t.Entries {
		s, ok := e.Value.(string)
		switch {
		case e.Key == "" || strings.ContainsAny(e.Key, "=\x00"):
			r.Errorf(e.Pos, "", "env: %q is no name of a variable", e.Key)
		case strings.HasPrefix(e.Key, "PLUGIN_"), strings.HasPrefix(e.Key, "TLSWARDEN_"):
			r.Errorf(e.Pos, "", "env: %s is for the daemon to set", e.Key)
		case !ok:
			r.Errorf(e.Pos, "", "env: %s must be a string, not %s", e.Key, tomlfile.KindName(e.Value))
		case strings.Contains(s, "\x00"):
			r.Errorf(e.Pos, "", "env: %s has a NUL", e.Key)
		}
		env[e.Key] = s
	}
	return env
}

func count(r *tomlfile.Reader, key string, to *int, most int64) {
	n, pos, ok := r.Int(key)
	if !ok {
		return
	}
	if n < 1 || n > most {
		r.Errorf(pos, "", "%s must be between 1 and %d, not %d", key, most, n)
	}
	*to = int(n)
}

// pluginsOf is what rules may name: the plugins of the configuration, with what
// is known of each.
func (c *Config) pluginsOf() map[string]rulefile.Plugin {
	out := map[string]rulefile.Plugin{}
	for _, p := range c.Plugins {
		out[p.Name] = rulefile.Plugin{}
	}
	maps.Copy(out, c.known)
	return out
}
