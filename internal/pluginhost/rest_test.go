package pluginhost

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"tlswarden/rules"
)

// TestUseless shows that a plugin that answers Describe, but no calls, is left alone,
// and not killed.
func TestUseless(t *testing.T) {
	c := config(t)
	c.Timeout = 20 * time.Millisecond
	at := brisk()
	at.probe, at.least = time.Minute, time.Hour
	r := newRig(t, c, at, nil)
	pid, i := r.pid(), 0
	eventually(t, "it is not asked", func() bool {
		i++
		r.ask(t, "wait."+strconv.Itoa(i))
		return r.health().Absent > 0
	})
	before := r.health()
	for i := range 10 {
		if got := r.ask(t, strconv.Itoa(i)+".example.org"); len(got) != 0 {
			t.Error(got)
		}
	}
	h := r.health()
	if before.Calls < useless || h.Calls != before.Calls || h.Absent != before.Absent+10 || h.Restarts != 0 || r.pid() != pid {
		t.Errorf("%+v, then %+v", before, h)
	}
	if r.log.count(`msg="plugin answers Describe, but no calls; it is not asked for a while, and its facts are unknown" plugin=stub for=1h0m0s`) != 1 {
		t.Error(r.log)
	}
}

// TestUsefulAgain shows that such a plugin is asked as before once it answers.
func TestUsefulAgain(t *testing.T) {
	c := config(t)
	c.Timeout = 200 * time.Millisecond
	at := brisk()
	at.probe = time.Minute
	r := newRig(t, c, at, nil)
	i := 0
	eventually(t, "it is not asked", func() bool {
		i++
		r.ask(t, "wait."+strconv.Itoa(i))
		return r.order[0].rest.Load() != nil
	})
	eventually(t, "it answers", func() bool {
		i++
		return len(r.ask(t, strconv.Itoa(i)+".example.org")) > 0
	})
	if p := r.order[0]; p.rest.Load() != nil || p.resting() || r.health().Restarts != 0 {
		t.Errorf("%+v", r.health())
	}
}

// TestRests shows how long rests are, that failures of before one do not make it
// longer, and that after it one call at a time is made.
func TestRests(t *testing.T) {
	c := Config{Name: "a", Path: "/a"}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	p := newSupervisor(&c, Options{Log: discard()}, "", usualPace())
	p.troubled.Store(useless - 1)
	p.relax()
	if p.rest.Load() != nil {
		t.Error("a rest too early")
	}
	p.troubled.Store(useless)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		p.relax()
		p.relax()
		r := p.rest.Load()
		if r.pause != want*time.Second || !p.resting() {
			t.Errorf("%v, want %ds", r.pause, want)
		}
		p.rest.Store(&rest{until: time.Now(), pause: r.pause})
		if p.resting() {
			t.Error("the rest has not ended")
		}
		p.room <- struct{}{}
		if !p.resting() {
			t.Error("two calls at once")
		}
		<-p.room
	}
}

// TestKeyOfDescription shows that answers of a plugin that described itself otherwise
// are not given.
func TestKeyOfDescription(t *testing.T) {
	s := sessionOf("example.org")
	by := rules.New(rules.Config{})
	one, two := (&description{number: 1}).appendKey(nil, by, s), (&description{number: 2}).appendKey(nil, by, s)
	if string(one) == string(two) {
		t.Error("the same key")
	}
}

// TestKept shows that an answer is kept up to a size, of which the question, the names
// of the facts and their texts are part.
func TestKept(t *testing.T) {
	c := Config{Name: "a", Path: "/a"}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	p := newSupervisor(&c, Options{Log: discard(), Now: time.Now}, "", usualPace())
	for _, left := range []int{0, 1} {
		for what, a := range map[string]struct{ key, name, text string }{
			"a question": {strings.Repeat("k", maxKept-2+left), "n", "t"},
			"a name":     {"k", strings.Repeat("n", maxKept-2+left), "t"},
			"a text":     {"k", "n", strings.Repeat("t", maxKept-2+left)},
		} {
			p.answers.Purge()
			p.keep(a.key, &answer{facts: map[string]any{a.name: a.text, "": int64(1)}}, time.Hour)
			if kept := p.answers.Len() == 1; kept != (left == 0) {
				t.Errorf("with %s, %d octets beyond the size: kept %v", what, left, kept)
			}
		}
	}
	p.answers.Purge()
	if p.keep("k", &answer{}, 0); p.answers.Len() != 0 {
		t.Error("an answer that holds for no time is kept")
	}
}
