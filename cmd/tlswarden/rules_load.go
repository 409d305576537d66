package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tomlfile"
	"tlswarden/policyd"
	"tlswarden/rules"
	"tlswarden/rules/ruletest"
)

// ruleSource is where a command that looks at one policy finds it: rule files, or
// a configuration that names them.
type ruleSource struct {
	policy *rules.Policy
	tests  []ruletest.Test
	broken tomlfile.Diagnostics // tests that cannot be read
	milter bool                 // the front ends that are enabled
	policd bool
	asks   policyd.Postfix // the policy service

	plugins *daemon.Plugins // that were started, nil: none
}

// loadSource loads the policy and its tests. That tests fail does not matter
// here. If the rules cannot be used, all that is wrong is printed. The plugins of
// a configuration are started if that is wanted.
func loadSource(ctx context.Context, command, config string, files []string, plugins bool, stderr io.Writer) (ruleSource, error) {
	if (config == "") == (len(files) == 0) {
		return ruleSource{}, usageError{fmt.Errorf("%s takes rule files, or --config with a configuration", command)}
	}
	src := ruleSource{milter: true, policd: true}
	var found tomlfile.Diagnostics
	if config == "" {
		loaded := loadRules(files)
		src.policy, src.tests, found = loaded.Policy, loaded.Tests, loaded.Found
		src.broken = found // for it has no errors but these, or there is no policy
	} else {
		var err error
		if found, err = src.configured(ctx, config, plugins, stderr); err != nil {
			return src, err
		}
	}
	if src.policy == nil {
		src.plugins.Close()
		printFound(stderr, found)
		return src, exitCode(exitErrors)
	}
	return src, nil
}

// configured loads what a configuration names.
func (src *ruleSource) configured(ctx context.Context, config string, plugins bool, stderr io.Writer) (tomlfile.Diagnostics, error) {
	c, found := daemon.LoadConfig(config)
	if found.HasErrors() {
		return found, nil
	}
	if plugins {
		var err error
		if src.plugins, found, err = startPlugins(ctx, &c, stderr); err != nil {
			return nil, err
		}
		printFound(stderr, found)
	}
	src.milter, src.policd = len(c.Milter) > 0, len(c.Policy) > 0
	if src.policd {
		src.asks = policyd.Postfix{Reads: c.Policy[0].Reads, ProxyFilter: c.Policy[0].Proxied}
	}
	loaded := c.LoadRules(time.Now())
	src.policy, src.tests, src.broken = loaded.Policy, loaded.Tests, loaded.Broken
	return loaded.Found, nil
}
