package pluginhost

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Host keeps plugins running and asks them. It may be used by many goroutines.
type Host struct {
	plugins map[string]*supervisor
	order   []*supervisor
	dir     string // to be removed at the end; "": not
	end     context.CancelFunc
	running sync.WaitGroup
}

// Start begins to supervise plugins, and returns when each has started, or failed to
// for the first time, or when ctx ends. It fails for what can never work; a plugin
// that merely does not start is tried again.
func Start(ctx context.Context, configs []Config, o Options) (*Host, error) {
	return start(ctx, configs, o, usualPace())
}

func start(ctx context.Context, configs []Config, o Options, t pace) (*Host, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Host{plugins: map[string]*supervisor{}}
	if len(configs) == 0 {
		h.end = func() {}
		return h, nil
	}
	names := map[string]bool{}
	configs = slices.Clone(configs)
	for i := range configs {
		c := &configs[i]
		if err := c.check(); err != nil {
			return nil, err
		}
		if names[c.Name] {
			return nil, fmt.Errorf("there are two plugins with the name %s", c.Name)
		}
		names[c.Name] = true
	}
	dir, temporary, err := o.directory()
	if err != nil {
		return nil, fmt.Errorf("a directory for the sockets of plugins: %w", err)
	}
	if temporary {
		h.dir = dir
	}
	for _, c := range configs {
		p := newSupervisor(&c, o, dir, t)
		h.plugins[c.Name] = p
		h.order = append(h.order, p)
	}
	keepDescriptors()
	h.supervise(ctx)
	return h, nil
}

// supervise starts all plugins, and waits until it is known of each whether it runs.
func (h *Host) supervise(ctx context.Context) {
	running, end := context.WithCancel(context.Background())
	h.end = end
	for _, p := range h.order {
		h.running.Go(func() { p.supervise(running) })
	}
	for _, p := range h.order {
		select {
		case <-p.settled:
		case <-ctx.Done():
			return
		}
	}
}

// Describe says what a plugin offers. If it has never come so far, the error names
// plugin and cause; it wraps a [SettingsError] if the plugin refuses its settings.
func (h *Host) Describe(name string) (Description, error) {
	p := h.plugins[name]
	if p == nil {
		return Description{}, fmt.Errorf("there is no plugin with the name %s", name)
	}
	if in := p.current.Load(); in != nil {
		return in.described.Description, nil
	}
	_, _, err := p.status()
	return Description{}, err
}

// Health is the state of one plugin and what became of its questions since the
// start of the daemon.
type Health struct {
	Name     string
	State    State
	Error    string // why it is not healthy
	Restarts uint64 // how often it ended or did not start
	Calls    uint64 // that were made
	Failures uint64 // of them failed, or were answered with an error
	Cached   uint64 // questions that the cache answered
	Refused  uint64 // not asked, because too many calls were under way
	Absent   uint64 // not asked, because the plugin did not run, or rested after failures
	Busy     int    // calls that are under way
	Time     time.Duration
}

// Latency is how long a call takes on average, 0 if there was none.
func (x Health) Latency() time.Duration {
	if x.Calls == 0 {
		return 0
	}
	return x.Time / time.Duration(x.Calls)
}

// Health tells of all plugins, in the order of their configuration.
func (h *Host) Health() []Health {
	all := make([]Health, 0, len(h.order))
	for _, p := range h.order {
		state, restarts, err := p.status()
		x := Health{
			Name: p.config.Name, State: state, Restarts: restarts,
			Calls: p.counts.calls.Load(), Failures: p.counts.failures.Load(), Cached: p.counts.cached.Load(),
			Refused: p.counts.refused.Load(), Absent: p.counts.absent.Load(), Busy: len(p.room),
			Time: time.Duration(p.counts.nanos.Load()),
		}
		if err != nil {
			x.Error = err.Error()
		}
		all = append(all, x)
	}
	return all
}

// Purge forgets all answers.
func (h *Host) Purge() {
	for _, p := range h.order {
		p.purge()
	}
}

// Close ends all plugins, within some seconds. Facts of plugins are unknown from
// then on.
func (h *Host) Close() {
	h.end()
	h.running.Wait()
	h.Purge()
	if h.dir != "" {
		_ = os.RemoveAll(h.dir)
	}
}
