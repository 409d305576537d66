package pluginhost

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	tooMany = 3           // failures in a row make it doubtful that a plugin answers
	useless = 3 * tooMany // and so many that asking it is of use, though it answers Describe
)

// rest is a time in which a plugin is not asked, because its calls fail. It is not
// changed.
type rest struct {
	until time.Time
	pause time.Duration
}

// resting says whether the plugin is not to be asked now. After a rest one call at a
// time is made, until one is answered.
func (p *supervisor) resting() bool {
	r := p.rest.Load()
	return r != nil && (time.Now().Before(r.until) || len(p.room) > 0)
}

// judge counts failures in a row, and raises doubt whether the plugin answers. An
// error that the plugin itself returned is an answer.
func (p *supervisor) judge(in *instance, err error) {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Unavailable:
	default:
		p.forgive()
		return
	}
	if n := p.troubled.Add(1); n%tooMany != 0 && n < useless {
		return
	}
	select {
	case in.doubt <- struct{}{}:
	default:
	}
}

// forgive forgets failures.
func (p *supervisor) forgive() {
	p.troubled.Store(0)
	p.rest.Store(nil)
}

// relax leaves a plugin alone for a while that answers Describe, but no calls, so
// that mail does not wait for it again and again. Each rest is twice as long.
func (p *supervisor) relax() {
	if p.troubled.Load() < useless {
		return
	}
	pause := p.pace.least
	if r := p.rest.Load(); r != nil {
		if time.Now().Before(r.until) {
			return // these calls began before it
		}
		pause = min(2*r.pause, p.pace.most)
	}
	p.rest.Store(&rest{until: time.Now().Add(pause), pause: pause})
	p.log.Warn("plugin answers Describe, but no calls; it is not asked for a while, and its facts are unknown", "for", pause.String())
}
