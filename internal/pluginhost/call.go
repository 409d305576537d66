package pluginhost

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tlswarden/plugins"
	"tlswarden/plugins/proto"
)

// maxKept is the size of the largest answer that is kept, in octets: it bounds what
// a plugin can make the daemon remember.
const maxKept = 4096

// answer is what a plugin found out. It is not changed.
type answer struct {
	facts   map[string]any // string, int64, bool, time.Time
	expires time.Time
}

// counts are what became of questions.
type counts struct {
	cached   atomic.Uint64
	absent   atomic.Uint64
	calls    atomic.Uint64
	failures atomic.Uint64
	refused  atomic.Uint64
	nanos    atomic.Int64
}

// call asks the plugin and keeps its answer. It returns at the latest after the
// plugin's time, and its result may be used by many.
func (p *supervisor) call(in *instance, key string, request *proto.LookupRequest) *answer {
	select {
	case p.room <- struct{}{}:
		defer func() { <-p.room }()
	default:
		p.counts.refused.Add(1)
		p.warn("plugin is not asked: too many calls run", "concurrency", p.config.Concurrency)
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	response, err := in.calls.Lookup(ctx, request)
	p.counts.calls.Add(1)
	p.counts.nanos.Add(int64(time.Since(began)))
	p.judge(in, err)
	a, hold := &answer{}, p.pace.failure
	switch {
	case err != nil:
		if code := status.Code(err); code == codes.Unavailable || code == codes.Canceled {
			hold = 0 // the connection has ended, and the next process may answer
		}
		p.counts.failures.Add(1)
		p.warn("plugin call failed", "error", statusText(err))
	default:
		a = p.accept(in.described, response)
		if response.Error == "" {
			hold = ttl(response.CacheSeconds, in.described.TTL)
			break
		}
		p.counts.failures.Add(1)
		p.warn("plugin tells of an error", "error", cutText(response.Error, 300))
	}
	p.keep(key, a, hold)
	return a
}

// statusText is the error of a call for the log.
func statusText(err error) string {
	s := status.Convert(err)
	return s.Code().String() + ": " + cutText(s.Message(), 300)
}

// keep remembers an answer. If its key is of before a purge, nobody asks for it any
// more.
func (p *supervisor) keep(key string, a *answer, hold time.Duration) {
	size := len(key)
	for name, v := range a.facts {
		size += len(name)
		if text, ok := v.(string); ok {
			size += len(text)
		}
	}
	if hold <= 0 || size > maxKept {
		return
	}
	a.expires = p.now().Add(hold)
	p.answers.Add(key, a)
}

// accept takes those facts of an answer that the plugin offers, in the type that it
// said. The others stay unknown.
func (p *supervisor) accept(d *description, r *proto.LookupResponse) *answer {
	a := &answer{facts: make(map[string]any, len(r.Facts))}
	for key, v := range r.Facts {
		t, ok := d.types[key]
		if !ok {
			p.warn("plugin answered with a fact that it does not offer", "fact", cutText(key, 100))
			continue
		}
		value := valueOf(t, v)
		if value == nil {
			p.warn("plugin answered with a value of another type, or too long", "fact", key, "type", t.String())
			continue
		}
		a.facts[key] = value
	}
	return a
}

// valueOf is a value of the given type as rules take it, nil if it is none.
func valueOf(t proto.Type, v *proto.Value) any {
	switch k := v.GetKind().(type) {
	case *proto.Value_Text:
		switch t {
		case proto.Type_TEXT, proto.Type_NAME, proto.Type_DOMAIN, proto.Type_MAILBOX:
			if len(k.Text) <= plugins.MaxText {
				return k.Text
			}
		case proto.Type_ADDRESS:
			if _, err := netip.ParseAddr(k.Text); err == nil {
				return k.Text
			}
		}
	case *proto.Value_Number:
		switch t {
		case proto.Type_NUMBER:
			return k.Number
		case proto.Type_TIME:
			return time.Unix(k.Number, 0)
		}
	case *proto.Value_Flag:
		if t == proto.Type_BOOLEAN {
			return k.Flag
		}
	}
	return nil
}

// warn logs a fault of the plugin, limited.
func (p *supervisor) warn(message string, args ...any) {
	ok, suppressed := p.warnings.Allow(time.Now())
	limited(ok, suppressed, p.log, message, args...)
}
