package mtatest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// faultTest is something that goes wrong while clients bring their mail.
type faultTest struct {
	name   string
	before func(r *rig) // what is there before the mail comes; nil for nothing
	fault  func(l *load)
	// complete says that the log loses nothing, so that its decisions are counted.
	complete bool
	// steady says that nothing is to be deferred.
	steady bool
	// mannerly says that a message is taken once a recipient is, if the machine lets
	// it come to its end within the time for draining.
	mannerly bool
	// inherited says that the ports stay open from one daemon to the next.
	inherited bool
}

// faultTests go on side by side as the machine has processors, those of a row one
// after the other with one Postfix.
var faultTests = [][]faultTest{
	{{name: "stopped", fault: stopped}},
	{{name: "down", fault: down, complete: true}, {name: "log", fault: logless}},
	{{name: "handover", before: inherit, fault: drained, complete: true, mannerly: true, inherited: true}},
	{{name: "none", fault: nothing, complete: true, steady: true, mannerly: true}, {name: "kill", fault: killed},
		{name: "reload", fault: reloaded, complete: true, steady: true, mannerly: true}},
	{{name: "drain", fault: drained, complete: true, mannerly: true}, {name: "hostile", before: crowd, fault: hostile, complete: true}},
}

// TestFaults brings mail through a real Postfix while the daemon behind it is
// killed, restarted, reloaded, stalled and abused, and counts what became of
// every message.
func TestFaults(t *testing.T) {
	program := buildDaemon(t)
	table := &faultTable{total: map[string]tally{}}
	t.Cleanup(func() { t.Log("\n" + table.String()) })
	t.Run("sessions", func(t *testing.T) {
		t.Parallel()
		sessionsCut(newRig(t, program))
	})
	for i, row := range faultTests {
		t.Run(fmt.Sprintf("row%d", i), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, program)
			for _, test := range row {
				t.Run(test.name, func(t *testing.T) { table.run(r.in(t), test) })
			}
			r.in(t)
		})
	}
}

// faultTable collects the rows of all faults.
type faultTable struct {
	mu    sync.Mutex
	rows  []string
	total map[string]tally // by front end
}

func (f *faultTable) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := append([]string{fmt.Sprintf("%-17s%s", "", columns)}, f.rows...)
	var all tally
	for _, front := range []string{FrontMilter, FrontPolicy, FrontBoth} {
		lines = append(lines, fmt.Sprintf("%-10s%-7s%s", "all", front, f.total[front]))
		all = all.plus(f.total[front])
	}
	slices.Sort(lines[1 : 1+len(f.rows)])
	return strings.Join(append(lines, fmt.Sprintf("%-17s%s", "all", all)), "\n")
}

// run brings mail while a fault goes on, and counts.
func (f *faultTable) run(r *rig, test faultTest) {
	t := r.t
	if err := r.postfix.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.warm()
	if test.before != nil {
		test.before(r)
	}
	began := time.Now()
	l := r.startLoad(test.name)
	defer l.finish()
	l.rounds(1)
	test.fault(l)
	r.warm()
	faulty := time.Since(began)
	l.finish()
	f.count(l, test)
	t.Logf("%.1f s of faults, %.1f s in all", faulty.Seconds(), time.Since(began).Seconds())
	report(t, complaints(r.postfix.Log()))
}

// count compares, when Postfix has delivered all, and adds to the table.
func (f *faultTable) count(l *load, test faultTest) {
	r, t := l.rig, l.rig.t
	delivered, err := r.postfix.Delivered(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if test.complete {
		r.stop() // writes the end of its log
		r.start(nil)
	}
	lines := decisionLines(r.log.String())
	t.Logf("%-8s%s", "", columns)
	for _, front := range r.fronts() {
		c := count(l.clients[front], delivered)
		report(t, c.wrong)
		t.Logf("%-8s%s", front, c.tally)
		logReplies(t, front, l.clients[front])
		f.add(test.name, front, c.tally)
		if c.sent != c.tally.delivered+c.refused+c.deferred() || c.lost > 0 {
			t.Errorf("%s: the numbers do not add up", front)
		}
		if test.steady && c.deferred() > 0 {
			t.Errorf("%s: %d recipients were deferred", front, c.deferred())
		}
		if test.complete {
			checkDecisions(t, l.clients[front], lines)
		}
		if test.inherited && front == FrontPolicy {
			report(t, unanswered(l.clients[front]))
		}
		if test.mannerly && !strings.Contains(r.log.String(), "after the time for draining") {
			report(t, cutShort(l.clients[front]))
		}
	}
	for recipient, messages := range delivered {
		t.Errorf("%d messages for %s, whom nobody wrote to", len(messages), recipient)
	}
}

func (f *faultTable) add(name, front string, n tally) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, fmt.Sprintf("%-10s%-7s%s", name, front, n))
	f.total[front] = f.total[front].plus(n)
}

// nothing goes wrong.
func nothing(l *load) { l.rounds(2) }

// killed kills the daemon and starts it anew, again and again, at once or when some
// clients have found that there is none.
func killed(l *load) {
	for i := range 5 {
		l.rig.kill()
		l.turn(10 * i)
		l.rig.start(nil)
		l.rig.warm()
		l.rounds(1)
	}
}

// drained restarts the daemon as its service manager would.
func drained(l *load) {
	for range 3 {
		l.rig.stop()
		l.rig.start(nil)
		l.rig.warm()
		l.rounds(1)
	}
}

// inherit opens the daemon's ports for it, as a service manager does. They stay
// open from one daemon to the next.
func inherit(r *rig) {
	r.stop()
	for _, address := range []string{r.hooks.Milter, r.hooks.Policy} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			r.t.Fatal(err)
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			r.t.Fatal(err)
		}
		r.sockets = append(r.sockets, file)
		if err := listener.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.start(nil)
	r.warm()
}

// down leaves Postfix without a daemon for a while: the shipped lines say that
// mail is deferred.
func down(l *load) {
	l.rig.stop()
	l.rounds(5)
	l.rig.start(nil)
}

// stopped stops the daemon, whose ports go on to take connections, until Postfix has
// given up by the timeouts of the shipped lines: the milter's 15 s, and twice 15 s of
// the policy service.
func stopped(l *load) {
	l.rig.freeze()
	for _, line := range []string{": milter-reject: ", "Recipient address rejected: Service unavailable"} {
		testkit.Until(l.rig.t, func() bool { return strings.Contains(l.rig.postfix.Log(), line) }, "Postfix logs %q", line)
	}
	l.rig.signal(syscall.SIGCONT)
}

// reloaded lets the daemon read its rules again and again: those that it has,
// others that come to the same verdicts, and such as it must not take.
func reloaded(l *load) {
	same := strings.ReplaceAll(loadRules, `"any-tls"`, `"some"`) + "[profile.some]\nbase = \"any-tls\"\n" + loadRuleTests
	broken := []string{
		loadRules + "[[rule]\n",
		strings.Replace(loadRules, `"reject"`, `"refuse"`, 1),
		strings.Replace(same, `otherwise = "reject"`, `otherwise = "tag"`, 1), // its own test fails
	}
	for i := range 12 {
		l.rig.reload(same, "msg=reloaded")
		l.rig.reload(broken[i%len(broken)], `msg="reload failed`)
		l.rig.reload(loadRules, "msg=reloaded")
		l.turn(10)
	}
}

const loadRuleTests = `
[[test]]
name    = "plaintext is refused"
session = { client = "192.0.2.1", sender = "a@example.org", recipient = "strict.1@example.com", tls = false }
expect  = { action = "reject", rule = "strict mailboxes" }
`

// reload replaces the rules, tells the daemon, and waits for what it says.
func (r *rig) reload(rules, want string) {
	r.t.Helper()
	path := filepath.Join(r.dir, "rules.toml")
	if err := os.WriteFile(path+".new", []byte(rules), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
	before := r.reloads()
	r.signal(syscall.SIGHUP)
	testkit.Until(r.t, func() bool { return r.reloads() > before }, "the daemon reloads")
	log := r.daemon.Log()
	if last := log[max(strings.LastIndex(log, "msg=reloaded"), strings.LastIndex(log, `msg="reload failed`)):]; !strings.HasPrefix(last, want) {
		r.t.Errorf("expected %s, got %s", want, tail(last, 1))
	}
}

func (r *rig) reloads() int {
	log := r.daemon.Log()
	return strings.Count(log, "msg=reloaded") + strings.Count(log, `msg="reload failed`)
}

// logless gives the daemon logs that take nothing: a pipe that nobody reads, a
// full disk, and a pipe that nobody reads to the end.
func logless(l *load) {
	r := l.rig
	read, write, err := os.Pipe()
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	fill(r.t, write)
	for _, stderr := range []*os.File{write, full} {
		r.stop()
		r.start(stderr)
		_ = stderr.Close() // the daemon has it
		r.warm()
		l.rounds(2)
	}
	r.stop()
	r.start(nil)
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Write(func(fd uintptr) bool {
		for err == nil { // os.Pipe makes pipes that do not block
			_, err = syscall.Write(int(fd), make([]byte, 4096))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}
