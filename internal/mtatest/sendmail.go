package mtatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Sendmail is a private Sendmail, run from unpacked packages. It has the
// services smtp, ipv6, smtps and nokey, and one front end, its milter.
type Sendmail struct {
	packages string // where install.sh unpacked it
	root     string // keys, queue, configuration; not below a world-writable directory
	mail     string // delivered mail, which an unprivileged user writes
	version  string
	ports    endpoints
	daemon   *process
	logFrom  int64
}

var _ MTA = (*Sendmail)(nil)

// SendmailDirectory is where install.sh unpacks Sendmail: $TLSWARDEN_SENDMAIL,
// or else a directory in the user's home.
func SendmailDirectory() (string, error) {
	if dir := os.Getenv("TLSWARDEN_SENDMAIL"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".cache", "tlswarden-test", "sendmail"), nil
}

// StartSendmail starts the Sendmail that was unpacked in the directory
// packages, with all services. Nothing has to listen at hooks.Milter yet;
// hooks.Policy is ignored.
func StartSendmail(ctx context.Context, packages string, hooks Hooks, certs *Certs) (*Sendmail, error) {
	s := &Sendmail{packages: packages, ports: endpoints{}}
	if _, err := os.Stat(s.binary()); err != nil {
		return nil, fmt.Errorf("sendmail in %s: %w", packages, ErrNotInstalled)
	}
	if err := s.start(ctx, hooks, certs); err != nil {
		return nil, errors.Join(fmt.Errorf("sendmail: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Sendmail) start(ctx context.Context, hooks Hooks, certs *Certs) error {
	var err error
	// Beside the packages: install.sh made sure that Sendmail trusts keys there.
	if s.root, err = os.MkdirTemp(filepath.Dir(s.packages), "run-"); err != nil {
		return err
	}
	if s.mail, err = os.MkdirTemp("", "tlswarden-sendmail-"); err != nil {
		return err
	}
	if err := s.makeFiles(certs); err != nil {
		return err
	}
	if err := s.configure(ctx, hooks); err != nil {
		return err
	}
	if s.daemon, err = startProcess(s.command()); err != nil {
		return err
	}
	for _, address := range s.ports {
		if err := s.daemon.waitListening(ctx, address); err != nil {
			return fmt.Errorf("%w\n%s", err, s.Log())
		}
	}
	version := sendmailVersion.FindStringSubmatch(s.Log())
	if version == nil {
		return fmt.Errorf("no version in the log:\n%s", s.Log())
	}
	s.version = version[1]
	return nil
}

var sendmailVersion = regexp.MustCompile(`(?m)^Version (\S+)`)

func (s *Sendmail) binary() string {
	return filepath.Join(s.packages, "usr", "libexec", "sendmail", "sendmail")
}

func (s *Sendmail) path(name string) string { return filepath.Join(s.root, name) }

// ownHostName runs its arguments, where that is permitted, on a host that is
// called 127.0.0.1. Sendmail asks the resolver for the name of the host before
// it reads its configuration, and sleeps for a minute if it gets a name without dots.
const ownHostName = `
if unshare --uts true 2>/dev/null; then
	exec unshare --uts sh -c 'echo 127.0.0.1 >/proc/sys/kernel/hostname; exec "$0" "$@"' "$0" "$@"
fi
exec "$0" "$@"`

// command is the daemon, with the libraries that were unpacked beside it.
// -bD: it stays in the foreground. -d0.1: it tells its version. -d89.8 with
// -D: what would go to syslog goes to a file (Sendmail's TRACEFLAGS).
func (s *Sendmail) command() *exec.Cmd {
	cmd := exec.Command("sh", "-c", ownHostName, s.binary(),
		"-bD", "-D", s.path("maillog"), "-d0.1,89.8", "-C", s.path("sendmail.cf"))
	libraries, err := filepath.Glob(filepath.Join(s.packages, "usr", "lib", "*-linux-*"))
	if err == nil && len(libraries) > 0 {
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	}
	cmd.Dir = "/"
	return cmd
}

// makeFiles makes all files but the configuration.
func (s *Sendmail) makeFiles(certs *Certs) error {
	if err := errors.Join(os.Mkdir(s.path("queue"), 0o700), os.Mkdir(s.path("tls"), 0o700)); err != nil {
		return err
	}
	boxes := mailbox(filepath.Join(s.mail, "boxes"))
	return errors.Join(
		certs.write(s.path("tls")),
		os.WriteFile(s.path("service.switch"), []byte("hosts files\naliases files\n"), 0o644),
		os.Chmod(s.mail, 0o755),
		os.Mkdir(string(boxes), 0o755),
		os.Chown(string(boxes), nobody, nobody),
		boxes.writeDeliver(filepath.Join(s.mail, "deliver")),
	)
}

// configure finds the ports and has m4(1) make sendmail.cf, as cf/README describes.
func (s *Sendmail) configure(ctx context.Context, hooks Hooks) error {
	var hosts []string
	for _, service := range sendmailServices() {
		hosts = append(hosts, service.host)
	}
	addresses, err := freeAddresses(hosts...)
	if err != nil {
		return err
	}
	var listen string
	for i, service := range sendmailServices() {
		s.ports[endpoint{service.name, FrontMilter}] = addresses[i]
		options, err := daemonOptions(service, addresses[i])
		if err != nil {
			return err
		}
		listen += options
	}
	filter, err := inputMailFilter(hooks.Milter)
	if err != nil {
		return err
	}
	source := strings.NewReplacer("$ROOT", s.root, "$MAIL", s.mail, "$LISTEN", listen, "$FILTER", filter).
		Replace(sendmailTemplate)
	if err := os.WriteFile(s.path("sendmail.mc"), []byte(source), 0o644); err != nil {
		return err
	}
	cf := filepath.Join(s.packages, "usr", "share", "sendmail", "cf")
	m4 := exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+cf+"/", filepath.Join(cf, "m4", "cf.m4"), s.path("sendmail.mc"))
	output, err := m4.Output()
	if err != nil {
		return fmt.Errorf("m4: %w", err)
	}
	return os.WriteFile(s.path("sendmail.cf"), output, 0o644)
}

// Name implements MTA.
func (s *Sendmail) Name() string { return "sendmail" }

// Version implements MTA.
func (s *Sendmail) Version() string { return s.version }

// Address implements MTA.
func (s *Sendmail) Address(service, front string) (string, error) {
	return s.ports.address("sendmail", service, front)
}

// WrapperMode implements MTA.
func (s *Sendmail) WrapperMode(service string) bool {
	return slices.ContainsFunc(sendmailServices(), func(known sendmailService) bool {
		return known.name == service && known.wrapper
	})
}

// Delivered implements MTA. It never has to wait, as this Sendmail delivers
// before it replies; what is in its queue nevertheless could not be delivered.
func (s *Sendmail) Delivered(context.Context) (map[string][]Message, error) {
	queued, err := filepath.Glob(s.path("queue/qf*"))
	if err != nil {
		return nil, err
	}
	if len(queued) > 0 {
		return nil, fmt.Errorf("sendmail could not deliver %v", queued)
	}
	return s.boxes().read()
}

func (s *Sendmail) boxes() mailbox { return mailbox(filepath.Join(s.mail, "boxes")) }

// Held implements MTA. The control file of a quarantined message begins with
// hf instead of qf (Sendmail Installation and Operation Guide, section 2.3.1).
func (s *Sendmail) Held() ([]string, error) {
	paths, err := filepath.Glob(s.path("queue/hf*"))
	var ids []string
	for _, path := range paths {
		ids = append(ids, strings.TrimPrefix(filepath.Base(path), "hf"))
	}
	return ids, err
}

// Clear implements MTA.
func (s *Sendmail) Clear(context.Context) error {
	s.logFrom = fileSize(s.path("maillog"))
	return errors.Join(s.boxes().clear(), emptyDirectory(s.path("queue")))
}

// Log implements MTA.
func (s *Sendmail) Log() string { return logSince(s.path("maillog"), s.logFrom) }

// Stop implements MTA.
func (s *Sendmail) Stop() error {
	var err error
	if s.daemon != nil {
		if err = s.daemon.stop(); endedBySignal(err) {
			err = nil
		}
	}
	if s.root != "" {
		err = errors.Join(err, os.RemoveAll(s.root))
	}
	if s.mail != "" {
		err = errors.Join(err, os.RemoveAll(s.mail))
	}
	return err
}
