package daemon

import (
	"fmt"
	"syscall"
	"time"

	"tlswarden/rules"
)

// reserve is how many descriptors the daemon needs besides those of connections:
// listeners, the log, and the files of a reload.
const reserve = 64

// warnOfFiles logs if there are fewer file descriptors than connections may come.
// Go has raised the soft limit to the hard one by itself.
func (d *daemon) warnOfFiles() {
	c := &d.config
	want := uint64(len(c.Milter)*c.MilterMax + len(c.Policy)*c.PolicyMax + reserve)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) >= want {
		return // where the limit is not known, nothing can be said of it
	}
	d.logs.log.Warn("fewer file descriptors than connections may come: raise LimitNOFILE=, or lower max_connections", "descriptors", uint64(limit.Cur), "needed", want)
}

// alive tells the service manager that the daemon is well. It is called by the
// main loop, which therefore does not hang, and only after the policy in place
// has made a decision, which nobody counts.
func (d *daemon) alive(now time.Time) {
	if err := d.decide(now); err != nil {
		d.logs.log.Error("no sign of life goes to the service manager: the policy cannot decide", "error", err)
		return
	}
	d.notified(d.manager.Alive())
}

// decide has the policy decide about a session of which only the time is known.
func (d *daemon) decide(now time.Time) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if p := d.gate.Policy(); p != nil {
		p.Decide(&rules.Session{Now: rules.Known(now)}, 0, "")
	}
	return nil // without a policy mail is answered by on_failure
}

// notified logs a notification that did not arrive.
func (d *daemon) notified(err error) {
	if err != nil {
		d.logs.log.Warn("systemd", "error", err)
	}
}

// rulesInPlace tells of a policy that is in place.
func (d *daemon) rulesInPlace() string {
	return fmt.Sprintf("%d rules, enforce = %s", len(d.gate.Policy().Rules()), d.config.Enforce)
}

// status is what systemctl status shows.
func (d *daemon) status() string {
	p := d.gate.Policy()
	if p == nil {
		return fmt.Sprintf("no rules are in place: mail is answered by on_failure = %s", d.config.OnFailure)
	}
	said := d.rulesInPlace()
	if at := d.inPlace.lastGood; !at.IsZero() {
		said = fmt.Sprintf("the rules do not load, see the log; in place is the copy of those of %s: %s", at.Local().Format(time.DateTime), said)
	} else if d.latest != nil && !d.latest.OK {
		said = "the latest reload failed, see the log: " + said
	}
	return said
}
