package mtatest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// bareSendmail starts a Sendmail that asks nobody, and makes its sendmail.mc
// include cf.m4, as those of distributions do.
func bareSendmail(t *testing.T) *Sendmail {
	t.Helper()
	needRoot(t)
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	packages, err := SendmailDirectory()
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartSendmail(testkit.Context(t), packages, Hooks{}, certs)
	if errors.Is(err, ErrNotInstalled) {
		skipOrFail(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	change(t, s.path("sendmail.mc"), "divert(0)dnl\n", "divert(-1)dnl\n# it's ours\ndivert(0)dnl\ninclude(`"+packages+"/usr/share/sendmail/cf/m4/cf.m4')dnl\n"+
		"dnl INPUT_MAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1')\n")
	return s
}

// remake does what "make -C /etc/mail" and a restart do.
func (s *Sendmail) remake(t *testing.T) {
	t.Helper()
	cf, err := exec.CommandContext(t.Context(), "m4", s.path("sendmail.mc")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("sendmail.cf"), cf, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.daemon.stop(); err != nil && !endedBySignal(err) {
		t.Fatal(err)
	}
	if s.daemon, err = startProcess(s.command()); err != nil {
		t.Fatal(err)
	}
	for _, address := range s.ports {
		if err := s.daemon.waitListening(testkit.Context(t), address); err != nil {
			t.Fatal(err)
		}
	}
}

// inPath makes a directory for the PATH in which "sendmail" is this one.
func (s *Sendmail) inPath(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	libraries, err := filepath.Glob(filepath.Join(s.packages, "usr", "lib", "*-linux-*"))
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexport LD_LIBRARY_PATH=%s\nset -- %s \"$@\"\nset -- \"$@\"\nprogram=$1; shift\nexec sh -c '%s' \"$program\" \"$@\"\n",
		strings.Join(libraries, ":"), s.binary(), strings.ReplaceAll(ownHostName, "'", `'\''`))
	if err := os.WriteFile(filepath.Join(dir, "sendmail"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSetupSendmail hooks a Sendmail up by "tlswarden setup", sends mail through it,
// and takes tlswarden out again, over TCP and over a socket.
func TestSetupSendmail(t *testing.T) {
	t.Parallel()
	s := bareSendmail(t)
	program := buildDaemon(t)
	mc := s.path("sendmail.mc")
	address, err := s.Address("smtp", FrontMilter)
	if err != nil {
		t.Fatal(err)
	}
	four, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	six, err := testkit.FreeAddress("::1")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(four, ":")
	for name, test := range map[string]struct{ listen, want string }{
		"TCP":             {`"unix:` + s.mail + `/milter", "inet:` + four + `"`, "S=inet:" + port + "@127.0.0.1, F=T"}, // what is below /tmp is not trusted
		"IPv6":            {`"inet:` + six + `"`, "S=inet6:" + strings.TrimPrefix(six, "[::1]:") + "@::1, F=T"},
		"a socket's file": {`"unix:` + s.path("milter") + `"`, "S=local:" + s.path("milter") + ", F=T"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newSetupRig(t, program, address, "[milter]\nlisten = ["+test.listen+"]\n", "--mc", mc)
			r.env = []string{"PATH=" + s.inPath(t) + ":" + os.Getenv("PATH")}
			was := mustRead(t, mc)
			r.setup(1, "status", "Sendmail does not ask tlswarden\n")
			r.start()
			r.setup(0, "sendmail", "+ INPUT_MAIL_FILTER(`tlswarden', `"+test.want, "nothing is changed yet", "  make -C "+filepath.Dir(mc)+"\n")
			if mustRead(t, mc) != was {
				t.Fatal("showing the change makes it")
			}
			r.setup(0, "sendmail --apply", test.want)
			r.setup(0, "sendmail --apply", "nothing to change: Sendmail asks tlswarden already")
			if kept := backups(t, mc); len(kept) != 1 || mustRead(t, kept[0]) != was {
				t.Errorf("the backups are %q", kept)
			} else if err := os.Remove(kept[0]); err != nil {
				t.Fatal(err)
			}
			s.remake(t)
			r.setup(0, "status", "Sendmail asks tlswarden: "+mc+": the filter tlswarden\n", "Sendmail asks tlswarden: "+s.path("sendmail.cf")+"\n")
			r.judged()
			r.stop()
			r.becomes("a delay", func(reply Reply) bool { return reply.Code/100 == 4 })
			r.setup(0, "sendmail --remove", "- INPUT_MAIL_FILTER(`tlswarden'")
			if now := mustRead(t, mc); now != was {
				t.Errorf("before:\n%s\nafter:\n%s", was, now)
			}
			r.setup(4, "status", "Sendmail asks tlswarden: "+s.path("sendmail.cf")+"\n", "Sendmail: nothing answers at ")
			r.setup(0, "sendmail --remove", "nothing to remove", "sendmail.cf was not made anew")
			s.remake(t)
			r.accepted()
			r.setup(1, "status --quiet")
			for _, kept := range backups(t, mc) {
				if err := os.Remove(kept); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// sendmailRig is a daemon that a mail server which delivers nothing is to ask, and the
// address where it will listen.
func sendmailRig(t *testing.T, s *Sendmail) (r *setupRig, inet string) {
	t.Helper()
	inet, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r = newSetupRig(t, buildDaemon(t), "", "[milter]\nlisten = [\"inet:"+inet+"\"]\n", "--mc", s.path("sendmail.mc"))
	r.env = []string{"PATH=" + s.inPath(t) + ":" + os.Getenv("PATH")}
	return r, inet
}

// TestSetupSendmailRefused shows that a sendmail.mc which does not do what it should
// is left as it is.
func TestSetupSendmailRefused(t *testing.T) {
	t.Parallel()
	s := bareSendmail(t)
	mc := s.path("sendmail.mc")
	r, four := sendmailRig(t, s)
	r.setup(1, "sendmail --apply", "tlswarden: nothing answers at inet:"+four)
	r.start()
	good := mustRead(t, mc)
	for tail, want := range map[string]string{
		"define(`confINPUT_MAIL_FILTERS', `')\n": "m4 makes a sendmail.cf of it that does not ask tlswarden",
		"no line of sendmail.cf\n":               "sendmail does not accept what m4 makes of it: line ",
		"include(`/nonexistent/x.m4')\n":         "tlswarden: m4: ",
	} {
		if err := os.WriteFile(mc, []byte(good+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		r.setup(1, "sendmail --apply", want, "sendmail.mc is as it was\n")
		if now := mustRead(t, mc); now != good+tail || len(backups(t, mc)) > 0 {
			t.Errorf("it is not as it was: %q", backups(t, mc))
		}
	}
}
