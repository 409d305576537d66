package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
	protobuf "google.golang.org/protobuf/proto"

	"tlswarden/internal/ratelimit"
)

// pace are the times of a supervisor, which tests shorten.
type pace struct {
	start   time.Duration // until a plugin that is started can be asked
	probe   time.Duration // of Describe, where calls fail
	stop    time.Duration // until a plugin that was asked to end is killed
	least   time.Duration // before the next start
	most    time.Duration
	healthy time.Duration // after which the next start is as after the first
	failure time.Duration // for which a failed call holds
}

func usualPace() pace {
	return pace{
		start: 10 * time.Second, probe: 5 * time.Second, stop: 3 * time.Second,
		least: time.Second, most: time.Minute, healthy: time.Minute, failure: 5 * time.Second,
	}
}

// State is what a supervisor makes of its plugin.
type State string

// The states.
const (
	Starting   State = "starting"
	Healthy    State = "healthy"
	BackingOff State = "backing off" // it ended, or did not start, and is tried again
	Failed     State = "failed"      // it cannot work as it is; it is tried once a minute
	Ended      State = "ended"       // the daemon has ended it
)

// supervisor keeps one plugin running.
type supervisor struct {
	config *Config
	pace   pace
	dir    string
	log    *slog.Logger
	output *output
	now    func() time.Time

	current atomic.Pointer[instance] // of the last start that got so far, nil: none; it may be retired
	settled chan struct{}            // closed once the first start has succeeded or failed
	settle  sync.Once

	answers  *lru.Cache[string, *answer]
	flights  singleflight.Group
	purged   atomic.Uint64 // how often: a part of each key, so that no answer to a question of before is given
	room     chan struct{} // one for each call under way
	troubled atomic.Int64  // calls that failed in a row
	rest     atomic.Pointer[rest]
	warnings *ratelimit.Limiter

	counts counts

	mu       sync.Mutex
	state    State
	err      error // why it is not healthy
	restarts uint64
}

// warnEvery is how often a plugin's faults are told.
const warnEvery = 10 * time.Second

func newSupervisor(c *Config, o Options, dir string, t pace) *supervisor {
	log := o.Log.With("plugin", c.Name)
	answers, _ := lru.New[string, *answer](c.CacheSize) // it fails for sizes below 1 only
	return &supervisor{
		config: c, pace: t, dir: dir, log: log, output: &output{log: log}, now: o.Now,
		settled: make(chan struct{}), answers: answers, room: make(chan struct{}, c.Concurrency),
		warnings: ratelimit.New(warnEvery), state: Starting,
	}
}

// supervise starts the plugin, again and again, until ctx ends.
func (p *supervisor) supervise(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		in, err := p.begin(ctx)
		if err == nil {
			p.log.Info("plugin started", "pid", in.process.ID(), "name", in.described.Name, "version", in.described.Version)
			err = p.watch(ctx, in)
			in.retired.Store(true)
			in.stop(p.pace.stop)
			if time.Since(began) >= p.pace.healthy {
				failures = 0
			}
		}
		if ctx.Err() != nil {
			break
		}
		pause := p.pause(failures, err)
		p.fail(err, pause)
		failures++
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	p.set(Ended, errors.New("it has been ended"))
	p.settle.Do(func() { close(p.settled) })
}

// begin makes the plugin ready to be asked, all within one time.
func (p *supervisor) begin(ctx context.Context) (*instance, error) {
	p.set(Starting, errors.New("it has not started yet"))
	ctx, cancel := context.WithTimeout(ctx, p.pace.start)
	defer cancel()
	in, err := p.run(ctx)
	if err != nil {
		return nil, err
	}
	if in.described, err = p.introduce(ctx, in); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			in.process.kill()
		}
		in.stop(p.pace.stop)
		return nil, err
	}
	if old := p.current.Load(); old != nil {
		in.described.number = old.described.number
		if !protobuf.Equal(old.described.said, in.described.said) {
			in.described.number++
			p.purge()
		}
	}
	p.forgive()
	p.current.Store(in)
	p.set(Healthy, nil)
	p.settle.Do(func() { close(p.settled) })
	return in, nil
}

// pause is how long to wait before the next start. Jitter keeps several plugins
// that lost the same database from coming back at once.
func (p *supervisor) pause(failures int, err error) time.Duration {
	var u unfit
	if errors.As(err, &u) {
		failures = 30
	}
	pause := p.pace.most
	if failures < 30 {
		pause = min(pause, p.pace.least<<failures)
	}
	return pause/2 + rand.N(pause/2+1)
}

// fail takes note of why the plugin does not run.
func (p *supervisor) fail(err error, pause time.Duration) {
	state := BackingOff
	var u unfit
	if errors.As(err, &u) {
		state = Failed
	}
	p.mu.Lock()
	p.restarts++
	p.mu.Unlock()
	p.set(state, err)
	p.log.Warn("plugin does not run; its facts are unknown", "error", err.Error(), "state", string(state), "again_in", pause.Round(time.Millisecond).String())
	p.settle.Do(func() { close(p.settled) })
}

// set changes the state. While a plugin that failed is tried again, the cause of
// the failure stays.
func (p *supervisor) set(s State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	if s != Starting || p.err == nil {
		p.err = err
	}
}

// status is the state with its cause, nil if the plugin is healthy.
func (p *supervisor) status() (State, uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return p.state, p.restarts, nil
	}
	return p.state, p.restarts, fmt.Errorf("plugin %s: %w", p.config.Name, p.err)
}

// purge forgets all answers.
func (p *supervisor) purge() {
	p.purged.Add(1)
	p.answers.Purge()
}
