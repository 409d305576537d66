package mtatest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// otherDomain defers recipients in plaintext of another domain: one whose domain is
// unknown, too, as it could be of that one.
const otherDomain = `judge_local = true
[[rule]]
name = "another domain"
when = { recipient_domain = "example.org" }
require = "any-tls"
otherwise = "defer"
`

// TestSetupKeys shows that the policy service does not know the domain of an address
// without one before "tlswarden setup" has asked Postfix for it, and that status
// warns when Postfix takes another.
func TestSetupKeys(t *testing.T) {
	t.Parallel()
	p := bare(t)
	main, mailname := p.path("etc", "main.cf"), p.path("mailname")
	address, err := p.Address("smtp", FrontNone)
	if err != nil {
		t.Fatal(err)
	}
	inet, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mailname, []byte(Domain+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), address, "[policy]\nlisten = [ # one\n  \"inet:"+inet+"\",\n]\n", "--postfix-config", p.path("etc"))
	r.recipient = "b"
	r.accepted() // master(8) dies of a reload before it answers
	change(t, main, "myorigin = $mydomain", "myorigin = "+mailname)
	p.settle(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.config), "rules.toml"), []byte(otherDomain), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	was := mustRead(t, r.config)
	const told = `origin = "example.com", append_dot_mydomain = true, mydomain = "example.com", proxy_filter = true },`
	r.setup(0, "postfix --front policy", "-   \"inet:"+inet+"\",\n+   { address = \"inet:"+inet+"\", "+told+"\n", "systemctl restart tlswarden")
	if mustRead(t, r.config) != was {
		t.Fatal("showing the change makes it")
	}
	r.setup(0, "postfix --front policy --apply", told)
	if kept := backups(t, r.config); len(kept) != 1 || mustRead(t, kept[0]) != was {
		t.Errorf("the backups are %q", kept)
	}
	p.settle(t)
	p.reload(t)
	r.judged() // by what the daemon was started with
	r.stop()
	r.start()
	r.accepted()
	if said := r.setup(0, "status"); strings.Contains(said, "warning") {
		t.Errorf("what is right is warned of:\n%s", said)
	}
	if err := errors.Join(os.WriteFile(mailname, []byte("example.net\n"), 0o644),
		exec.Command("postconf", "-c", p.path("etc"), "-e", "append_dot_mydomain = no", "swap_bangpath = no").Run()); err != nil {
		t.Fatal(err)
	}
	p.settle(t)
	r.setup(0, "status", "tlswarden: warning: "+r.config+" no longer matches how Postfix reads addresses", "Postfix asks tlswarden: main.cf: ")
	if r.setup(0, "status --quiet") != "" {
		t.Error("status --quiet prints something")
	}
	r.setup(0, "postfix --front policy --apply", "nothing to change: Postfix asks tlswarden already\n",
		`, origin = "example.net", append_dot_mydomain = false, mydomain = "example.com", proxy_filter = true, swap_bangpath = false },`)
	r.setup(0, "postfix --remove")
	if now := mustRead(t, r.config); !strings.Contains(now, "example.net") {
		t.Errorf("the keys went, too:\n%s", now)
	}
}

// TestSetupKeysTogether shows that nothing is changed at all if Postfix does not take
// its part.
func TestSetupKeysTogether(t *testing.T) {
	t.Parallel()
	p := bareFiles(t)
	inet, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), "", "[policy]\nlisten = [\"inet:"+inet+"\"]\n", "--postfix-config", p.path("etc"))
	r.start()
	change(t, p.path("etc", "main.cf"), "mynetworks = ", "default_process_limit = many\nmynetworks = ")
	p.settle(t)
	was := mustRead(t, r.config)
	r.setup(1, "postfix --front policy --apply", "tlswarden: postfix check: exit status 1\n")
	if now := mustRead(t, r.config); now != was || len(backups(t, r.config)) > 0 {
		t.Errorf("it is not as it was:\n%s\n%q", now, backups(t, r.config))
	}
}

// TestSetupSendmailKeys shows that setup takes Sendmail's one domain for that of
// addresses without one, and leaves the choice among several to the administrator.
func TestSetupSendmailKeys(t *testing.T) {
	t.Parallel()
	s := bareSendmail(t)
	mc := s.path("sendmail.mc")
	r, four := sendmailRig(t, s)
	r.start()
	const several = "for Sendmail delivers them in each of its domains (" + Domain + ", " + HostName + "): write "
	r.setup(0, "sendmail", "tlswarden: warning: the domain of addresses that have none stays unknown, "+several)
	change(t, mc, "Cw"+Domain+"\n", "DRrelay.example.net\n")
	r.setup(0, "sendmail", "stays unknown: Sendmail hands them to relay.example.net (LOCAL_RELAY)")
	change(t, mc, "DRrelay.example.net\n", "")
	r.setup(0, "sendmail --apply", "+ listen = [{ address = \"inet:"+four+"\", origin = \""+HostName+"\" }]\n")
	r.stop()
	r.start()
	change(t, mc, "LOCAL_CONFIG\n", "LOCAL_CONFIG\nCw"+Domain+"\n")
	if said := r.setup(0, "sendmail", "nothing to change: Sendmail asks tlswarden already"); strings.Contains(said, "warning") {
		t.Errorf("an entry that has an origin is warned of:\n%s", said)
	}
}
