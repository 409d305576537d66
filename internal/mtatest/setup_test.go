package mtatest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// TestSetupPostfix hooks a Postfix up by "tlswarden setup", sends mail through it,
// and takes tlswarden out again, with each front end, over TCP and over sockets, and
// with smtpd(8) in chroot and without.
func TestSetupPostfix(t *testing.T) {
	t.Parallel()
	p := bare(t)
	program := buildDaemon(t)
	main, master := p.path("etc", "main.cf"), p.path("etc", "master.cf")
	address, err := p.Address("smtp", FrontNone)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{p.path("queue", "warden"), p.path("run")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inet, err := freeAddresses("127.0.0.1", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	listen := func(milter, policy string) string {
		const more = "mode = \"0660\", group = \"postfix\""
		return fmt.Sprintf("[milter]\nlisten = [{ address = \"unix:%s\", %s }, \"inet:%s\"]\n[policy]\nlisten = [{ address = \"unix:%s\", %s }, \"inet:%s\"]\n",
			milter, more, inet[0], policy, more, inet[1])
	}
	below := listen(p.path("queue", "warden", "milter"), p.path("queue", "warden", "policy"))
	outside := listen(p.path("run", "milter"), p.path("run", "policy"))
	for _, test := range []struct {
		name, front, config, chroot, milter, policy string
	}{
		{"both over TCP", FrontBoth, outside, "y", "inet:" + inet[0], "inet:" + inet[1]},
		{"milter, socket in chroot", FrontMilter, below, "y", "unix:warden/milter", ""},
		{"policy, socket in chroot", FrontPolicy, below, "y", "", "unix:warden/policy"},
		{"both, socket below the queue", FrontBoth, below, "n", "unix:warden/milter", "unix:warden/policy"},
		{"both, socket elsewhere", FrontBoth, outside, "n", "unix:" + p.path("run", "milter"), "unix:" + p.path("run", "policy")},
	} {
		t.Run(test.name, func(t *testing.T) {
			entry := address + " inet n - %s - - smtpd\n"
			if chrooted := fmt.Sprintf(entry, test.chroot); !strings.Contains(mustRead(t, master), chrooted) {
				change(t, master, fmt.Sprintf(entry, map[string]string{"y": "n", "n": "y"}[test.chroot]), chrooted)
			}
			r := newSetupRig(t, program, address, test.config, "--postfix-config", p.path("etc"))
			p.settle(t)
			was, values := mustRead(t, main), p.postconf(t)
			p.reload(t)
			r.accepted()
			r.setup(1, "status", "Postfix does not ask tlswarden\n")
			// A socket that is not there is not chosen.
			r.setup(1, "postfix --apply --front "+test.front, ": nothing answers at inet:127.0.0.1:", "start tlswarden first, as mail would be deferred")
			r.start()
			shown := r.setup(0, "postfix --front "+test.front, "nothing is changed yet", "  postfix -c "+p.path("etc")+" reload\n")
			if now := mustRead(t, main); now != was || len(backups(t, main)) > 0 {
				t.Fatal("showing the change makes it")
			}
			made := r.setup(0, "postfix --apply --front "+test.front, test.milter, test.policy)
			p.settle(t)
			for line := range strings.Lines(shown) {
				if strings.HasPrefix(line, "+ ") && !(strings.Contains(made, line) && strings.Contains(mustRead(t, main)+mustRead(t, r.config), line[2:])) {
					t.Errorf("%q is shown and not made:\n%s", line, made)
				}
			}
			if kept := backups(t, main); len(kept) != 1 || mustRead(t, kept[0]) != was {
				t.Errorf("the backups are %q", kept)
			}
			hooked := mustRead(t, main)
			r.setup(0, "postfix --apply --front "+test.front, "nothing to change: Postfix asks tlswarden already")
			r.setup(0, "status", "Postfix asks tlswarden: main.cf: smtpd_")
			if r.setup(0, "status --quiet") != "" {
				t.Error("status --quiet prints something")
			}
			if len(backups(t, main)) != 1 || mustRead(t, main) != hooked {
				t.Error("the second time something was changed")
			}
			p.reload(t)
			r.judged()
			r.stop()
			r.becomes("a delay", func(reply Reply) bool { return reply.Code/100 == 4 })
			r.setup(0, "postfix --remove")
			p.settle(t)
			p.reload(t)
			r.accepted()
			if now := p.postconf(t); now != values {
				t.Errorf("before:\n%s\nafter:\n%s", values, now)
			}
			if now := mustRead(t, main); now != was {
				t.Errorf("before:\n%s\nafter:\n%s", was, now)
			}
			r.setup(0, "postfix --remove", "nothing to remove")
			r.setup(1, "status --quiet")
			for _, name := range backups(t, main) {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestSetupKeepsOthers hooks up and takes out beside what others have, in a main.cf
// that is a link.
func TestSetupKeepsOthers(t *testing.T) {
	t.Parallel()
	p := bareFiles(t)
	main := p.path("etc", "main.cf")
	own := p.path("main.cf.own")
	if err := errors.Join(os.Rename(main, own), os.Symlink(own, main)); err != nil {
		t.Fatal(err)
	}
	const list = "smtpd_recipient_restrictions = permit_mynetworks\n  # by hand\n  check_policy_service { unix:private/spf, timeout=1s },\n  reject_unauth_destination, permit\n"
	change(t, own, "smtpd_recipient_restrictions = reject_unauth_destination\n", list+"smtpd_milters = $spam_milter\nspam_milter = inet:localhost:11332\n")
	change(t, p.path("etc", "master.cf"), " - - smtpd\n", " - - smtpd\n  -o smtpd_milters=\n")
	change(t, p.path("etc", "master.cf"), " 0 cleanup\n", " 0 cleanup\n  -o { non_smtpd_milters = inet:127.0.0.1:8465 }\n")
	if err := os.Chmod(own, 0o640); err != nil {
		t.Fatal(err)
	}
	was, values := mustRead(t, own), p.postconf(t)
	inet, err := freeAddresses("127.0.0.1", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), "", fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n[policy]\nlisten = [\"inet:%s\"]\n", inet[0], inet[1]),
		"--postfix-config", p.path("etc"))
	r.start()
	p.settle(t)
	r.setup(0, "postfix --apply --front both", "/inet by itself (-o), and this is not changed: smtpd_milters = \n",
		"+ smtpd_milters = $spam_milter, { inet:"+inet[0]+", ",
		"tlswarden.toml\n", "not asked about mail of your own clients and users, as it stands behind permit_mynetworks;")
	const put = "permit_mynetworks\n  # by hand\n  check_policy_service { inet:%s, timeout=15s, default_action=DEFER_IF_PERMIT },\n  check_policy_service { unix:private/spf"
	if now := mustRead(t, own); !strings.Contains(now, fmt.Sprintf(put, inet[1])) {
		t.Errorf("it is put elsewhere:\n%s", now)
	}
	// Nobody has the configuration any more, but for what can be made out in it.
	if err := os.WriteFile(r.config, []byte("[milter\n"+mustRead(t, r.config)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.setup(1, "postfix", configName+":1: error: ")
	r.setup(4, "status", "main.cf: smtpd_milters = inet:localhost:11332, { inet:"+inet[0], "cleanup/unix: non_smtpd_milters = inet:127.0.0.1:8465\n",
		"/inet of master.cf: it has -o smtpd_milters= there", "Postfix: nothing answers at inet:127.0.0.1:8465")
	hooked := mustRead(t, own)
	r.setup(1, "postfix --remove --dry-run", "nothing is changed yet: without --dry-run it is", "- smtpd_milters = $spam_milter, {")
	if mustRead(t, own) != hooked {
		t.Fatal("showing the removal makes it")
	}
	r.setup(1, "postfix --remove", "cleanup/unix: non_smtpd_milters still asks tlswarden, and is to be changed by hand\n")
	if now := p.postconf(t); now != values || mustRead(t, own) != was {
		t.Errorf("before:\n%s\nafter:\n%s", values, now)
	}
	change(t, own, "spam_milter = ", "spam_milter = inet:127.0.0.1:8465, ")
	change(t, own, "smtpd_milters = ", "smtpd_milters = unix:warden, inet:localhost:8465, ")
	r.setup(1, "postfix --remove", "+ smtpd_milters = unix:warden, $spam_milter\n", "tlswarden: main.cf: smtpd_milters still asks tlswarden")
	info, err := os.Lstat(main)
	if err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link is %v (%v)", info.Mode(), err)
	}
	for _, name := range append(backups(t, own), own) {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

// TestSetupRestores shows that what "postfix check" refuses is undone, with what it
// said, and that a last line without an end is no harm.
func TestSetupRestores(t *testing.T) {
	t.Parallel()
	p := bareFiles(t)
	main := p.path("etc", "main.cf")
	r := newSetupRig(t, buildDaemon(t), "", "", "--postfix-config", p.path("etc"))
	inet, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	change(t, r.config, "rules = [\"rules.toml\"]\n", "rules = [\"rules.toml\"]\n[milter]\nlisten = [\"inet:"+inet+"\"]\n")
	r.start()
	good := mustRead(t, main)
	for _, tail := range []string{"default_process_limit = many\n", "default_process_limit = many"} {
		if err := os.WriteFile(main, []byte(good+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		r.setup(1, "postfix --apply", "tlswarden: postfix check: exit status 1\n", "default_process_limit", "main.cf is as it was\n")
		if now := mustRead(t, main); now != good+tail || len(backups(t, main)) > 0 {
			t.Errorf("it is not as it was:\n%s\n%q", now, backups(t, main))
		}
	}
	unended := good + "default_process_limit = 99"
	if err := os.WriteFile(main, []byte(unended), 0o644); err != nil {
		t.Fatal(err)
	}
	r.setup(0, "postfix --apply")
	r.setup(1, "postfix --front policy", "tlswarden: the configuration has no [policy]\n")
	r.setup(0, "postfix --remove")
	if now := mustRead(t, main); now != unended {
		t.Errorf("it is not as it was:\n%q", now)
	}
	// A main.cf that Postfix does not read is left alone.
	if err := os.WriteFile(main, []byte(good+"no parameter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.setup(1, "postfix --apply", "missing '=' after attribute name")
	r.setup(3, "status", "Postfix cannot be looked at: postconf: fatal: ")
}
