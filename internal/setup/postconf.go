package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Postfix is a Postfix with its configuration.
type Postfix struct {
	Dir string // where main.cf is, as for postconf -c; "": where Postfix looks by itself
}

// args puts -c before the arguments of Postfix's programs, if a directory is given.
func (p Postfix) args(args ...string) []string {
	if p.Dir == "" {
		return args
	}
	return append([]string{"-c", p.Dir}, args...)
}

// postconf runs postconf(1) and returns the lines that it prints.
func (p Postfix) postconf(ctx context.Context, args ...string) ([]string, error) {
	out, err := run(ctx, "", "postconf", p.args(args...)...)
	if err != nil || out == "" {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n"), nil
}

// values are those of parameters that all releases of Postfix have; flags are -h
// with -x for values in which $name is filled in, or with -d for defaults.
func (p Postfix) values(ctx context.Context, flags string, names ...string) ([]string, error) {
	lines, err := p.postconf(ctx, append([]string{flags}, names...)...)
	if err == nil && len(lines) != len(names) {
		err = fmt.Errorf("postconf %s %s printed %d lines", flags, strings.Join(names, " "), len(lines))
	}
	return lines, err
}

// setting is a parameter that is set, in main.cf or for a service of master.cf.
type setting struct {
	service     string // name and type; "": in main.cf
	name, value string
}

// where is a setting's place, for people.
func (s setting) where() string {
	if s.service == "" {
		return "main.cf: " + s.name
	}
	return "master.cf: " + s.service + ": " + s.name
}

// settings are all that main.cf sets (flags -n), or services set by -o (-P), by
// postconf(1).
func (p Postfix) settings(ctx context.Context, flags ...string) ([]setting, error) {
	lines, err := p.postconf(ctx, flags...)
	var out []setting
	for _, line := range lines {
		name, value, _ := strings.Cut(line, " =")
		i := strings.LastIndexByte(name, '/')
		out = append(out, setting{name[:max(i, 0)], name[i+1:], strings.TrimSpace(value)})
	}
	return out, err
}

// site is what is to be known of a Postfix before it is hooked up.
type site struct {
	Postfix
	dir      string // where main.cf and master.cf are
	main     string // main.cf, which is no link
	queue    string
	owner    string // smtpd(8) runs as this user
	chrooted bool   // some smtpd(8) is
}

// look asks Postfix for what is to be known of it.
func (p Postfix) look(ctx context.Context) (*site, error) {
	v, err := p.values(ctx, "-hx", "config_directory", "queue_directory", "mail_owner")
	if err != nil {
		return nil, err
	}
	s := &site{Postfix: p, queue: v[1], owner: v[2], dir: v[0]}
	if p.Dir != "" {
		s.dir = p.Dir // Postfix 3.10 forgets -c for a moment after a change of the file
	}
	// The change is made in the file itself, should main.cf be a link.
	if s.main, err = filepath.EvalSymlinks(filepath.Join(s.dir, "main.cf")); err != nil {
		return nil, err
	}
	return s, nil
}

// bracesSince is the release of Postfix whose lists know { }, as our entries need
// it; MILTER_README and SMTPD_POLICY_README.
const bracesSince = 3

// lookCloser asks for what else must be known before an entry of ours is added.
func (s *site) lookCloser(ctx context.Context) error {
	v, err := s.values(ctx, "-hd", "mail_version")
	if err != nil {
		return err
	}
	if major, err := strconv.Atoi(beforeDot(v[0])); err == nil && major < bracesSince {
		return fmt.Errorf("this is Postfix %s, and its lists have no { options } before 3.0: hook tlswarden up by hand, by its address alone", v[0])
	}
	if v, err = s.values(ctx, "-hx", "compatibility_level"); err != nil {
		return err
	}
	// COMPATIBILITY_README, "Using backwards-compatible default setting chroot=y".
	level, _ := strconv.Atoi(beforeDot(v[0]))
	services, err := s.postconf(ctx, "-M")
	s.chrooted = anyChrooted(services, level < 1)
	return err
}

func beforeDot(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// anyChrooted says whether an smtpd(8) runs in chroot, by the lines of master(5).
// What follows a line with a blank before it belongs to the service above.
func anyChrooted(lines []string, byDefault bool) bool {
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) < 8 || strings.TrimLeft(line, " \t") != line || f[7] != "smtpd" {
			continue
		}
		if f[4] == "y" || f[4] == "-" && byDefault {
			return true
		}
	}
	return false
}

// compare has postconf(1) read both texts of a change of main.cf, and says by an
// error if they differ in more than entries of ours.
func (s *site) compare(ctx context.Context, c *Change, ours Addresses) error {
	if !c.Needed() {
		return nil
	}
	var values [2]map[string]string
	for i, text := range [...][]byte{c.Old, c.New} {
		var err error
		if values[i], err = read(ctx, text); err != nil {
			return err
		}
		for _, front := range fronts {
			p, match := parameterOf(front), postfixMatch(ours.WithDefaults().of(front), s.queue)
			d, _ := defined(takeOut(p.name+" ="+values[i][p.name]+"\n", p, match), p.name)
			values[i][p.name] = oneLine(strings.Join(words(d.value), " "))
		}
	}
	if !maps.Equal(values[0], values[1]) {
		return errors.New("the layout of main.cf keeps it from being changed safely: change it by hand")
	}
	return nil
}

// read are the parameters that a text of a main.cf sets, by postconf(1).
func read(ctx context.Context, text []byte) (map[string]string, error) {
	p, remove, err := copied(text, nil)
	if err != nil {
		return nil, err
	}
	defer remove()
	set, err := p.settings(ctx, "-n")
	values := valuesOf(set)
	delete(values, "config_directory")
	return values, err
}

// copied is a configuration with these texts of main.cf and master.cf, in a place
// from where remove takes it. The files are old: Postfix reads one that just changed
// again until it is two seconds old.
func copied(main, master []byte) (p Postfix, remove func(), err error) {
	if p.Dir, err = os.MkdirTemp("", "tlswarden-setup-"); err != nil {
		return p, nil, err
	}
	remove = func() { _ = os.RemoveAll(p.Dir) }
	old := time.Now().Add(-time.Hour)
	for name, text := range map[string][]byte{"main.cf": main, "master.cf": master} {
		file := filepath.Join(p.Dir, name)
		err = errors.Join(err, os.WriteFile(file, text, 0o600), os.Chtimes(file, old, old))
	}
	if err != nil {
		remove()
	}
	return p, remove, err
}
