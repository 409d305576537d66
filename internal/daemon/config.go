package daemon

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"slices"

	"tlswarden/internal/control"
	"tlswarden/internal/gate"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// The addresses that are listened on where the configuration names none.
const (
	DefaultMilter = "inet:127.0.0.1:8465"
	DefaultPolicy = "inet:127.0.0.1:10465"
)

// How many connections a listener takes at once, where the configuration says
// nothing, and at most: beyond that memory would be the limit.
const (
	defaultMaxConns = 2000
	mostMaxConns    = 100_000
)

// Config is the daemon's configuration.
type Config struct {
	File      string   // "": the built-in default
	Rules     []string // rule files and patterns, relative to the file; none: the built-in rules
	Enforce   rules.Enforce
	OnFailure rules.Action // Defer or Accept
	Milter    []Listen
	Policy    []Listen
	MilterMax int // connections at once, for each listener of the milter
	PolicyMax int // the same of the policy service
	Log       LogConfig
	Plugins   []Plugin
	Control   string // the directory of the sockets by which commands ask the daemon; "": that of the service manager

	known map[string]rulefile.Plugin // what plugins have told of themselves, by their names
}

// LogConfig says how to log.
type LogConfig struct {
	Syslog bool // syslog with facility mail instead of standard error
	Format gate.Format
	Level  slog.Level
}

// LoadConfig reads the configuration; an empty name stands for the built-in
// default.
func LoadConfig(name string) (Config, tomlfile.Diagnostics) {
	c := Config{File: name, OnFailure: rules.Defer, MilterMax: defaultMaxConns, PolicyMax: defaultMaxConns}
	var found tomlfile.Diagnostics
	t := &tomlfile.Table{}
	if name != "" {
		data, err := tomlfile.ReadFile(name)
		if err != nil {
			found.Errorf(tomlfile.Pos{File: name}, "", "%v", err)
			return c, found
		}
		if t, found = tomlfile.Parse(name, data); t == nil {
			return c, found
		}
	}
	c.read(t, &found)
	found.Sort()
	return c, found
}

// dir is the directory that paths are relative to.
func (c *Config) dir() string { return filepath.Dir(c.File) }

// rulesOptions says which front ends and plugins rules can count on.
func (c *Config) rulesOptions() rulefile.Options {
	return rulefile.Options{NoMilter: len(c.Milter) == 0, NoPolicy: len(c.Policy) == 0, Plugins: c.pluginsOf()}
}

// sameAtStart says whether all is as in another configuration that is set up at
// the start, and not by a reload.
func (c *Config) sameAtStart(o *Config) bool {
	return slices.Equal(c.Milter, o.Milter) && slices.Equal(c.Policy, o.Policy) &&
		c.MilterMax == o.MilterMax && c.PolicyMax == o.PolicyMax && c.Log == o.Log && c.OnFailure == o.OnFailure && c.Control == o.Control &&
		samePlugins(c.Plugins, o.Plugins)
}

// keepFromStart takes from another configuration what is set up at the start.
func (c *Config) keepFromStart(o *Config) {
	c.Milter, c.Policy, c.MilterMax, c.PolicyMax = o.Milter, o.Policy, o.MilterMax, o.PolicyMax
	c.Log, c.OnFailure, c.Control = o.Log, o.OnFailure, o.Control
	c.Plugins = o.Plugins
}

func (c *Config) read(t *tomlfile.Table, found *tomlfile.Diagnostics) {
	r := tomlfile.Read(t, "", found)
	if rulefile.IsRules(t) {
		found.Errorf(tomlfile.Pos{File: t.Pos.File}, "name it without --config, as in tlswarden check "+t.Pos.File+"; a configuration names the files of its rules by rules = [\"rules.d/*.toml\"]",
			"this is a rule file, and a configuration of the daemon is wanted")
		return
	}
	if a, ok := r.Strings("rules"); ok {
		if e, _ := r.Entry("rules"); len(a) == 0 {
			r.Errorf(e.Pos, "leave it out for the built-in rules", "rules names no file")
		}
		for _, e := range a {
			c.Rules = append(c.Rules, e.Value.(string))
		}
	}
	if s, pos, ok := r.String("enforce"); ok {
		e, ok := rules.ParseEnforce(s)
		if !ok {
			r.Errorf(pos, "", "enforce must be one of %s, not %q", rules.EnforceNames(), s)
		}
		c.Enforce = e
	}
	if s, pos, ok := r.String("on_failure"); ok {
		a, known := rules.ParseAction(s)
		if !known || a != rules.Defer && a != rules.Accept {
			r.Errorf(pos, "", "on_failure must be defer or accept, not %q", s)
		}
		c.OnFailure = a
	}
	var seen taken
	milter, hasMilter := c.frontEnd(r, "milter", &c.MilterMax, &seen, found)
	policy, hasPolicy := c.frontEnd(r, "policy", &c.PolicyMax, &seen, found)
	if !hasMilter && !hasPolicy {
		milter = c.defaultListen(DefaultMilter)
		policy = c.defaultListen(DefaultPolicy)
	}
	c.Milter, c.Policy = milter, policy
	if t, _, ok := r.Table("log"); ok {
		c.Log.read(t, found)
	}
	if t, _, ok := r.Table("control"); ok {
		c.readControl(t, found)
	}
	c.Plugins = readPlugins(r, found)
	r.Done()
}

// ControlDir is where commands look for the daemon's sockets.
func (c *Config) ControlDir() string { return cmp.Or(c.Control, control.DefaultDir()) }

// readControl reads [control].
func (c *Config) readControl(t *tomlfile.Table, found *tomlfile.Diagnostics) {
	r := tomlfile.Read(t, "[control] ", found)
	if dir, pos, ok := r.String("directory"); ok {
		if c.Control = dir; !filepath.IsAbs(dir) {
			c.Control = filepath.Join(c.dir(), dir)
		}
		if most := maxPath - len("/"+control.StatusSocket); dir == "" || len(c.Control) > most {
			r.Errorf(pos, "", "directory must be a path of at most %d bytes, as a socket takes no longer one, not %q", most, dir)
		}
	}
	r.Done()
}

func (c *Config) defaultListen(address string) []Listen {
	l, _ := c.parseListen(address)
	return []Listen{l}
}

// frontEnd reads [milter] or [policy].
func (c *Config) frontEnd(top *tomlfile.Reader, name string, most *int, seen *taken, found *tomlfile.Diagnostics) ([]Listen, bool) {
	t, pos, ok := top.Table(name)
	if !ok {
		return nil, false
	}
	r := tomlfile.Read(t, "["+name+"] ", found)
	var out []Listen
	entries, ok := r.List("listen")
	if !ok || len(entries) == 0 {
		r.Errorf(pos, "listen = [\"inet:127.0.0.1:8465\"], for example", "has no listen; leave the table out if this front end is not wanted")
	}
	for _, e := range entries {
		if l, ok := c.listen(r, e, found); ok {
			seen.take(r, name, l, e.Pos)
			out = append(out, l)
		}
	}
	if n, pos, ok := r.Int("max_connections"); ok {
		if n < 1 || n > mostMaxConns {
			r.Errorf(pos, "", "max_connections must be between 1 and %d, not %d", mostMaxConns, n)
		}
		*most = int(n)
	}
	r.Done()
	return out, true
}

func (c *LogConfig) read(t *tomlfile.Table, found *tomlfile.Diagnostics) {
	r := tomlfile.Read(t, "[log] ", found)
	if s, pos, ok := r.String("to"); ok {
		if s != "stderr" && s != "syslog" {
			r.Errorf(pos, "", "to must be stderr or syslog, not %q", s)
		}
		c.Syslog = s == "syslog"
	}
	if s, pos, ok := r.String("format"); ok {
		switch s {
		case "logfmt":
		case "json":
			c.Format = gate.JSON
		default:
			r.Errorf(pos, "", "format must be logfmt or json, not %q", s)
		}
	}
	if s, pos, ok := r.String("level"); ok {
		levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}
		level, known := levels[s]
		if !known {
			r.Errorf(pos, "", "level must be debug, info, warning or error, not %q", s)
		}
		c.Level = level
	}
	r.Done()
}
