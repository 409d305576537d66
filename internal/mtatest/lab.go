package mtatest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tlswarden/internal/testkit"
)

// A Lab is one mail server with forwarders before it, on which cases are run
// one after the other, each with a daemon of its own.
type Lab struct {
	MTA    MTA
	Certs  *Certs
	milter *Forwarder
	policy *Forwarder
}

// OpenLab starts the mail server named, "postfix" or "sendmail".
func OpenLab(ctx context.Context, server string, certs *Certs) (*Lab, error) {
	lab := &Lab{Certs: certs}
	var err error
	if lab.milter, err = StartForwarder(); err != nil {
		return nil, err
	}
	if lab.policy, err = StartForwarder(); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	if lab.MTA, err = startServer(ctx, server, Hooks{lab.milter.Address(), lab.policy.Address()}, certs); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	return lab, nil
}

func startServer(ctx context.Context, server string, hooks Hooks, certs *Certs) (MTA, error) {
	switch server {
	case "postfix":
		postfix, err := StartPostfix(ctx, hooks, certs)
		if err != nil {
			return nil, err // a nil *Postfix would not be a nil MTA
		}
		return postfix, nil
	case "sendmail":
		packages, err := SendmailDirectory()
		if err != nil {
			return nil, err
		}
		sendmail, err := StartSendmail(ctx, packages, hooks, certs)
		if err != nil {
			return nil, err
		}
		return sendmail, nil
	}
	return nil, fmt.Errorf("there is no server %q", server)
}

// Close ends everything that the lab started.
func (l *Lab) Close() error {
	var err error
	if l.MTA != nil {
		err = l.MTA.Stop()
	}
	for _, forwarder := range []*Forwarder{l.milter, l.policy} {
		if forwarder != nil {
			forwarder.Stop()
		}
	}
	return err
}

// Runs lists the front ends with which a case runs in this lab: those that it
// names and the server has.
func (l *Lab) Runs(c *Case) []string {
	var runs []string
	for _, front := range c.Fronts {
		if l.MTA.Name() == "postfix" || front == FrontMilter {
			runs = append(runs, front)
		}
	}
	return runs
}

// RunCase runs one case with one front end: it starts the daemon from
// program, with its files in dir, holds the session, and compares. The error
// tells all that differs, and the logs.
func (l *Lab) RunCase(ctx context.Context, c *Case, front, program, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, testkit.Patience)
	defer cancel()
	if err := l.MTA.Clear(ctx); err != nil {
		return err
	}
	daemon, err := l.StartDaemon(ctx, l.daemonFor(c, front, program, dir))
	if err != nil {
		return err
	}
	var lines []string
	talk := &dialogue{mta: l.MTA, front: front, service: c.Service, certs: l.Certs,
		record: func(line string) { lines = append(lines, line) }}
	wrong := errors.Join(l.session(ctx, c, talk), l.StopDaemon(daemon))
	wrong = errors.Join(wrong, matchLog(daemon.Log(), c.logFor(l.MTA.Name(), front)))
	for _, line := range protocolFaults(l.MTA.Log()) {
		wrong = errors.Join(wrong, fmt.Errorf("%s complains: %s", l.MTA.Name(), line))
	}
	if wrong != nil {
		return fmt.Errorf("%w\n--- session\n%s\n--- log of tlswarden\n%s--- log of %s\n%s",
			wrong, strings.Join(lines, "\n"), daemon.Log(), l.MTA.Name(), tail(l.MTA.Log(), 40))
	}
	return nil
}

// fault is what Postfix and Sendmail log of filters that break a protocol, of
// access(5) actions that they do not take, and of their own programs that die.
// Such a line fails a case even if the mail came through.
var fault = regexp.MustCompile(`panic: |fatal: |unexpected filter response|bogus response|unreasonable|malformed|` +
	`warning: milter .*(invalid|unknown|error state)|to error state|unknown smtpd restriction|(PREPEND|HOLD).*(bad|ignored|invalid|not)|` +
	`bad command startup|killed by signal`)

// starting is what the servers log while nothing is behind their forwarders yet.
var starting = regexp.MustCompile(`SMFIC_OPTNEG|read returned 0`)

func protocolFaults(log string) []string {
	var faults []string
	for line := range strings.Lines(log) {
		if fault.MatchString(line) && !starting.MatchString(line) {
			faults = append(faults, strings.TrimSpace(line))
		}
	}
	return faults
}

func (l *Lab) daemonFor(c *Case, front, program, dir string) DaemonConfig {
	files := map[string]string{}
	for name, text := range c.Files {
		files[name] = l.Certs.Expand(text)
	}
	return DaemonConfig{Program: program, Dir: dir, Files: files, Config: c.Config, Listen: c.Listen, Front: front}
}

// session carries out the steps up to the first that goes wrong, and looks at
// the deliveries if none did.
func (l *Lab) session(ctx context.Context, c *Case, talk *dialogue) error {
	if err := talk.runAll(ctx, c.steps); err != nil {
		return err
	}
	if c.deliveries == nil {
		return nil
	}
	delivered, err := l.MTA.Delivered(ctx)
	if err != nil {
		return err
	}
	held, err := l.MTA.Held()
	if err != nil {
		return err
	}
	return c.deliveries.check(l.MTA.Name(), talk.front, delivered, len(held))
}

// Talk speaks to a service as a script says, which is written like the section
// "session" of a case file. The dialogue goes to record line by line (see
// Dial). A reply that the script does not expect ends it with an error.
func (l *Lab) Talk(ctx context.Context, service, front, script string, record func(line string)) error {
	steps, err := parseSteps(source{first: 1, data: script}.lines("script"))
	if err != nil {
		return err
	}
	talk := &dialogue{mta: l.MTA, front: front, service: service, certs: l.Certs, record: record}
	return talk.runAll(ctx, steps)
}

// StartDaemon starts a daemon and lets the mail server ask it.
func (l *Lab) StartDaemon(ctx context.Context, config DaemonConfig) (*Daemon, error) {
	daemon, err := StartDaemon(ctx, config)
	if err != nil {
		return nil, err
	}
	l.milter.SetBackend(daemon.Hooks.Milter)
	l.policy.SetBackend(daemon.Hooks.Policy)
	return daemon, nil
}

// StopDaemon takes the daemon away from the mail server and ends it.
func (l *Lab) StopDaemon(daemon *Daemon) error {
	l.milter.SetBackend("")
	l.policy.SetBackend("")
	return daemon.Stop()
}

// logFor is what the daemon's log must have in a run.
func (c *Case) logFor(server, front string) []logMatcher {
	var expected []logMatcher
	for _, line := range c.log {
		if line.tags.hold(server, front) {
			expected = append(expected, line)
		}
	}
	return expected
}

// tail returns the last lines of a text.
func tail(text string, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n") + "\n"
}
