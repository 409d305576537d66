package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
func (p Postfix) settings(ctx context.Context, flags string) ([]setting, error) {
	lines, err := p.postconf(ctx, flags)
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
	main     string // main.cf
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
	s := &site{Postfix: p, queue: v[1], owner: v[2]}
	dir := v[0]
	if p.Dir != "" {
		dir = p.Dir // Postfix 3.10 forgets -c for a moment after a change of the file
	}
	// The change is made in the file itself, should main.cf be a link.
	if s.main, err = filepath.EvalSymlinks(filepath.Join(dir, "main.cf")); err != nil {
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

// edited is main.cf as postconf(1) leaves it when it sets and removes parameters.
// It works on a copy, which gets the end of the last line that may be missing:
// postconf -e would put its own text onto that line.
func edited(ctx context.Context, main []byte, set, remove []string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "tlswarden-setup-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "main.cf")
	text := string(main)
	unended := text != "" && !strings.HasSuffix(text, "\n")
	if unended {
		text += "\n"
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	copied := Postfix{Dir: dir}
	if len(set) > 0 {
		_, err = copied.postconf(ctx, append([]string{"-e"}, set...)...)
	}
	if err == nil && len(remove) > 0 {
		_, err = copied.postconf(ctx, append([]string{"-X"}, remove...)...)
	}
	if err != nil {
		return nil, err
	}
	out, err := os.ReadFile(file)
	if unended {
		out = out[:max(len(out)-1, 0)]
	}
	return out, err
}
