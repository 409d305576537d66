package pluginhost

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

// TestAnswers shows what becomes of answers, true and false ones. What is not as it
// was described is unknown, and nothing else is.
func TestAnswers(t *testing.T) {
	type facts = map[string]string
	for _, c := range []struct {
		mode, domain string
		want         facts
		log          string
	}{
		{"good", "example.org", facts{"echo": "example.org", "known": "false", "calls": "1"}, ""},
		{"good", "every.example.org", facts{"echo": "every.example.org", "address": "192.0.2.1", "domain": "xn--bcher-kva.example", "mailbox": "a@example.org", "time": "1970-01-01T00:16:40Z"}, ""},
		{"good", "nothing.example.org", facts{}, ""},
		{"good", "error.example.org", facts{"echo": "error.example.org", "known": "false", "calls": "1"}, `msg="plugin tells of an error" plugin=stub error="half of it is away"`},
		{"good", "panic.example.org", facts{}, `error="panic: oh"`},
		{"good", "\xff.example.org", facts{"echo": "xn--zn7c.example.org", "known": "false", "calls": "1"}, ""},
		{"crash-host", "example.org", facts{"echo": "example.org", "known": "false", "calls": "1"}, `line="{\"@message\":123}"`},
		{"raw", "unoffered.example.org", facts{"echo": "unoffered.example.org"}, `fact=other`},
		{"raw", "type.example.org", facts{"echo": "type.example.org"}, `fact=known type=BOOLEAN`},
		{"raw", "empty.example.org", facts{"echo": "empty.example.org"}, `fact=known`},
		{"raw", "address.example.org", facts{"echo": "address.example.org"}, `fact=address type=ADDRESS`},
		{"raw", "long.example.org", facts{"echo": "long.example.org"}, `fact=domain type=DOMAIN`},
		{"raw", "many.example.org", facts{"echo": "many.example.org"}, `msg="plugin answered with a fact that it does not offer"`},
		{"raw", "huge.example.org", facts{}, `error="ResourceExhausted: grpc: received message larger than max`},
		{"raw", "bloat.example.org", facts{}, `error="ResourceExhausted: grpc: received message larger than max`},
		{"raw", "status.example.org", facts{}, `msg="plugin call failed"`},
		{"good", "die.example.org", facts{}, `msg="plugin call failed" plugin=stub error="Unavailable: `},
	} {
		t.Run(c.mode+" "+c.domain, func(t *testing.T) {
			t.Parallel()
			r := started(t, config(t, c.mode))
			if got := r.ask(t, c.domain); !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			eventually(t, "the log says "+c.log, func() bool { return strings.Contains(r.log.String(), c.log) })
			eventually(t, "the plugin answers again", func() bool { return r.ask(t, "after.example.org")["echo"] == "after.example.org" })
		})
	}
}

// TestCache shows by which facts an answer is kept: what is unknown is not what is
// empty, and what an answer does not depend on is not looked at.
func TestCache(t *testing.T) {
	r := started(t, config(t))
	null, nobody, both, other := &rules.Session{}, sessionOf("example.org"), sessionOf("example.org"), sessionOf("example.org")
	null.SetSender("")
	both.SetClient(client)
	other.SetClient(client.Next())
	big := sessionOf("example.org")
	big.Size = rules.Known(int64(5))
	for i, c := range []struct {
		session *rules.Session
		calls   string
		known   string
	}{
		{nobody, "1", "false"}, {both, "2", "true"}, {nobody, "1", "false"}, {other, "3", "true"}, {both, "2", "true"},
		{null, "4", "false"}, {big, "1", "false"}, {null, "4", "false"}, {&rules.Session{}, "", ""},
	} {
		if got := r.about(t.Context(), c.session); got["calls"] != c.calls || got["known"] != c.known {
			t.Errorf("%d: %v, want %s, %s", i, got, c.calls, c.known)
		}
	}
	if h := r.health(); h.Calls != 4 || h.Cached != 4 || h.Failures != 0 || h.Latency() <= 0 || h.Busy != 0 {
		t.Errorf("%+v", h)
	}
}

// TestTTL shows for how long answers hold, those that say nothing too, and that
// Purge forgets all.
func TestTTL(t *testing.T) {
	var elapsed atomic.Int64
	start := time.Unix(1_000_000, 0)
	c := config(t, "raw")
	r := newRig(t, c, brisk(), func() time.Time { return start.Add(time.Duration(elapsed.Load())) })
	calls := uint64(0)
	for _, c := range []struct {
		domain string
		holds  time.Duration
	}{
		{"a.example.org", time.Hour}, {"nothing.example.org", time.Hour}, {"brief.example.org", time.Minute},
		{"never.example.org", 0}, {"error.example.org", time.Hour}, {"ages.example.org", 24 * time.Hour}, {"huge.example.org", time.Hour},
	} {
		for _, at := range []struct {
			after time.Duration
			calls uint64
		}{{0, 1}, {c.holds - 1, 1}, {c.holds, 2}} {
			if c.holds == 0 && at.after < 0 {
				continue
			}
			elapsed.Store(int64(at.after))
			r.ask(t, c.domain)
			if got := r.health().Calls - calls; got != at.calls {
				t.Errorf("%s: %d calls after %v, want %d", c.domain, got, at.after, at.calls)
			}
		}
		calls = r.health().Calls
		elapsed.Store(0)
		r.Purge()
	}
	r.ask(t, "a.example.org")
	r.Purge()
	r.ask(t, "a.example.org")
	if got := r.health().Calls - calls; got != 2 {
		t.Errorf("%d calls", got)
	}
}

// TestLateAnswerAfterPurge shows that an answer that was asked for before a purge is
// neither kept nor given to who asks after it.
func TestLateAnswerAfterPurge(t *testing.T) {
	r := started(t, config(t))
	done := make(chan map[string]string)
	go func() { done <- r.ask(t, "together.2.example.org") }()
	eventually(t, "the call is under way", func() bool { return r.health().Busy == 1 })
	r.Purge()
	after := r.ask(t, "together.2.example.org")["calls"]
	if before := (<-done)["calls"]; before == "" || after == "" || before == after {
		t.Errorf("call %q before the purge, %q after it", before, after)
	}
	if got := r.ask(t, "together.2.example.org")["calls"]; got != after {
		t.Errorf("the answer of call %q is kept, not of %q", got, after)
	}
	if h := r.health(); h.Calls != 2 || h.Cached != 1 {
		t.Errorf("%+v", h)
	}
}

// TestOneFlight shows that the same question is asked once, by however many.
func TestOneFlight(t *testing.T) {
	r := started(t, config(t))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := r.ask(t, "together.2.example.org"); got["calls"] == "" {
				t.Error(got)
			}
		})
	}
	eventually(t, "the call is under way", func() bool { return r.health().Busy == 1 })
	r.ask(t, "together.2.other.example.org")
	all.Wait()
	if h := r.health(); h.Calls != 2 {
		t.Errorf("%+v", h)
	}
}

// TestParallel shows that 100 different questions are asked at once: none is
// answered before all have been asked.
func TestParallel(t *testing.T) {
	r := started(t, config(t))
	var all sync.WaitGroup
	for i := range DefaultConcurrency {
		all.Go(func() {
			domain := "together.100." + strconv.Itoa(i)
			if got := r.ask(t, domain)["echo"]; got != domain {
				t.Errorf("%q, want %q", got, domain)
			}
		})
	}
	all.Wait()
	if h := r.health(); h.Calls != 100 || h.Refused != 0 {
		t.Errorf("%+v", h)
	}
}

// TestTooMany shows that what is too much is not asked, and not remembered.
func TestTooMany(t *testing.T) {
	c := config(t)
	c.Concurrency = 2
	r := started(t, c)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() { r.ask(t, "together.2."+strconv.Itoa(i)) })
	}
	all.Wait()
	for i := range 2 {
		all.Go(func() { r.ask(t, "together.5."+strconv.Itoa(i)) })
	}
	eventually(t, "both calls are under way", func() bool { return r.health().Busy == 2 })
	if got := r.ask(t, "example.org"); len(got) != 0 || r.health().Refused != 1 {
		t.Errorf("%v, %+v", got, r.health())
	}
	if r.log.count(`msg="plugin is not asked: too many calls run" plugin=stub concurrency=2`) != 1 {
		t.Error(r.log)
	}
	kill(t, r.pid(), syscall.SIGKILL)
	all.Wait()
	eventually(t, "it is asked", func() bool { return r.ask(t, "example.org")["echo"] == "example.org" })
}

// TestSlow shows that a plugin that takes 5 seconds delays nobody who asks another
// one, and that who waits for it waits no longer than allowed.
func TestSlow(t *testing.T) {
	slow, quick := config(t), config(t)
	quick.Name = "quick"
	h, err := start(t.Context(), []Config{slow, quick}, Options{}, brisk())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var all rules.SuppliedFields
	late, _ := all.Field("stub", "echo", rules.KindText, "")
	soon, _ := all.Field("quick", "echo", rules.KindText, "")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *rules.Session)
	go func() {
		s := sessionOf("slow.5s")
		h.Ask(ctx, rules.New(rules.Config{}), s, []*rules.Field{late, soon})
		done <- s
	}()
	for i := range 100 {
		s := sessionOf(strconv.Itoa(i) + ".example.org")
		h.Ask(t.Context(), rules.New(rules.Config{}), s, []*rules.Field{soon})
		if v, ok := soon.Read(s); !ok || v.Text != strconv.Itoa(i)+".example.org" {
			t.Error(v, ok)
		}
	}
	select {
	case <-done:
		t.Error("the slow plugin was not waited for")
	default:
	}
	cancel()
	s := <-done
	if _, ok := late.Read(s); ok {
		t.Error("the slow plugin has answered")
	}
}

// TestTimeout shows that a call has a time limit, that a late answer is not asked
// for again by each recipient of a message, and that a plugin that is merely slow
// is not taken for dead.
func TestTimeout(t *testing.T) {
	c := config(t)
	c.Timeout = 50 * time.Millisecond
	at := brisk()
	at.probe = time.Minute
	r := newRig(t, c, at, nil)
	pid := r.pid()
	for i := range 2 * tooMany {
		for range 3 {
			if got := r.ask(t, "wait."+strconv.Itoa(i)); len(got) != 0 {
				t.Error(got)
			}
		}
	}
	if h := r.health(); h.Calls != 2*tooMany || h.Failures != h.Calls || h.Cached != 2*h.Calls || r.pid() != pid || h.Restarts != 0 {
		t.Errorf("%+v", h)
	}
	if !strings.Contains(r.log.String(), `msg="plugin call failed" plugin=stub error="DeadlineExceeded: `) {
		t.Error(r.log)
	}
}

// TestStopped shows that a plugin that is stopped is found out and replaced.
func TestStopped(t *testing.T) {
	c := config(t)
	c.Timeout = 300 * time.Millisecond
	r := started(t, c)
	pid := r.pid()
	r.ask(t, "stop.example.org")
	testkit.Until(t, func() bool { return stopped(pid) }, "the plugin has stopped itself")
	for _, domain := range []string{"a.example.org", "b.example.org"} {
		if got := r.ask(t, domain); len(got) != 0 && r.pid() == pid {
			t.Errorf("%s: %v", domain, got)
		}
	}
	i := 0
	eventually(t, "another process answers", func() bool {
		i++
		return len(r.ask(t, strconv.Itoa(i)+".example.org")) > 0 && r.pid() != pid
	})
	if alive(pid) || r.log.count("it does not answer: DeadlineExceeded") == 0 {
		t.Error(r.log)
	}
}

// stopped reports whether a process is stopped, or is there no more: proc(5).
func stopped(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") T ")
}

// TestStoppedAtTheEnd shows that a stopped plugin does not delay the end.
func TestStoppedAtTheEnd(t *testing.T) {
	r := started(t, config(t))
	pid := r.pid()
	kill(t, pid, syscall.SIGSTOP)
	r.Close()
	if alive(pid) {
		t.Error("the plugin still runs")
	}
}

// TestKilledUnderLoad shows that no answer is wrong while a plugin is killed again
// and again: it is the right one, or unknown.
func TestKilledUnderLoad(t *testing.T) {
	r := started(t, config(t))
	stop := make(chan struct{})
	var all sync.WaitGroup
	var right, unknown atomic.Int64
	for g := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				domain := strconv.Itoa(g) + "." + strconv.Itoa(i) + ".example.org"
				switch got := r.ask(t, domain); {
				case len(got) == 0:
					unknown.Add(1)
				case got["echo"] == domain && got["known"] == "false":
					right.Add(1)
				default:
					t.Errorf("%s: %v", domain, got)
				}
			}
		})
	}
	for range 5 {
		before := right.Load()
		eventually(t, "questions are answered", func() bool { return right.Load() > before+20 && r.pid() != 0 })
		if pid := r.pid(); pid != 0 {
			kill(t, pid, syscall.SIGKILL)
		}
	}
	close(stop)
	all.Wait()
	h := r.health()
	t.Logf("%d right, %d unknown, %+v", right.Load(), unknown.Load(), h)
	if h.Restarts < 4 || unknown.Load() == 0 {
		t.Errorf("%+v", h)
	}
}

// TestLoop shows that a plugin that exits at once is started again and again, ever
// later, and that this leaves nothing behind.
func TestLoop(t *testing.T) {
	r := newRig(t, config(t, "exit"), brisk(), nil)
	eventually(t, "it has been started often", func() bool { return r.health().Restarts > 8 })
	if s := r.health().State; s != BackingOff && s != Starting {
		t.Error(s)
	}
	if _, err := r.Describe("stub"); err == nil || !strings.Contains(err.Error(), "the database is away") {
		t.Error(err)
	}
	eventually(t, "one directory at most is left", func() bool {
		left, err := os.ReadDir(r.dir)
		return err == nil && len(left) <= 1
	})
}

// TestPause shows how long is waited before the next start.
func TestPause(t *testing.T) {
	p := &supervisor{pace: usualPace()}
	for failures, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		for range 100 {
			if got := p.pause(failures, nil); got < want/2 || got > want {
				t.Errorf("%v after %d failures", got, failures)
			}
		}
	}
	if got := p.pause(0, unfit{context.Canceled}); got < 30*time.Second {
		t.Errorf("%v for what only an admin can repair", got)
	}
	if got := p.pause(1000, nil); got < 30*time.Second {
		t.Errorf("%v after 1000 failures", got)
	}
}

// TestFlood shows that endless output neither fills the log nor stops the answers.
func TestFlood(t *testing.T) {
	for _, mode := range []string{"flood", "flood-late"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := started(t, config(t, mode))
			eventually(t, "lines are left out", func() bool {
				r.order[0].output.mu.Lock()
				defer r.order[0].output.mu.Unlock()
				return r.order[0].output.left > 50
			})
			if got := r.ask(t, "example.org")["echo"]; got != "example.org" {
				t.Error(got)
			}
			r.Close()
			windows := r.log.count("lines of a plugin were left out") + 1
			if n := r.log.count("plugin writes"); n < maxLines || n > windows*maxLines {
				t.Errorf("%d lines", n)
			}
			for line := range strings.Lines(r.log.String()) {
				if len(line) > maxLine+200 {
					t.Errorf("a line of %d octets", len(line))
				}
			}
		})
	}
}

// TestLeftBehind shows that what a plugin has started ends with it, and that what
// escapes from its process group holds up nothing, though it has the pipes.
func TestLeftBehind(t *testing.T) {
	for _, mode := range []string{"child", "far-child"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			r := started(t, config(t, mode, file))
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			child, _ := strconv.Atoi(string(data))
			if mode == "far-child" {
				defer kill(t, child, syscall.SIGKILL)
			}
			pid := r.pid()
			kill(t, pid, syscall.SIGKILL)
			eventually(t, "another process answers", func() bool { return r.pid() != pid && len(r.ask(t, "example.org")) > 0 })
			eventually(t, "the rest has ended", func() bool { return alive(child) == (mode == "far-child") })
			if data, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			second, _ := strconv.Atoi(string(data))
			r.Close()
			eventually(t, "the rest has ended", func() bool { return alive(second) == (mode == "far-child") })
			if mode == "far-child" {
				kill(t, second, syscall.SIGKILL)
			}
		})
	}
}

// TestTerminated shows that a plugin that gets SIGTERM answers what it was asked.
func TestTerminated(t *testing.T) {
	r := started(t, config(t))
	pid := r.pid()
	done := make(chan map[string]string)
	go func() { done <- r.ask(t, "slow.1s") }()
	eventually(t, "the call has reached the plugin", func() bool { return r.log.count("asked for something slow") == 1 })
	kill(t, pid, syscall.SIGTERM)
	if got := (<-done)["echo"]; got != "slow.1s" {
		t.Errorf("%q", got)
	}
	eventually(t, "another process answers", func() bool { return r.pid() != pid && len(r.ask(t, "example.org")) > 0 })
	if r.log.count("it ended (exit status 0)") != 1 {
		t.Error(r.log)
	}
}

// TestClosed shows that after the end facts are unknown, and nothing is left.
func TestClosed(t *testing.T) {
	r := started(t, config(t))
	pid := r.pid()
	if got := r.ask(t, "example.org"); len(got) == 0 {
		t.Error("no answer before the end")
	}
	r.Close()
	r.Close()
	if got := r.ask(t, "example.org"); len(got) != 0 || alive(pid) || r.health().State != Ended {
		t.Error(got, r.health())
	}
}
