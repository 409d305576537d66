package setup

import (
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2027, 1, 2, 12, 0, 0, 0, time.UTC)

// changeOf is a change of a file with the text "old\n", of mode 0640.
func changeOf(t *testing.T) *Change {
	file := filepath.Join(t.TempDir(), "main.cf")
	if err := errors.Join(os.WriteFile(file, []byte("old\n"), 0o600), os.Chmod(file, 0o640)); err != nil {
		t.Fatal(err)
	}
	return &Change{File: file, Old: []byte("old\n"), New: []byte("new\n")}
}

// files are the files beside one, with what they have.
func files(t *testing.T, file string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(file), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(data)
	}
	return out
}

func TestApply(t *testing.T) {
	c := changeOf(t)
	first, err := c.Apply(t.Context(), noon)
	if err != nil || filepath.Base(first) != "main.cf.before-tlswarden-20270102-120000" {
		t.Fatalf("%s %v", first, err)
	}
	c.Old, c.New = c.New, []byte("newer\n")
	second, err := c.Apply(t.Context(), noon) // in the same second
	if err != nil {
		t.Fatal(err)
	}
	got := files(t, c.File)
	if len(got) != 3 || got["main.cf"] != "newer\n" || got[filepath.Base(first)] != "old\n" || got[filepath.Base(second)] != "new\n" {
		t.Errorf("%q", got)
	}
	for _, name := range []string{c.File, first, second} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// TestApplyFails shows that whatever fails, nothing is changed and nothing is left.
func TestApplyFails(t *testing.T) {
	fail := errors.New("refused")
	for name, spoil := range map[string]func(*Change){
		"refused": func(c *Change) { c.check = func(context.Context) error { return fail } },
		"draft refused": func(c *Change) {
			c.try = func(_ context.Context, draft string) error {
				if data, err := os.ReadFile(draft); err != nil || string(data) != "new\n" {
					t.Errorf("the draft: %q %v", data, err)
				}
				return fail
			}
		},
		"nobody answers": func(c *Change) {
			c.asked = []question{{Address{Path: filepath.Join(filepath.Dir(c.File), "none")}, Milter}}
		},
		"somebody's edit": func(c *Change) { c.Old = []byte("older\n") },
	} {
		c := changeOf(t)
		spoil(c)
		backup, err := c.Apply(t.Context(), noon)
		if err == nil || backup != "" {
			t.Errorf("%s: %q %v", name, backup, err)
		}
		if got := files(t, c.File); len(got) != 1 || got["main.cf"] != "old\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestDiff(t *testing.T) {
	for _, test := range []struct{ was, is, want string }{
		{"a\n", "a\n", ""},
		{"", "a\n", "+ a\n"},
		{"a\n", "", "- a\n"},
		{"a\nb\nc\n", "a\nx\nc\n", "- b\n+ x\n"},
		{"a\nb\nc\nd\ne", "a\nB\nc\nd\nE\nf", "- b\n+ B\n- e\n+ E\n+ f\n"},
		{"p =\n  a,\n# n\n  b\nq\n", "p = a, b\n# n\nq\n", "- p =\n-   a,\n+ p = a, b\n-   b\n"},
	} {
		c := Change{Old: []byte(test.was), New: []byte(test.is)}
		got := c.Diff()
		for _, line := range strings.Split(test.want, "\n") {
			if !strings.Contains(got, line) {
				t.Errorf("%q to %q:\n%s", test.was, test.is, got)
			}
		}
		if len(got) != len(test.want) {
			t.Errorf("%q to %q:\n%s", test.was, test.is, got)
		}
	}
}

func TestAnyChrooted(t *testing.T) {
	for _, test := range []struct {
		line            string
		byDefault, want bool
	}{
		{"smtp inet n - y - - smtpd", false, true},
		{"smtp inet n - n - - smtpd", true, false},
		{"smtp inet n - - - - smtpd -o x=y", true, true},
		{"smtp inet n - - - - smtpd", false, false},
		{"smtp unix - - y - - smtp", true, false},
		{"  -o a b c y e f smtpd", true, false},
	} {
		if got := anyChrooted([]string{"pickup unix n - y 60 1 pickup", test.line}, test.byDefault); got != test.want {
			t.Errorf("%s, %v: %v", test.line, test.byDefault, got)
		}
	}
}

// socketIn makes a socket in a directory of its own with modes, and a queue
// directory above it. t.TempDir is too long for sockets (unix(7)).
func socketIn(t *testing.T, dirMode, mode os.FileMode) (queue, path string) {
	t.Helper()
	queue, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(queue) })
	path = filepath.Join(queue, "warden", "milter")
	if err := errors.Join(os.Chmod(queue, 0o755), os.Mkdir(filepath.Dir(path), 0o755)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := errors.Join(os.Chmod(path, mode), os.Chmod(filepath.Dir(path), dirMode)); err != nil {
		t.Fatal(err)
	}
	return queue, path
}

// TestChoose shows which address Postfix is given.
func TestChoose(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("run by root it shows more")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	inet := Address{Host: "0.0.0.0", Port: "1"}
	for name, test := range map[string]struct {
		dirMode, mode     os.FileMode
		chrooted, outside bool
		want, why         string
	}{
		"below":             {0o755, 0o666, true, false, "unix:warden/milter", ""},
		"below, no chroot":  {0o755, 0o666, false, false, "unix:warden/milter", ""},
		"outside":           {0o755, 0o666, true, true, "inet:127.0.0.1:1", "is chrooted there"},
		"outside no chroot": {0o755, 0o666, false, true, "unix:PATH", ""},
		"not writable":      {0o755, 0o660, false, false, "inet:127.0.0.1:1", "the user nobody of Postfix may not write to it"},
		"not searchable":    {0o750, 0o666, false, false, "inet:127.0.0.1:1", "the user nobody of Postfix may not write to it"},
	} {
		queue, path := socketIn(t, test.dirMode, test.mode)
		s := &site{queue: queue, owner: nobody.Username, chrooted: test.chrooted}
		if test.outside {
			s.queue = t.TempDir()
		}
		_, got, err := s.choose(Milter, []Address{{Path: path}, inet})
		if want := strings.Replace(test.want, "PATH", path, 1); err != nil || got != want {
			t.Errorf("%s: %s %v", name, got, err)
		}
		_, _, err = s.choose(Milter, []Address{{Path: path}})
		if (err == nil) != (test.why == "") || err != nil && !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err = (&site{}).choose(Milter, []Address{{Path: "/nonexistent/x"}})
	if want := "Postfix can reach none of the addresses of [milter]: unix:/nonexistent/x: it does not exist; is tlswarden running?"; err == nil || err.Error() != want {
		t.Error(err)
	}
}

// TestSendmailTrust shows which sockets Sendmail would use.
func TestSendmailTrust(t *testing.T) {
	_, path := socketIn(t, 0o755, 0o660) // below a directory that all may write to
	_, err := chooseSendmail([]Address{{Path: path}})
	if err == nil || !strings.Contains(err.Error(), "Sendmail trusts no socket below ") {
		t.Error(err)
	}
	a, err := chooseSendmail([]Address{{Path: path}, {Host: "::", Port: "1"}})
	if err != nil || a.sendmail() != "inet6:1@::1" {
		t.Errorf("%+v %v", a, err)
	}
}
