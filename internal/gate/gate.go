package gate

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tlswarden/rules"
)

// ErrNoPolicy is the error of every decision while no rules are loaded.
var ErrNoPolicy = errors.New("no rules are loaded")

// Config is what a gate is made of.
type Config struct {
	Log       *slog.Logger     // all but decisions
	Decisions *Batch           // decision lines
	Format    Format           // of decision lines
	Now       func() time.Time // the clock; nil: time.Now
}

// Gate makes verdicts. It is used by all front ends at once.
type Gate struct {
	log       *slog.Logger
	decisions *Batch
	format    Format
	now       func() time.Time
	listeners *listeners
	nowhere   listener // for the log: where the MTA does not tell address and port
	lastID    atomic.Uint64
	snapshot  atomic.Pointer[snapshot]
	loading   sync.Mutex // held while a policy is put in place
}

// snapshot is a policy with the counters of its rules.
type snapshot struct {
	policy *rules.Policy
	counts []*counter // by the rule's index
}

// New returns a gate without a policy.
func New(c Config) *Gate {
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &Gate{log: c.Log, decisions: c.Decisions, format: c.Format, now: c.Now, listeners: newListeners()}
	g.lastID.Store(uint64(c.Now().UnixMicro()))
	return g
}

// SetPolicy puts a policy in place for what is opened from now on. Rules that
// keep their name keep their counts.
func (g *Gate) SetPolicy(p *rules.Policy) {
	g.loading.Lock()
	defer g.loading.Unlock()
	next := &snapshot{policy: p}
	old := map[string]*counter{}
	if s := g.snapshot.Load(); s != nil {
		for i, r := range s.policy.Rules() {
			old[r.Name] = s.counts[i]
		}
	}
	for _, r := range p.Rules() {
		c := old[r.Name]
		if c == nil {
			c = &counter{since: g.now()}
		}
		next.counts = append(next.counts, c)
	}
	g.snapshot.Store(next)
}

// Policy is the policy in place, nil if there is none.
func (g *Gate) Policy() *rules.Policy {
	if s := g.snapshot.Load(); s != nil {
		return s.policy
	}
	return nil
}

// Open takes a snapshot of the policy for a front end, which the log names.
func (g *Gate) Open(front string) *Transaction {
	return &Transaction{gate: g, front: front, snapshot: g.snapshot.Load()}
}

// newID returns an id that no other transaction of this daemon has, nor had
// before a restart: the start of the daemon in microseconds, counted up.
func (g *Gate) newID() string {
	var buf [16]byte
	return string(strconv.AppendUint(buf[:0], g.lastID.Add(1), 36))
}
