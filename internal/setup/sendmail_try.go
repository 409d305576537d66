package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// cfHomes are the directories that packages of Sendmail have m4/cf.m4 in.
var cfHomes = [...]string{"/usr/share/sendmail/cf", "/usr/share/sendmail-cf", "/usr/lib/sendmail-cf", "/usr/local/share/sendmail/cf"}

// tryMC makes a sendmail.cf of a sendmail.mc that has no name yet, and looks
// whether Sendmail would ask tlswarden then, as is wanted, and accepts it.
func tryMC(ctx context.Context, mc string, wanted bool) error {
	file, cf, remove, err := makeCF(ctx, mc)
	if err != nil {
		return err
	}
	defer remove()
	asked, defined := cfFilters(cf)
	if _, there := defined[filterName]; wanted && (!there || !slices.Contains(asked, filterName)) {
		return errors.New("m4 makes a sendmail.cf of it that does not ask tlswarden: what stands behind the line takes it back")
	}
	return tryCF(ctx, file)
}

// makeCF makes a sendmail.cf of a sendmail.mc, in a place from where remove takes it.
func makeCF(ctx context.Context, mc string) (file, text string, remove func(), err error) {
	if text, err = expand(ctx, mc); err != nil {
		return "", "", nil, err
	}
	dir, err := os.MkdirTemp("", "tlswarden-setup-")
	if err != nil {
		return "", "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "sendmail.cf")
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		remove()
	}
	return file, text, remove, err
}

// expand runs m4(1) in the directory of a sendmail.mc, as the Makefiles of
// distributions do. Before a file that does not include cf.m4 by itself it is put,
// as cf/README has it.
func expand(ctx context.Context, mc string) (string, error) {
	text, err := os.ReadFile(mc)
	if err != nil {
		return "", err
	}
	args := []string{filepath.Base(mc)}
	includes := func(c call) bool {
		return strings.HasSuffix(c.name, "include") && strings.HasSuffix(strings.TrimSpace(c.arg(0)), "cf.m4")
	}
	if !slices.ContainsFunc(calls(string(text)), includes) {
		home := slices.IndexFunc(cfHomes[:], func(dir string) bool {
			_, err := os.Stat(dir + "/m4/cf.m4")
			return err == nil
		})
		if home < 0 {
			return "", errors.New("it includes no cf.m4, and none is installed")
		}
		args = append([]string{"-D_CF_DIR_=" + cfHomes[home] + "/", cfHomes[home] + "/m4/cf.m4"}, args...)
	}
	return run(ctx, filepath.Dir(mc), "m4", args...)
}

// inputFilters and definition are lines of sendmail.cf: which filters are asked, and
// what they are (Installation and Operation Guide, "X - Mail Filter (Milter)
// Definitions").
var (
	inputFilters = regexp.MustCompile(`(?m)^O\s*InputMailFilters=(.*)$`)
	definition   = regexp.MustCompile(`(?m)^X([^,\s]+),\s*(.*)$`)
)

// cfFilters are the filters that a sendmail.cf lets ask, and the equates of those
// that it defines. The last list counts.
func cfFilters(cf string) (asked []string, defined map[string]string) {
	defined = map[string]string{}
	for _, m := range inputFilters.FindAllStringSubmatch(cf, -1) {
		asked = words(m[1])
	}
	for _, m := range definition.FindAllStringSubmatch(cf, -1) {
		defined[m[1]] = m[2]
	}
	return asked, defined
}

// isSendmail is what Sendmail says under -d0.1, and what other programs of its name
// do not.
var isSendmail = regexp.MustCompile(`(?m)^Version 8\.`)

// tryCF has Sendmail read a sendmail.cf, if it is installed: other mail servers have
// a program of that name, too.
func tryCF(ctx context.Context, cf string) error {
	out, err := askSendmail(ctx, cf, "")
	if err == nil || errors.Is(err, errNoSendmail) {
		return nil
	}
	why := err.Error()
	for line := range strings.Lines(out) {
		if said, ok := strings.CutPrefix(line, cf+": "); ok {
			why = strings.TrimSpace(said)
		}
	}
	return fmt.Errorf("sendmail does not accept what m4 makes of it: %s", why)
}

var errNoSendmail = errors.New("sendmail is not installed, or not in the PATH")

// askSendmail has Sendmail read a sendmail.cf and then questions in its address test
// mode, and returns what it prints.
func askSendmail(ctx context.Context, cf, questions string) (string, error) {
	for _, name := range []string{"sendmail", "/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/libexec/sendmail/sendmail"} {
		out, err := runWith(ctx, questions, "/", name, "-C", cf, "-d0.1", "-bt")
		if isSendmail.MatchString(out) {
			return out, err
		}
	}
	return "", errNoSendmail
}
