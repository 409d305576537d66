package setup

import (
	"strings"
	"testing"
)

// someClasses are restriction classes of the tests.
var someClasses = classes{
	"strict":  "reject_unknown_client_hostname, reject_rbl_client zen.example",
	"mine":    "permit_mynetworks, permit_sasl_authenticated",
	"usual":   "permit_mynetworks, reject_unauth_destination, permit",
	"outside": "reject_unauth_destination, Permit_Auth_Destination",
	"nested":  "outside",
	"loop":    "loop, loop",
}

// TestPlace shows where the policy service goes in a list: "@" is that place. Behind
// a $parameter stands what it is filled in with.
func TestPlace(t *testing.T) {
	for _, test := range []string{
		"@",
		"reject_unauth_destination @",
		"permit_mynetworks reject_unauth_destination @ permit",
		"permit_mynetworks, permit_sasl_authenticated, @ permit_auth_destination, reject",
		"permit_mynetworks, @ PERMIT_MX_BACKUP, reject_unauth_destination",
		"@ permit",
		"@ reject",
		"a @ defer",
		"a, warn_if_reject reject @",
		"a, @ warn_if_reject permit",
		"a, @ warn_if_reject warn_if_reject permit, b",
		"defer_if_permit, defer_if_reject, reject_plaintext_session, sleep 5 @",
		"permit_tls_clientcerts, permit_tls_all_clientcerts, permit_inet_interfaces, check_sasl_access hash:/x @ permit",
		"reject_rbl_client permit, reject_rhsbl_sender permit, reject_rbl_client hash:x @ permit",
		"reject_unauth_destination @ check_client_access hash:/x, reject_rbl_client zen.example, permit",
		"reject_unauth_destination, @ check_policy_service unix:private/spf, permit",
		"reject_unauth_destination, @ check_policy_service { unix:x, timeout=1s }",
		"reject_unauth_destination, @ permit_dnswl_client list.example, permit",
		"reject_unauth_destination, @ hash:/etc/postfix/access, reject",
		"reject_unauth_destination, @ { pcre:{{/x/ OK}}, y }, reject",
		"@ check_recipient_access static:OK, reject_unauth_destination",
		"@ check_recipient_access static:{550 no}, reject_unauth_destination",
		"@ check_recipient_access { static:ok }, reject_unauth_destination",
		"check_recipient_access static:DUNNO, check_helo_access static:{prepend X-A: b}, check_client_access static:strict @ permit",
		"@ check_recipient_access static:outside, reject_unauth_destination",
		"check_sender_mx_access hash:/x, check_helo_ns_access hash:/x, check_client_a_access hash:/x, check_reverse_client_hostname_access hash:/x @ permit",
		"strict, mine @ permit",
		"strict, mine, @ outside, permit",
		"strict, @ nested",
		"strict, loop @",
		"a $two={permit_mynetworks,a} @ permit",
		"a @ $two={reject_unauth_destination,permit}",
		"a @ $name=check_client_access $table=hash:/x b",
		"a @ check_client_access $table={hash:/x,permit} b",
		"a $name=sleep $more={5,b} @ permit",
		"a $none= @ permit",
		"$mixed={permit_mynetworks,check_client_access,hash:/x,reject_unauth_destination} @ permit",
	} {
		before, behind, _ := strings.Cut(test, "@")
		_, there := filledIn(before)
		list, tokens := filledIn(before + behind)
		want := len(there)
		if got, err := place("x", list, tokens, someClasses, "entry"); err != nil || got != want {
			t.Errorf("%s: before %d, not %d (%v)", test, got, want, err)
		}
	}
}

// filledIn are the words of a value in which $name={a,b} stands for a and b.
func filledIn(value string) ([]word, []token) {
	var list []word
	var tokens []token
	for i, t := range tokensOf(value) {
		name, filled, _ := strings.Cut(t.text, "=")
		if name[0] == '$' {
			filled = strings.Trim(filled, "{}")
		} else {
			name, filled = t.text, t.text
		}
		tokens = append(tokens, token{text: name})
		for _, w := range words(filled) {
			list = append(list, word{w, i})
		}
	}
	return list, tokens
}

// TestPlaceRefused shows what is said where there is no place for it.
func TestPlaceRefused(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{"a $std={permit_mynetworks,reject_unauth_destination,permit}", `x: "permit" ends the list for mail from outside, and comes from $std, as does what permits your own clients before it; ` +
			`tlswarden must be asked between the two: write into $std, in front of "permit": entry, and then run this command again`},
		{"usual, b", `x: "permit" ends the list for mail from outside, and comes from usual, `},
	} {
		list, tokens := filledIn(test.value)
		if at, err := place("x", list, tokens, someClasses, "entry"); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %d %v", test.value, at, err)
		}
	}
}

// TestWays shows by what a service asks, and why not.
func TestWays(t *testing.T) {
	const ours = "check_policy_service inet:127.0.0.1:8465"
	for _, test := range []struct {
		front  string
		values string // of parameters, a line each
		want   string // in what is told
	}{
		{Policy, "smtpd_recipient_restrictions = reject_unauth_destination, " + ours, "asks"},
		{Policy, "smtpd_recipient_restrictions = permit_mynetworks, " + ours, "asks; own: permit_mynetworks"},
		{Policy, "smtpd_recipient_restrictions = permit_auth_destination, " + ours, `not: "permit_auth_destination" ends smtpd_recipient_restrictions before it for mail from outside`},
		{Policy, "smtpd_recipient_restrictions = reject, " + ours, `not: "reject" ends`},
		{Policy, "smtpd_recipient_restrictions = check_client_access static:OK, " + ours, `not: "check_client_access static:OK" ends`},
		{Policy, "smtpd_recipient_restrictions = check_client_access hash:/x, check_policy_service unix:spf, " + ours, "asks; picked: check_client_access hash:/x and check_policy_service unix:spf"},
		{Policy, "smtpd_recipient_restrictions = warn_if_reject " + ours, "asks; disarmed"},
		{Policy, "smtpd_relay_restrictions = permit_mynetworks, permit, " + ours, `not: "permit" ends smtpd_relay_restrictions`},
		{Policy, "smtpd_client_restrictions = permit_mynetworks, reject\nsmtpd_data_restrictions = " + ours, "asks"},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_sender_restrictions = tls, permit", "asks"},
		{Policy, "smtpd_restriction_classes = tls\ntls = permit_mx_backup, " + ours + "\nsmtpd_sender_restrictions = tls", `not: "permit_mx_backup" ends smtpd_sender_restrictions`},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = check_client_access hash:/x", "asks; picked: a table without the class tls"},
		{Policy, "smtpd_restriction_classes = a\na = permit\nsmtpd_helo_restrictions = a, " + ours, `not: "permit" ends smtpd_helo_restrictions`},
		{Policy, "tls = " + ours, ""},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination", ""},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = permit, check_client_access hash:/x", ""},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_relay_restrictions = check_policy_service unix:spf", "asks; picked: a table without the class tls"},
		{Policy, "smtpd_restriction_classes = tls, b\ntls = " + ours + "\nb = hash:/x\nsmtpd_relay_restrictions = b", "asks; picked: a table without the class tls"},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = check_client_access static:tls", "asks"},
		{Policy, "smtpd_restriction_classes = tls\ntls = permit_mynetworks, " + ours + "\nsmtpd_recipient_restrictions = check_client_access static:{sleep 1, tls}, permit", "asks; own: permit_mynetworks"},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = check_client_access static:DUNNO, check_sender_access {static:550 no}", ""},
		{Policy, "smtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_recipient_restrictions = check_client_access static:REJECT, hash:/x", ""},
		{Policy, "smtpd_delay_reject = no\nsmtpd_sender_restrictions = " + ours, "not: smtpd_delay_reject = no has Postfix ask before RCPT"},
		{Policy, "smtpd_delay_reject = NO\nsmtpd_client_restrictions = sleep 1, " + ours, "not: smtpd_delay_reject = no has Postfix ask before RCPT"},
		{Policy, "smtpd_delay_reject = no\nsmtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_helo_restrictions = tls", "not: smtpd_delay_reject = no has Postfix ask before RCPT"},
		{Policy, "smtpd_delay_reject = no\nsmtpd_restriction_classes = tls\ntls = " + ours + "\nsmtpd_helo_restrictions = hash:/x", ""},
		{Policy, "smtpd_delay_reject = no\nsmtpd_relay_restrictions = " + ours, "asks"},
		{Policy, "smtpd_delay_reject = yes\nsmtpd_sender_restrictions = " + ours, "asks"},
		{Policy, "smtpd_milters = inet:127.0.0.1:8465", ""},
		{Milter, "smtpd_milters = unix:x, { inet:127.0.0.1:8465, x = y }", "asks"},
		{Milter, "smtpd_milters = unix:x", ""},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nreceive_override_options = no_address_mappings, no_milters", "not: receive_override_options has no_milters"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nsmtpd_milter_maps = static:DISABLE", "not: smtpd_milter_maps = static:DISABLE lets"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nsmtpd_milter_maps = static:unix:x", "not: smtpd_milter_maps = static:unix:x takes its place"},
		{Milter, "smtpd_milters = unix:x\nsmtpd_milter_maps = static:{inet:127.0.0.1:8465, unix:x}", "asks"},
		{Milter, "smtpd_milters = inet:127.0.0.1:8465\nsmtpd_milter_maps = cidr:/x", "asks; picked: smtpd_milter_maps"},
	} {
		sv := service{values: map[string]string{}}
		for line := range strings.Lines(test.values) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
			sv.values[name] = value
		}
		if got := told(sv.ways(test.front, ourAddress)); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, not %q", test.values, got, test.want)
		}
	}
}

// told is one way, in short.
func told(ways []way) string {
	if len(ways) == 0 {
		return ""
	}
	w := ways[0]
	if w.never != "" {
		return "not: " + w.never
	}
	out := "asks"
	if len(w.own) > 0 {
		out += "; own: " + and(w.own)
	}
	if len(w.picked) > 0 {
		out += "; picked: " + and(w.picked)
	}
	if w.disarmed {
		out += "; disarmed"
	}
	return out
}

// TestAside shows which services may do without tlswarden.
func TestAside(t *testing.T) {
	for name, want := range map[string]bool{
		"smtp/inet": false, "25/inet": false, "192.0.2.1:smtp/inet": false, "[2001:db8::1]:25/inet": false, "smtpd/pass": false, "2525/inet": false,
		"submission/inet": true, "submissions/inet": true, "192.0.2.1:465/inet": true, "127.0.0.1:10025/inet": true, "localhost:10025/inet": true, "[::1]:25/inet": true,
	} {
		if got := (service{name: name}).aside(); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
