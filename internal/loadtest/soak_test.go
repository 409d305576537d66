package loadtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"tlswarden/internal/testkit"
)

// soakVariable has the time for which the soak test runs; make soak sets it.
const soakVariable = "TLSWARDEN_SOAK"

// latencies are those of good requests, of which a sample is kept.
type latencies struct {
	mu   sync.Mutex
	n    int
	kept []time.Duration
}

const mostKept = 100_000

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; len(l.kept) < mostKept {
		l.kept = append(l.kept, d)
	} else if i := rand.IntN(l.n); i < mostKept {
		l.kept[i] = d // each is in the sample with the same chance
	}
}

// at returns the latency that a share of the requests did not exceed.
func (l *latencies) at(share float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) == 0 {
		return 0
	}
	slices.Sort(l.kept)
	return l.kept[int(share*float64(len(l.kept)-1))]
}

// soak is a run of the soak test.
type soak struct {
	t                  *testing.T
	p                  *process
	dir                string
	milterAt, policyAt string
	end                time.Time
	clients            sync.WaitGroup
	ids                atomic.Int64
	policy, milter     latencies
	abuses, reloads    atomic.Int64
}

// sample is what the daemon took at one time.
type sample struct{ memory, descriptors int }

// TestSoak holds a mixed load against the daemon for a time: good clients of both
// protocols whose every answer is checked, beside them garbage, stalls, half
// frames and sudden closes, and a reload and a look at the counts every second.
// Memory and descriptors must not grow after the first third, and the log must
// stay in bounds.
func TestSoak(t *testing.T) {
	text := os.Getenv(soakVariable)
	if text == "" {
		t.Skipf("set %s to a time, as make soak does", soakVariable)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 3*time.Second {
		t.Fatalf("%s=%s is no time of at least 3s", soakVariable, text)
	}
	s := &soak{t: t, dir: t.TempDir(), milterAt: freePort(t), policyAt: freePort(t)}
	s.p = start(t, s.dir, options{
		config: listening(s.milterAt, s.policyAt),
		env:    []string{"GOTRACEBACK=all"},
		log:    &logBuffer{keep: 1 << 20},
	})
	before := s.p.descriptors()
	begin := time.Now()
	s.end = begin.Add(d)
	s.run()
	samples := s.watch()
	s.clients.Wait()
	took := time.Since(begin)
	if !testkit.Await(func() bool { return s.p.descriptors() <= before }) {
		t.Errorf("%d descriptors are open, and %d were at the start", s.p.descriptors(), before)
	}
	write(t, s.dir, "rules.toml", theRules)
	reloads := s.p.log.count("msg=reloaded")
	s.p.signal(syscall.SIGHUP)
	s.p.waitMore("msg=reloaded", reloads)
	s.checkGrowth(samples)
	s.checkLog(took)
	s.table(took, samples, before)
	s.checkGoroutines()
}

// run starts all clients.
func (s *soak) run() {
	for range 12 {
		s.each(s.askers)
		s.each(s.senders)
	}
	for _, abuse := range []func(address string) error{garbage, half, stall, vanish} {
		s.each(func() error { return s.abuse(abuse, s.policyAt) })
		s.each(func() error { return s.abuse(abuse, s.milterAt) })
	}
}

// each repeats what a client does until the time is over.
func (s *soak) each(do func() error) {
	s.clients.Go(func() {
		for time.Now().Before(s.end) {
			if err := do(); err != nil {
				s.t.Error(err)
				return
			}
		}
	})
}

// askers is one connection of a good policy client.
func (s *soak) askers() error {
	a, err := askAt("tcp", s.policyAt, int(s.ids.Add(1)))
	if err != nil {
		return err
	}
	defer a.close()
	for range 1 + rand.IntN(200) {
		start := time.Now()
		if err := a.ask(); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
		s.policy.add(time.Since(start))
	}
	return nil
}

// senders is one connection of a good MTA. Now and then a message has many
// recipients.
func (s *soak) senders() error {
	m, err := dialMilter("tcp", s.milterAt)
	if err != nil {
		return fmt.Errorf("milter: %w", err)
	}
	defer m.close()
	if err := m.connect(); err != nil {
		return fmt.Errorf("milter: %w", err)
	}
	for range 1 + rand.IntN(5) {
		recipients := 1 + rand.IntN(5)
		if rand.IntN(50) == 0 {
			recipients = 1000
		}
		start := time.Now()
		if err := m.message(recipients); err != nil {
			return fmt.Errorf("milter: %w", err)
		}
		s.milter.add(time.Since(start) / time.Duration(recipients+3)) // MAIL, RCPT of nobody, end
	}
	return m.send('Q', "")
}

// abuse does what no MTA does. That the daemon closes the connection is in order.
func (s *soak) abuse(do func(string) error, address string) error {
	s.abuses.Add(1)
	time.Sleep(time.Duration(1+rand.IntN(20)) * time.Millisecond)
	err := do(address)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// garbage sends bytes that mean nothing, and reads what comes.
func garbage(address string) error {
	return with(address, func(c net.Conn) error {
		b := make([]byte, 1+rand.IntN(64<<10))
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		if _, err := c.Write(b); err != nil {
			return err
		}
		_ = c.(*net.TCPConn).CloseWrite() // it may be closed by now
		_, _ = io.Copy(io.Discard, c)
		return nil
	})
}

// half sends a part of a request that is in order.
func half(address string) error {
	return with(address, func(c net.Conn) error {
		_, err := c.Write([]byte("request=smtpd_access_policy\nprotocol_st"))
		if err == nil && rand.IntN(2) == 0 {
			_, err = c.Write(frame('O', "\x00\x00"))
		}
		return err
	})
}

// stall says nothing for a while, or one byte.
func stall(address string) error {
	return with(address, func(c net.Conn) error {
		if rand.IntN(2) == 0 {
			if _, err := c.Write([]byte{0}); err != nil {
				return err
			}
		}
		time.Sleep(200 * time.Millisecond)
		return nil
	})
}

// vanish asks something and resets the connection before the answer.
func vanish(address string) error {
	return with(address, func(c net.Conn) error {
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			return err
		}
		if _, err := c.Write([]byte("request=smtpd_access_policy\nprotocol_state=RCPT\n\n")); err != nil {
			return err
		}
		_, err := c.Write(frame('O', strings.Repeat("\x00", 12)))
		return err
	})
}

func with(address string, do func(net.Conn) error) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		return err
	}
	return do(c)
}

// watch takes samples until the time is over, and reloads every second: rules
// that are in order, and now and then rules that are not.
func (s *soak) watch() []sample {
	var samples []sample
	for i := 0; time.Now().Before(s.end); i++ {
		samples = append(samples, sample{s.p.memory("VmRSS"), s.p.descriptors()})
		if i%4 == 0 {
			text := theRules + fmt.Sprintf("# %d\n", i)
			if i%20 == 4 {
				text += "[[rule]]\n"
			}
			write(s.t, s.dir, "rules.toml", text)
			s.p.signal(syscall.SIGHUP)
			s.p.signal(syscall.SIGUSR1)
			s.reloads.Add(1)
		}
		time.Sleep(250 * time.Millisecond)
	}
	return samples
}

// checkGrowth compares the last third of the time with the second.
func (s *soak) checkGrowth(samples []sample) {
	third := len(samples) / 3
	memory, files := halves(samples[third:], func(x sample) int { return x.memory }), halves(samples[third:], func(x sample) int { return x.descriptors })
	if memory[1] > memory[0]*5/4+4<<20 {
		s.t.Errorf("memory grows: %d bytes, then %d", memory[0], memory[1])
	}
	if files[1] > files[0]*5/4+16 {
		s.t.Errorf("descriptors grow: %d, then %d", files[0], files[1])
	}
}

// halves returns the median of the first half of samples and of the second.
func halves(samples []sample, of func(sample) int) (medians [2]int) {
	half := len(samples) / 2
	for i, part := range [][]sample{samples[:half], samples[half:]} {
		var values []int
		for _, x := range part {
			values = append(values, of(x))
		}
		slices.Sort(values)
		if len(values) > 0 {
			medians[i] = values[len(values)/2]
		}
	}
	return medians
}

// checkLog shows that outsiders cannot fill the log: besides decisions, which
// stand for mail, each second has a few lines of each kind, and so has a reload.
func (s *soak) checkLog(took time.Duration) {
	s.p.log.mu.Lock()
	defer s.p.log.mu.Unlock()
	if most := 40 * (int(took.Seconds()) + 2 + int(s.reloads.Load())); s.p.log.others > most {
		s.t.Errorf("the log has %d lines besides decisions, more than %d:\n%s", s.p.log.others, most, s.p.log.text[max(0, len(s.p.log.text)-4096):])
	}
}

// checkGoroutines ends the daemon with a dump of its goroutines, of which none
// may serve a connection that is gone.
func (s *soak) checkGoroutines() {
	s.p.signal(syscall.SIGQUIT)
	<-s.p.done
	n := s.p.log.count("\ngoroutine ")
	s.t.Logf("%d goroutines at the end", n)
	if n == 0 || n > 30 {
		s.t.Errorf("too many, or none:\n%s", s.p.log)
	}
}

func (s *soak) table(took time.Duration, samples []sample, before int) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\trequests\tper second\tp50\tp99\t\n")
	for _, row := range []struct {
		name string
		of   *latencies
	}{{"policy requests", &s.policy}, {"milter messages", &s.milter}} {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%v\t%v\t\n", row.name, row.of.n, float64(row.of.n)/took.Seconds(), row.of.at(0.5).Round(time.Microsecond), row.of.at(0.99).Round(time.Microsecond))
	}
	fmt.Fprintf(w, "connections that broke the rules\t%d\t%.0f\t\t\t\n", s.abuses.Load(), float64(s.abuses.Load())/took.Seconds())
	fmt.Fprintf(w, "reloads\t%d\t\t\t\t\n", s.reloads.Load())
	w.Flush()
	peak := slices.MaxFunc(samples, func(a, b sample) int { return a.memory - b.memory })
	files := slices.MaxFunc(samples, func(a, b sample) int { return a.descriptors - b.descriptors })
	fmt.Fprintf(&b, "memory %.1f MiB at most, %.1f at the end; descriptors %d at the start, %d at most, %d at the end; log %d bytes, %d lines besides decisions\n",
		float64(peak.memory)/(1<<20), float64(s.p.memory("VmRSS"))/(1<<20), before, files.descriptors, s.p.descriptors(), s.p.log.bytes, s.p.log.others)
	s.t.Logf("%v of mixed load; the latency of a message is that of one of its commands\n%s", took.Round(time.Second), &b)
	if s.policy.n == 0 || s.milter.n == 0 {
		s.t.Error("nothing was asked")
	}
}
