package daemon

import (
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

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

// Config is the daemon's configuration.
type Config struct {
	File      string   // "": the built-in default
	Rules     []string // rule files and patterns, relative to the file; none: the built-in rules
	Enforce   rules.Enforce
	OnFailure rules.Action // Defer or Accept
	Milter    []Listen
	Policy    []Listen
	Log       LogConfig
}

// Listen is an address to listen on.
type Listen struct {
	Network string      // "tcp" or "unix"
	Address string      // host:port, or path
	Mode    fs.FileMode // of a unix-domain socket
	Group   string      // of a unix-domain socket; "": that of the process
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
	c := Config{File: name, OnFailure: rules.Defer}
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

// rulesOptions says which front ends rules can count on.
func (c *Config) rulesOptions() rulefile.Options {
	return rulefile.Options{Daemon: true, NoMilter: len(c.Milter) == 0, NoPolicy: len(c.Policy) == 0}
}

func (c *Config) read(t *tomlfile.Table, found *tomlfile.Diagnostics) {
	r := tomlfile.Read(t, "", found)
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
	milter, hasMilter := c.frontEnd(r, "milter", found)
	policy, hasPolicy := c.frontEnd(r, "policy", found)
	if !hasMilter && !hasPolicy {
		milter = c.defaultListen(DefaultMilter)
		policy = c.defaultListen(DefaultPolicy)
	}
	c.Milter, c.Policy = milter, policy
	if t, _, ok := r.Table("log"); ok {
		c.Log.read(t, found)
	}
	r.Done()
}

func (c *Config) defaultListen(address string) []Listen {
	l, _ := c.parseListen(address)
	return []Listen{l}
}

// frontEnd reads [milter] or [policy].
func (c *Config) frontEnd(top *tomlfile.Reader, name string, found *tomlfile.Diagnostics) ([]Listen, bool) {
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
			out = append(out, l)
		}
	}
	r.Done()
	return out, true
}

// listen reads one address: a string, or a table with address, mode and group.
func (c *Config) listen(r *tomlfile.Reader, e tomlfile.Element, found *tomlfile.Diagnostics) (Listen, bool) {
	address, ok := e.Value.(string)
	t, isTable := e.Value.(*tomlfile.Table)
	if !ok && !isTable {
		r.Errorf(e.Pos, "", "listen takes strings, or tables with address, mode and group, not %s", tomlfile.KindName(e.Value))
		return Listen{}, false
	}
	mode, group := "", ""
	if isTable {
		tr := tomlfile.Read(t, "listen: ", found)
		address, _, _ = tr.String("address")
		mode, _, _ = tr.String("mode")
		group, _, _ = tr.String("group")
		tr.Done()
	}
	l, err := c.parseListen(address)
	if err == nil && (mode != "" || group != "") {
		err = l.permissions(mode, group)
	}
	if err != nil {
		r.Errorf(e.Pos, "", "listen: %v", err)
	}
	return l, err == nil
}

// parseListen reads inet:host:port or unix:/path, as Postfix writes them.
func (c *Config) parseListen(address string) (Listen, error) {
	kind, rest, _ := strings.Cut(address, ":")
	switch kind {
	case "inet":
		i := strings.LastIndexByte(rest, ':')
		port, err := strconv.ParseUint(rest[i+1:], 10, 16)
		if i <= 0 || err != nil || port == 0 {
			return Listen{}, fmt.Errorf("%q has no host and port; write inet:127.0.0.1:8465", address)
		}
		return Listen{Network: "tcp", Address: rest}, nil
	case "unix":
		if rest == "" {
			return Listen{}, fmt.Errorf("%q has no path", address)
		}
		if !filepath.IsAbs(rest) {
			rest = filepath.Join(c.dir(), rest)
		}
		return Listen{Network: "unix", Address: rest, Mode: 0o660}, nil
	}
	return Listen{}, fmt.Errorf("%q is no address; write inet:host:port or unix:/path", address)
}

func (l *Listen) permissions(mode, group string) error {
	if l.Network != "unix" {
		return fmt.Errorf("mode and group go with unix-domain sockets, not with %s", l.Address)
	}
	if mode != "" {
		m, err := strconv.ParseUint(mode, 8, 9)
		if err != nil {
			return fmt.Errorf("mode must be octal digits such as \"0660\", not %q", mode)
		}
		l.Mode = fs.FileMode(m)
	}
	l.Group = group
	return nil
}

// String renders the address as the configuration has it.
func (l Listen) String() string {
	if l.Network == "tcp" {
		return "inet:" + l.Address
	}
	return "unix:" + l.Address
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
