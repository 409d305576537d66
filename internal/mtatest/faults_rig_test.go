package mtatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlswarden/internal/testkit"
)

// rig is a Postfix that asks a daemon without anything between them: at fixed
// addresses, by the shipped lines. The daemon comes and goes.
type rig struct {
	t       *testing.T
	program string
	dir     string // of the daemon's configuration
	certs   *Certs
	hooks   Hooks
	postfix *Postfix
	daemon  *Daemon         // nil while none runs
	log     strings.Builder // of the daemons that are gone
	sockets []*os.File      // that the daemon inherits
	crowd   []net.Conn      // of strangers who say nothing
}

// newRig starts both.
func newRig(t *testing.T, program string) *rig {
	t.Helper()
	needRoot(t)
	r := &rig{t: t, program: program, dir: t.TempDir()}
	var err error
	if r.certs, err = NewCerts(); err != nil {
		t.Fatal(err)
	}
	if r.hooks, err = freeHooks(FrontBoth); err != nil {
		t.Fatal(err)
	}
	r.start(nil)
	t.Cleanup(func() {
		if r.daemon != nil {
			r.stop()
		}
	})
	r.postfix, err = StartPostfix(testkit.Context(t), r.hooks, r.certs)
	if errors.Is(err, ErrNotInstalled) {
		skipOrFail(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.postfix.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// fronts are the front ends through which mail comes: services of one Postfix,
// which ask one daemon.
func (r *rig) fronts() []string { return r.hooks.fronts() }

// in makes t the test that the rig works for.
func (r *rig) in(t *testing.T) *rig {
	r.t = t
	return r
}

// start starts a daemon where the one before was.
func (r *rig) start(stderr *os.File) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	var err error
	r.daemon, err = StartDaemon(ctx, DaemonConfig{
		Program: r.program, Dir: r.dir, Front: FrontBoth, Hooks: r.hooks, Stderr: stderr, Sockets: r.sockets,
		Files: map[string]string{"rules.toml": loadRules},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// stop drains the daemon, which must come to its end in peace.
func (r *rig) stop() {
	r.t.Helper()
	began := time.Now()
	err := r.daemon.process.stop()
	r.t.Logf("the daemon stopped within %.1f s", time.Since(began).Seconds())
	r.log.WriteString(r.daemon.Log())
	if err != nil {
		r.t.Errorf("%v; its log ends with:\n%s", err, tail(r.daemon.Log(), 20))
	}
	r.daemon = nil
}

// kill ends the daemon in the middle of whatever it does.
func (r *rig) kill() {
	r.t.Helper()
	r.signal(syscall.SIGKILL)
	<-r.daemon.process.done
	if err := r.daemon.process.stop(); !endedBySignal(err) {
		r.t.Errorf("the daemon ended before it was killed: %v\n%s", err, tail(r.daemon.Log(), 20))
	}
	r.log.WriteString(r.daemon.Log())
	r.daemon = nil
}

func (r *rig) signal(signal syscall.Signal) {
	r.t.Helper()
	if err := r.daemon.process.cmd.Process.Signal(signal); err != nil {
		r.t.Error(err)
	}
}

// freeze stops the daemon as SIGSTOP does, and waits until none of its threads runs
// any more, which takes a moment (proc(5), the state in /proc/PID/task/TID/stat).
func (r *rig) freeze() {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	testkit.Until(r.t, func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", r.daemon.process.cmd.Process.Pid))
		if err != nil {
			r.t.Fatal(err)
		}
		stopped := 0
		for _, name := range stats {
			text, _ := os.ReadFile(name) // a thread may have ended
			if _, state, _ := strings.Cut(string(text), ") "); strings.HasPrefix(state, "T") {
				stopped++
			}
		}
		return stopped > 0 && stopped == len(stats)
	}, "all threads of the daemon are stopped")
}

// warm shows the daemon an encrypted session on each listener. Until it has seen
// one, it defers plaintext that the rules refuse.
func (r *rig) warm() {
	r.t.Helper()
	for _, front := range r.fronts() {
		testkit.Until(r.t, func() bool { return r.warmed(front) }, "the listener behind %s takes mail", front)
	}
}

func (r *rig) warmed(front string) bool {
	const script = "connect\nEHLO client.example.org\nSTARTTLS\nEHLO client.example.org\n" +
		"MAIL FROM:<warm@example.org>\nRCPT TO:<warm@example.com>\nRSET\nQUIT\n"
	lab := &Lab{MTA: r.postfix, Certs: r.certs}
	return lab.Talk(r.t.Context(), "smtp", front, script, func(string) {}) == nil
}

// lossWarnings is what Postfix may log of a filter that goes away, stalls, or is
// not there. They end with an error of the system, which may be an old one.
var lossWarnings = regexp.MustCompile(`warning: (` +
	`connect to Milter service inet:[0-9.:]+` +
	`|milter inet:[0-9.:]+: can't (read|write) SMFIC_[A-Z]+ (reply )?packet( header)?` +
	`|connect to [0-9.:]+` +
	`|problem talking to server [0-9.:]+` +
	`): [A-Z][a-z ]+$|warning: milter inet:[0-9.:]+: read error in initial handshake$`)

// complaints are the lines of Postfix's log that tell of more than a lost connection.
func complaints(log string) []string {
	var lines []string
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		serious := fault.MatchString(line) || strings.Contains(line, "warning:") || strings.Contains(line, "error:")
		if serious && !lossWarnings.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}
