package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
)

// lookEvery is how often it is looked whether plugins tell other things of
// themselves than the rules were read with.
const lookEvery = 250 * time.Millisecond

// beginPlugins starts the plugins and waits for none: mail is answered without them.
func (d *daemon) beginPlugins() {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	plugins, found := d.config.beginPlugins(now, d.logs.log)
	d.plugins = plugins
	logFound(d.logs.log, found)
	if plugins == nil {
		d.warnOfStrangers(&d.config)
	}
}

// followPlugins logs, once for each plugin, that it does not start. It loads the
// rules again when plugins tell of themselves for the first time, or otherwise than
// before.
func (d *daemon) followPlugins() {
	x, c := d.plugins, d.config
	failed := x.failed()
	if found := x.troubles(&c, func(name string) bool { return failed[name] && !x.told[name] }); len(found) > 0 {
		for name := range failed {
			x.told[name] = x.told[name] || failed[name]
		}
		logFound(d.logs.log, found)
		d.warnOfStrangers(&c)
	}
	if names := x.news(&c); len(names) > 0 {
		d.reread(c, strings.Join(names, ","))
	}
}

// reread loads the rules of a configuration again, with what plugins tell now. That
// tests fail keeps the policy in place only if they passed for that one.
func (d *daemon) reread(c Config, plugins string) {
	log := d.logs.log
	d.plugins.describe(&c)
	loaded := c.LoadRules(time.Now())
	logFound(log, unlogged(loaded.Found, d.found))
	d.found = loaded.Found
	if loaded.Policy == nil || loaded.Found.HasErrors() && d.gate.Policy() != nil && !d.unproven {
		log.Error("the rules are not in order with what plugins offer; the policy that runs stays, and facts of another kind than it takes them for are unknown",
			"plugins", plugins, "failed", loaded.Failed)
		return
	}
	d.put(c, &loaded, time.Now())
	log.Info("the rules are loaded with what plugins offer", "plugins", plugins, "rules", len(loaded.Policy.Rules()))
	d.notified(d.manager.Ready(d.status()))
}

// unlogged are the diagnostics that are not among those of before.
func unlogged(found, before tomlfile.Diagnostics) tomlfile.Diagnostics {
	return slices.DeleteFunc(slices.Clone(found), func(x tomlfile.Diagnostic) bool { return slices.Contains(before, x) })
}

// learn tells a configuration what its plugins offer, for a reload, and returns what
// is wrong with those that have failed.
func (d *daemon) learn(c *Config) tomlfile.Diagnostics {
	defer d.warnOfStrangers(c)
	if d.plugins == nil {
		return nil
	}
	d.plugins.describe(c)
	failed := d.plugins.failed()
	return d.plugins.troubles(c, func(name string) bool { return failed[name] || d.plugins.told[name] })
}

// warnOfStrangers logs which plugins rules are read without knowing. Their facts
// are what rules take them for.
func (d *daemon) warnOfStrangers(c *Config) {
	if names := c.strangers(); names != "" {
		d.logs.log.Warn("the rules are read without knowing what plugins offer that have not run yet: they are loaded again once these do", "plugins", names)
	}
}
