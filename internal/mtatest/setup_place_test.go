package mtatest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tlswarden/internal/testkit"
)

// ending are values of smtpd_recipient_restrictions in which something ends the list
// for mail from outside, and behind ";" what else main.cf then has.
var ending = map[string]string{
	"permit_auth_destination": "permit_mynetworks, permit_sasl_authenticated, permit_auth_destination, reject\n",
	"lines and comments":      "\n  permit_mynetworks,\n# theirs\n   reject_unauth_destination\n\n   # mine\n\tpermit_auth_destination  ,\n   reject\n",
	"permit_mx_backup":        "permit_mx_backup, reject_unauth_destination\n",
	"a table":                 "reject_unauth_destination,check_client_access cidr:$ROOT/clients, permit\n",
	"a table of any client":   "check_client_access static:OK reject_unauth_destination\n",
	"a table in braces":       "reject_unauth_destination, check_client_access inline:{ { 127.0.0.1 = OK } }, permit\n",
	"another service":         "reject_unauth_destination, check_policy_service { inet:$OTHER, timeout=5s, default_action=OK }\n",
	"a class":                 "permit_mynetworks, ours, reject;smtpd_restriction_classes = ours\nours = reject_unauth_destination, permit_auth_destination\n",
	"a parameter":             "permit_mynetworks, ${ours}, reject;ours = reject_unauth_destination, Permit\n",
	"an argument elsewhere":   "reject_unauth_destination, $ours cidr:$ROOT/clients, reject;ours = check_client_access\n",
	"warn_if_reject":          "reject_unauth_destination, warn_if_reject permit\n",
}

// TestSetupPlace shows with a real Postfix that mail from outside comes to the policy
// service, whatever ends the list; that status sees when it does not, and setup mends
// that; and that main.cf is as it was in the end.
func TestSetupPlace(t *testing.T) {
	t.Parallel()
	p := bare(t)
	main := p.path("etc", "main.cf")
	address, err := p.Address("smtp", FrontNone)
	if err != nil {
		t.Fatal(err)
	}
	inet, err := freeAddresses("127.0.0.1", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("clients"), []byte("127.0.0.1 OK\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), address, "[policy]\nlisten = [\"inet:"+inet[0]+"\"]\n", "--postfix-config", p.path("etc"))
	r.start()
	const list = "smtpd_recipient_restrictions = reject_unauth_destination\n"
	plain := mustRead(t, main)
	if !strings.Contains(plain, list) {
		t.Fatalf("main.cf lacks %q", list)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p.settle(t)
		p.reload(t)
	}
	for name, value := range ending {
		t.Run(name, func(t *testing.T) {
			r.t = t
			value = strings.NewReplacer("$ROOT", p.path("."), "$OTHER", inet[1]).Replace(value)
			was := strings.Replace(plain, list, "smtpd_recipient_restrictions = "+strings.Replace(value, ";", "\n", 1), 1)
			write(was)
			r.setup(0, "postfix --front policy --apply")
			p.settle(t)
			p.reload(t)
			r.judged()
			r.setup(0, "status", "Postfix asks tlswarden: main.cf: smtpd_recipient_restrictions = ")
			r.setup(0, "postfix --front policy --apply", "nothing to change: Postfix asks tlswarden already")
			r.setup(0, "postfix --remove")
			if now := mustRead(t, main); now != was {
				t.Fatalf("before:\n%s\nafter:\n%s", was, now)
			}
			// By hand, where it is not asked, or not always.
			value, rest, _ := strings.Cut(strings.TrimSuffix(value, "\n"), ";")
			behind := value + ", check_policy_service inet:" + inet[0] + "\n" + rest
			if rest != "" {
				behind += "\n"
			}
			write(strings.Replace(plain, list, "smtpd_recipient_restrictions = "+behind, 1))
			r.accepted()
			if strings.Contains(value, inet[1]) { // the list does not end there
				r.setup(0, "status", "tlswarden: warning: main.cf: smtpd_recipient_restrictions: tlswarden is not asked about mail that check_")
				return
			}
			r.setup(1, "status", "Postfix does not ask tlswarden\n", "Postfix: the policy service is not asked at ", address+"/inet, ", " of master.cf: main.cf: smtpd_recipient_restrictions: ",
				" ends smtpd_recipient_restrictions before it for mail from outside; see \"tlswarden setup postfix --front policy --postfix-config "+p.path("etc")+"\"\n")
			r.setup(0, "postfix --front policy --apply", "+ ")
			p.settle(t)
			r.setup(0, "status", "Postfix asks tlswarden: main.cf: smtpd_recipient_restrictions = ")
		})
	}
}

// byHand are ways by which an admin may have a real Postfix ask, behind the shipped
// main.cf: what comes of a mail in plaintext, and what status says.
var byHand = map[string]struct {
	lines  string // $PORT and $ASK: ours
	judged bool
	code   int
	status string
	again  string // what setup says of it, if that changes nothing
}{
	"asked at MAIL":             {"smtpd_delay_reject = no\nsmtpd_sender_restrictions = $ASK\n", false, 1, "smtpd_delay_reject = no has Postfix ask before RCPT, where tlswarden decides nothing; see \"tlswarden setup postfix", ""},
	"asked at connect, late":    {"smtpd_client_restrictions = $ASK\n", true, 0, "Postfix asks tlswarden: main.cf: smtpd_client_restrictions", "nothing to change"},
	"a class that nobody names": {"smtpd_restriction_classes = tls\ntls = $ASK\n", false, 1, "Postfix does not ask tlswarden\n", ""},
	"a class of any client":     {"smtpd_restriction_classes = tls\ntls = $ASK\nsmtpd_sender_restrictions = check_client_access static:tls\n", true, 0, "Postfix asks tlswarden: main.cf: smtpd_sender_restrictions", "nothing to change"},
	"without a host":            {"smtpd_relay_restrictions = permit_mynetworks, check_policy_service inet:$PORT\n", true, 0, "Postfix asks tlswarden: main.cf: smtpd_relay_restrictions", "nothing to change"},
	"its refusals not obeyed":   {"smtpd_sender_restrictions = warn_if_reject $ASK\n", false, 4, "warn_if_reject in front of it makes Postfix log what tlswarden refuses, and accept it", ""},
}

// TestSetupByHand shows with a real Postfix that status tells whether what an admin
// wrote has tlswarden decide, and that setup adds nothing where it does.
func TestSetupByHand(t *testing.T) {
	t.Parallel()
	p := bare(t)
	main := p.path("etc", "main.cf")
	address, err := p.Address("smtp", FrontNone)
	if err != nil {
		t.Fatal(err)
	}
	inet, err := freeAddresses("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(inet[0], ":")
	r := newSetupRig(t, buildDaemon(t), address, "[policy]\nlisten = [\"inet:"+inet[0]+"\"]\n", "--postfix-config", p.path("etc"))
	r.start()
	plain := mustRead(t, main)
	for name, test := range byHand {
		t.Run(name, func(t *testing.T) {
			r.t = t
			was := plain + strings.NewReplacer("$PORT", port, "$ASK", "check_policy_service inet:"+inet[0]).Replace(test.lines)
			if err := os.WriteFile(main, []byte(was), 0o644); err != nil {
				t.Fatal(err)
			}
			p.settle(t)
			p.reload(t)
			if test.judged {
				r.judged()
			} else {
				r.accepted()
			}
			r.setup(test.code, "status", test.status)
			r.setup(0, "postfix --front policy --apply", test.again)
			p.settle(t)
			p.reload(t)
			r.judged()
			if now := mustRead(t, main); (now == was) != (test.again != "") {
				t.Errorf("before:\n%s\nafter:\n%s", was, now)
			}
		})
	}
}

// TestSetupNoPlace shows that nothing is changed where the policy service would not be
// asked, or for the wrong mail.
func TestSetupNoPlace(t *testing.T) {
	t.Parallel()
	p := bareFiles(t)
	main, master := p.path("etc", "main.cf"), p.path("etc", "master.cf")
	inet, err := testkit.FreeAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), "", "[policy]\nlisten = [\"inet:"+inet+"\"]\n", "--postfix-config", p.path("etc"))
	r.start()
	change(t, main, "smtpd_recipient_restrictions = reject_unauth_destination\n",
		"usual = permit_mynetworks, reject_unauth_destination, permit\nsmtpd_recipient_restrictions = $usual\n")
	p.settle(t)
	was := mustRead(t, main)
	r.setup(1, "postfix --front policy --apply", `tlswarden: smtpd_recipient_restrictions: "permit" ends the list for mail from outside, and comes from $usual, `,
		`write into $usual, in front of "permit": check_policy_service { inet:`+inet+`, `)
	if now := mustRead(t, main); now != was || len(backups(t, main)) > 0 {
		t.Errorf("it is not as it was:\n%s", now)
	}
	change(t, main, "destination, permit", "destination, check_policy_service { inet:"+inet+", timeout=15s }, permit")
	p.settle(t)
	r.setup(0, "postfix --front policy --apply", "nothing to change: Postfix asks tlswarden already")
	r.setup(0, "status", "Postfix asks tlswarden: main.cf: smtpd_recipient_restrictions = permit_mynetworks, ")

	if err := os.WriteFile(master, []byte(strings.ReplaceAll(mustRead(t, master), " - - smtpd\n", " - - smtpd\n  -o smtpd_recipient_restrictions=permit\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	p.settle(t)
	was = mustRead(t, main)
	r.setup(1, "postfix --front policy --apply", "tlswarden: main.cf is not changed, as no smtpd of master.cf would follow it: the policy service is not asked at ",
		"/inet of master.cf: it has -o smtpd_recipient_restrictions=permit there, in the place of what main.cf has; to take that out, type postconf -c "+p.path("etc")+" -PX ")
	said := r.setup(1, "status", "Postfix does not ask tlswarden\n", "/inet of master.cf: it has -o smtpd_recipient_restrictions=permit there")
	if mustRead(t, main) != was {
		t.Error("main.cf was changed")
	}
	_, command, _ := strings.Cut(said, "to take that out, type ")
	command, _, _ = strings.Cut(command, "\n")
	if _, file, ok := strings.Cut(command, " -PX "); !ok || !strings.HasSuffix(file, "/inet/smtpd_recipient_restrictions") {
		t.Errorf("what is to be typed is %q", command)
	}
}

// TestSetupStatus shows what status says of a Postfix whose services do not all follow
// main.cf, and of a daemon that does not run.
func TestSetupStatus(t *testing.T) {
	t.Parallel()
	p := bareFiles(t)
	master := p.path("etc", "master.cf")
	inet, err := freeAddresses("127.0.0.1", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newSetupRig(t, buildDaemon(t), "", fmt.Sprintf("[milter]\nlisten = [\"inet:%s\"]\n[policy]\nlisten = [\"inet:%s\"]\n", inet[0], inet[1]), "--postfix-config", p.path("etc"))
	r.start()
	services := func(lines string) {
		t.Helper()
		if err := os.WriteFile(master, []byte(lines+strings.ReplaceAll(masterBase, "$ROOT", p.path("."))), 0o644); err != nil {
			t.Fatal(err)
		}
		p.settle(t)
	}
	services("smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n")
	p.settle(t)
	r.setup(0, "postfix --front both --apply")
	p.settle(t)
	if said := r.setup(0, "status"); strings.Contains(said, "not ") {
		t.Errorf("all is well:\n%s", said)
	}
	for _, test := range []struct {
		code        int
		lines, want string
	}{
		{4, "smtp inet n - n - - smtpd\n  -o smtpd_milters=\nsubmission inet n - n - - smtpd\n", "Postfix: the milter is not asked at smtp/inet of master.cf: it has -o smtpd_milters= there"},
		{4, "smtp inet n - n - - smtpd -o smtpd_milters=\n", "Postfix: the milter is not asked at smtp/inet of master.cf: it has -o smtpd_milters= there"},
		{4, "smtp inet n - n - - smtpd\n  -o { receive_override_options = no_address_mappings, no_milters }\nsubmission inet n - n - - smtpd\n", "Postfix: the milter is not asked at smtp/inet of master.cf: main.cf: smtpd_milters: receive_override_options has no_milters"},
		{4, "smtp inet n - n - - postscreen\nsmtpd pass - - n - - smtpd\n  -o smtpd_recipient_restrictions=reject_unauth_destination\n", "Postfix: the policy service is not asked at smtpd/pass of master.cf: it has -o smtpd_recipient_restrictions=reject_unauth_destination there"},
		{4, "smtp inet n - n - - smtpd\n  -o smtpd_milter_maps=static:DISABLE\nsubmission inet n - n - - smtpd\n", "smtpd_milter_maps = static:DISABLE lets no client's mail be asked about"},
		{0, "smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n  -o smtpd_milters= -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n", "Postfix: the milter is not asked at submission/inet of master.cf"},
		{0, "smtp inet n - n - - smtpd\n127.0.0.1:10025 inet n - n - - smtpd\n  -o receive_override_options=no_milters\n", "Postfix: the milter is not asked at 127.0.0.1:10025/inet of master.cf"},
	} {
		services(test.lines)
		r.setup(test.code, "status", test.want)
	}
	services("smtp inet n - n - - smtpd\n  -o smtpd_milters= -o smtpd_recipient_restrictions=\n")
	said := r.setup(1, "status", "Postfix does not ask tlswarden\n", "the milter is not asked at smtp/inet of master.cf", "the policy service is not asked at smtp/inet of master.cf")
	if strings.Contains(said, "asks tlswarden") {
		t.Errorf("nothing is asked:\n%s", said)
	}
	services("smtp inet n - n - - smtpd\n")
	r.stop()
	r.setup(4, "status", "Postfix asks tlswarden: main.cf: smtpd_milters = ", "Postfix: nothing answers at inet:"+inet[0]+": ", "Postfix: nothing answers at inet:"+inet[1]+": ",
		"; start tlswarden, such as by systemctl start tlswarden\n")
	if r.setup(4, "status --quiet") != "" {
		t.Error("status --quiet prints something")
	}
}
