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
	Source    Source           // nil: there are no plugins
	Merge     bool             // both front ends are asked, and may be about the same session
}

// Gate makes verdicts. It is used by all front ends at once.
type Gate struct {
	log       *slog.Logger
	decisions *Batch
	format    Format
	now       func() time.Time
	since     func(time.Time) time.Duration // asks one clock where now asks two
	source    Source
	listeners *listeners
	links     *links         // nil: there is nothing to merge
	watching  moment         // from when on it has watched listeners
	nowhere   witness        // for the log: where the MTA does not tell who came where
	atEnd     rules.FieldSet // what only the milter knows, at the end of a message
	spare     sync.Pool      // of *line
	lastID    atomic.Uint64
	snapshot  atomic.Pointer[snapshot]
	loading   sync.Mutex // held while a policy is put in place
	leases    []*lease   // of policies that were replaced, the latest last; under loading
}

// snapshot is a policy with the counters of its rules.
type snapshot struct {
	policy *rules.Policy
	counts []*counter // by the rule's index
	lease  *lease     // of this policy

	supplied []suppliedBy
	all      rules.FieldSet // of supplied
}

// New returns a gate without a policy.
func New(c Config) *Gate {
	since := time.Since
	if c.Now == nil {
		c.Now = time.Now
	} else {
		since = func(t time.Time) time.Duration { return c.Now().Sub(t) }
	}
	g := &Gate{log: c.Log, decisions: c.Decisions, format: c.Format, now: c.Now, since: since, source: c.Source, listeners: newListeners()}
	if c.Merge {
		g.links = newLinks()
	}
	for _, f := range rules.Fields() {
		if f.Stage == rules.StageEnd {
			g.atEnd |= rules.SetOf(f.ID)
		}
	}
	start := c.Now()
	g.watching.at.Store(start.Unix())
	g.lastID.Store(uint64(start.UnixMicro()))
	return g
}

// SetPolicy puts a policy in place for what is opened from now on. Rules that
// keep their name keep their counts.
func (g *Gate) SetPolicy(p *rules.Policy) {
	g.loading.Lock()
	defer g.loading.Unlock()
	next, before := &snapshot{policy: p}, g.snapshot.Load()
	next.lease = lend(next)
	next.takeSupplied()
	old := map[string]*counter{}
	if before != nil {
		for i, r := range before.policy.Rules() {
			old[r.Name] = before.counts[i]
		}
	}
	for _, r := range p.Rules() {
		next.counts = append(next.counts, newCounter(r, old[r.Name], g.now()))
	}
	g.snapshot.Store(next)
	if before != nil {
		g.replaced(before.lease)
	}
}

// Policy is the policy in place, nil if there is none.
func (g *Gate) Policy() *rules.Policy {
	if s := g.snapshot.Load(); s != nil {
		return s.policy
	}
	return nil
}

// Front is a front end, by the name that the log gives it.
type Front string

// The front ends.
const (
	Milter Front = "milter"
	Policy Front = "policy"
)

// Open gives a front end the policy in place for a transaction.
func (g *Gate) Open(front Front) *Transaction {
	t := &Transaction{gate: g, front: front}
	if s := g.snapshot.Load(); s != nil {
		t.lease = s.lease
	}
	return t
}

// newID returns an id that no other transaction of this daemon has, nor had
// before a restart: the start of the daemon in microseconds, counted up.
func (g *Gate) newID() string {
	var buf [16]byte
	return string(strconv.AppendUint(buf[:0], g.lastID.Add(1), 36))
}
