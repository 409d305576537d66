package setup

import "testing"

// TestServices shows that a service has what master.cf sets for it, also where that is
// a part of what main.cf has, and that only smtpd(8) counts.
func TestServices(t *testing.T) {
	if _, err := find("postconf"); err != nil {
		t.Skip(err)
	}
	p, remove, err := copied([]byte("usual = reject_unauth_destination\nsmtpd_recipient_restrictions = $usual,\n  permit\nsmtpd_milters = inet:a.example:1\n"),
		[]byte("smtp inet n - n - - smtpd\n192.0.2.1:587 inet n - n - - smtpd -v\n  -o { usual = permit_sasl_authenticated, reject }\n  -o smtpd_milters=\nsmtp unix - - n - - smtp -o smtpd_milters=inet:b.example:1\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	all, err := (&site{Postfix: p}).services(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v %v", all, err)
	}
	for i, want := range []struct{ name, list, milters string }{
		{"smtp/inet", "reject_unauth_destination, permit", "inet:a.example:1"},
		{"192.0.2.1:587/inet", "permit_sasl_authenticated, reject, permit", ""},
	} {
		if sv := all[i]; sv.name != want.name || oneLine(sv.values["smtpd_recipient_restrictions"]) != want.list || sv.values["smtpd_milters"] != want.milters {
			t.Errorf("%+v, not %+v", sv, want)
		}
	}
	if s := all[1].setting("smtpd_milters"); s.where() != "master.cf: 192.0.2.1:587/inet: smtpd_milters" {
		t.Errorf("it is %s", s.where())
	}
}
