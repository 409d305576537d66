package mtatest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/testkit"
)

// Postfix is a private Postfix. Its service smtp is what a public MX host has;
// README.md lists the others.
type Postfix struct {
	root    string // everything is below it
	version string
	ports   endpoints
	auth    *authServer
	master  *process
	logFrom int64
}

var _ MTA = (*Postfix)(nil)

// StartPostfix starts a Postfix with all services, each once for every front
// end that hooks has an address for. Nothing has to listen at hooks yet.
func StartPostfix(ctx context.Context, hooks Hooks, certs *Certs) (*Postfix, error) {
	version, daemons, err := findPostfix(ctx)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "tlswarden-postfix-")
	if err != nil {
		return nil, err
	}
	p := &Postfix{root: root, version: version, ports: endpoints{}}
	if err := p.start(ctx, filepath.Join(daemons, "master"), hooks, certs); err != nil {
		return nil, errors.Join(fmt.Errorf("postfix: %w", err), p.Stop())
	}
	return p, nil
}

// findPostfix asks the installed Postfix for its version and its daemons' directory.
func findPostfix(ctx context.Context) (version, daemons string, err error) {
	postconf, err := exec.LookPath("postconf")
	if err != nil {
		return "", "", fmt.Errorf("postfix: %w", ErrNotInstalled)
	}
	// -d: the built-in values, whatever the system's own configuration says.
	output, err := exec.CommandContext(ctx, postconf, "-dh", "mail_version", "daemon_directory").Output()
	if err != nil {
		return "", "", fmt.Errorf("postconf: %w", err)
	}
	values := strings.Fields(string(output))
	if len(values) != 2 {
		return "", "", fmt.Errorf("postconf said %q", output)
	}
	return values[0], values[1], nil
}

func (p *Postfix) start(ctx context.Context, master string, hooks Hooks, certs *Certs) error {
	if err := p.makeDirectories(); err != nil {
		return err
	}
	if err := certs.write(p.path("tls")); err != nil {
		return err
	}
	var err error
	if p.auth, err = startAuthServer(); err != nil {
		return err
	}
	if err := p.configure(hooks); err != nil {
		return err
	}
	// -d keeps master(8) in the foreground.
	cmd := exec.Command(master, "-d", "-c", p.path("etc"))
	cmd.Dir = p.path("queue")
	if p.master, err = startProcess(cmd); err != nil {
		return err
	}
	// master(8) opens all ports before it serves any. The service smtp does
	// not ask anybody before RCPT.
	address, err := p.Address("smtp", hooks.fronts()[0])
	if err != nil {
		return err
	}
	if err := p.master.waitListening(ctx, address); err != nil {
		return fmt.Errorf("%w\n%s", err, p.Log())
	}
	return nil
}

func (p *Postfix) path(elements ...string) string {
	return filepath.Join(append([]string{p.root}, elements...)...)
}

// makeDirectories builds what "postfix check" would, with the owners that
// postfix-files lists for them.
func (p *Postfix) makeDirectories() error {
	owner, err := lookupID(user.Lookup("postfix"))
	if err != nil {
		return err
	}
	drop, err := user.LookupGroup("postdrop")
	if err != nil {
		return err
	}
	dropID, err := strconv.Atoi(drop.Gid)
	if err != nil {
		return err
	}
	type directory struct {
		path     string
		mode     os.FileMode
		uid, gid int
	}
	directories := []directory{
		{"", 0o755, 0, 0}, {"etc", 0o755, 0, 0}, {"tls", 0o755, 0, 0}, {"queue", 0o755, 0, 0},
		{"queue/pid", 0o755, 0, 0}, {"data", 0o700, owner, 0}, {"mail", 0o755, nobody, nobody},
		{"queue/maildrop", 0o730, owner, dropID}, {"queue/public", 0o710, owner, dropID},
	}
	for _, name := range strings.Fields("active bounce corrupt defer deferred flush hold incoming private saved trace") {
		directories = append(directories, directory{"queue/" + name, 0o700, owner, 0})
	}
	for _, d := range directories {
		if err := os.MkdirAll(p.path(d.path), d.mode); err != nil {
			return err
		}
		// MkdirAll is subject to the umask and leaves what is there already.
		if err := errors.Join(os.Chmod(p.path(d.path), d.mode), os.Chown(p.path(d.path), d.uid, d.gid)); err != nil {
			return err
		}
	}
	return nil
}

func lookupID(found *user.User, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(found.Uid)
}

// configure writes main.cf, master.cf and the mailbox table, and finds the ports.
func (p *Postfix) configure(hooks Hooks) error {
	master, err := p.services(hooks)
	if err != nil {
		return err
	}
	main := strings.NewReplacer(
		"$ROOT", p.root,
		"$AUTH", p.auth.listener.Addr().String(),
	).Replace(mainTemplate)
	if hooks.Milter != "" {
		main += "non_smtpd_milters = inet:" + hooks.Milter + "\n"
	}
	// Postfix reads a file that just changed again and again until it is two
	// seconds old (dict_load_file()); with an old date it starts at once.
	old := time.Now().Add(-time.Hour)
	return errors.Join(
		os.WriteFile(p.path("etc", "main.cf"), []byte(main), 0o644),
		os.WriteFile(p.path("etc", "master.cf"), []byte(master), 0o644),
		os.Chtimes(p.path("etc", "main.cf"), old, old),
		os.Chtimes(p.path("etc", "master.cf"), old, old),
		mailbox(p.path("mail")).writeDeliver(p.path("deliver")),
	)
}

// services is the text of master.cf. It gives each service a port for each
// front end, and one more to the smtpd that the service proxied passes mail on to.
func (p *Postfix) services(hooks Hooks) (string, error) {
	hosts := []string{"127.0.0.1"}
	for _, service := range postfixServices() {
		for range hooks.fronts() {
			hosts = append(hosts, service.host)
		}
	}
	addresses, err := freeAddresses(hosts...)
	if err != nil {
		return "", err
	}
	plain, rest := addresses[0], addresses[1:]
	master := strings.ReplaceAll(masterBase, "$ROOT", p.root) + masterEntry(plain, nil)
	for _, service := range postfixServices() {
		for _, front := range hooks.fronts() {
			p.ports[endpoint{service.name, front}] = rest[0]
			master += masterEntry(rest[0], service.optionsFor(front, hooks))
			rest = rest[1:]
		}
	}
	return strings.ReplaceAll(master, "$PLAIN", plain), nil
}

// Name implements MTA.
func (p *Postfix) Name() string { return "postfix" }

// Version implements MTA.
func (p *Postfix) Version() string { return p.version }

// Address implements MTA.
func (p *Postfix) Address(service, front string) (string, error) {
	return p.ports.address("postfix", service, front)
}

// WrapperMode implements MTA.
func (p *Postfix) WrapperMode(service string) bool {
	return slices.ContainsFunc(postfixServices(), func(s postfixService) bool {
		return s.name == service && s.wrapper
	})
}

// Delivered implements MTA. A message that stays in the deferred queue is an
// error, as it will not be delivered within a test.
func (p *Postfix) Delivered(ctx context.Context) (map[string][]Message, error) {
	if err := p.waitIdle(ctx); err != nil {
		return nil, err
	}
	deferred, err := filesBelow(p.path("queue/deferred"))
	if err != nil {
		return nil, err
	}
	if len(deferred) > 0 {
		return nil, fmt.Errorf("postfix could not deliver %v", deferred)
	}
	return mailbox(p.path("mail")).read()
}

// waitIdle waits until nothing is in the queues that mail passes through, in the
// order in which it does, so that no message slips by. However much there is, it
// waits as long as it becomes less.
func (p *Postfix) waitIdle(ctx context.Context) error {
	least, since := math.MaxInt, time.Now()
	for {
		waiting, err := filesBelow(p.path("queue/maildrop"), p.path("queue/incoming"), p.path("queue/active"))
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			return nil
		}
		if len(waiting) < least {
			least, since = len(waiting), time.Now()
		}
		if time.Since(since) > testkit.Patience {
			return fmt.Errorf("postfix still has %v in its queue", waiting)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postfix still has %v in its queue: %w", waiting, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Held implements MTA.
func (p *Postfix) Held() ([]string, error) {
	return filesBelow(p.path("queue/hold"))
}

// Clear implements MTA.
func (p *Postfix) Clear(ctx context.Context) error {
	if err := p.waitIdle(ctx); err != nil {
		return err
	}
	p.logFrom = fileSize(p.path("maillog"))
	return errors.Join(
		mailbox(p.path("mail")).clear(),
		emptyDirectory(p.path("queue/hold")),
		emptyDirectory(p.path("queue/deferred")),
	)
}

// Log implements MTA.
func (p *Postfix) Log() string { return logSince(p.path("maillog"), p.logFrom) }

// Stop implements MTA.
func (p *Postfix) Stop() error {
	var err error
	if p.master != nil {
		// master(8) ends its children, and then itself, by the signal.
		if err = p.master.stop(); endedBySignal(err) {
			err = nil
		}
	}
	if p.auth != nil {
		p.auth.stop()
	}
	removed := os.RemoveAll(p.root)
	if errors.Is(removed, fs.ErrNotExist) {
		removed = nil
	}
	return errors.Join(err, removed)
}
