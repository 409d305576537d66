package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tlswarden/internal/daemon"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// errInterrupted is the end of a command by a signal.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that SIGINT and SIGTERM end, so that a command that
// has started plugins ends them, too, and removes their sockets.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

// startPlugins starts the plugins of a configuration for as long as a command
// runs. It returns what is wrong with those that do not start, and the error that
// ctx ended meanwhile.
func startPlugins(ctx context.Context, c *daemon.Config, stderr io.Writer) (*daemon.Plugins, tomlfile.Diagnostics, error) {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	plugins, found := c.StartPlugins(ctx, log)
	if ctx.Err() != nil {
		plugins.Close()
		return nil, nil, errInterrupted
	}
	return plugins, found, nil
}

// asked is a plugin that rules look at, and what it said.
type asked struct {
	Name         string  `json:"name"`
	Asked        bool    `json:"asked"`        // false: its facts were given, or no plugin was to be asked
	Milliseconds float64 `json:"milliseconds"` // that it took
	Facts        []fact  `json:"facts"`        // that rules look at
}

// ask asks each plugin that rules look at for the facts that are not given, if
// that is wanted.
func (src *ruleSource) ask(ctx context.Context, s *rules.Session, want bool) []asked {
	out := []asked{}
	for _, of := range byPlugin(src.policy.Supplied()) {
		var wanted []*rules.Field
		for _, f := range of {
			if _, given := f.Read(s); !given {
				wanted = append(wanted, f)
			}
		}
		name, _, _ := of[0].Plugin()
		a := asked{Name: name, Asked: want && len(wanted) > 0}
		if a.Asked {
			start := time.Now()
			src.plugins.Ask(ctx, src.policy, s, wanted)
			a.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
		}
		for _, f := range of {
			a.Facts = append(a.Facts, fact{Field: f.Name, Value: seen(f, s), Needed: true, kind: f.Kind})
		}
		out = append(out, a)
	}
	return out
}

// byPlugin sorts fields by their plugins, in the order in which these are named.
func byPlugin(fields []*rules.Field) [][]*rules.Field {
	var out [][]*rules.Field
	at := map[string]int{}
	for _, f := range fields {
		name, _, _ := f.Plugin()
		if _, there := at[name]; !there {
			at[name] = len(out)
			out = append(out, nil)
		}
		out[at[name]] = append(out[at[name]], f)
	}
	return out
}

// plugins shows what plugins said.
func (t *explainText) plugins(list []asked) {
	if len(list) == 0 {
		return
	}
	t.title("plugins")
	for i := range list {
		a := &list[i]
		var parts []string
		unknown := false
		for _, f := range a.Facts {
			parts = append(parts, strings.TrimPrefix(f.Field, rules.SuppliedName(a.Name, ""))+" "+valueText(f.Value))
			unknown = unknown || f.Value == nil
		}
		how := "not asked"
		switch {
		case a.Asked:
			how = time.Duration(a.Milliseconds * float64(time.Millisecond)).String()
		case unknown:
			how = "not asked, which --plugins would do"
		}
		t.line("  %s (%s): %s", a.Name, how, strings.Join(parts, ", "))
	}
}
