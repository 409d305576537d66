package milter

import (
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"tlswarden/rules"
)

// TestWants shows what is asked of the MTA for which policy.
func TestWants(t *testing.T) {
	const always = milter.OptAddHeader | milter.OptSetSymList
	const never = milter.OptNoBody | milter.OptNoEOH | milter.OptNoData | milter.OptNoUnknown
	needing := func(condition string) *rules.Policy {
		return policyFrom(t, "message.trusted_authserv_ids = [\"mx.example.com\"]\n"+
			"[[rule]]\nname = \"r\"\naction = \"reject\"\nwhen = { "+condition+" }\n")
	}
	observing := policyOf(rules.Tag, rules.Quarantine).WithEnforce(rules.EnforceObserve)
	tests := []struct {
		name     string
		policy   *rules.Policy
		actions  milter.OptAction
		protocol milter.OptProtocol
	}{
		{"none", nil, always, never | milter.OptNoHeaders},
		{"reject", policyOf(rules.Reject), always, never | milter.OptNoHeaders},
		{"tag", policyOf(rules.Tag), always | milter.OptChangeHeader, never | milter.OptNoHeaderReply},
		{"quarantine", policyOf(rules.Quarantine), always | milter.OptQuarantine, never&^milter.OptNoData | milter.OptNoHeaders},
		{"observe", observing, always, never | milter.OptNoHeaders},
		{"results of others", needing(`message.dkim = "pass"`), always, never&^milter.OptNoData | milter.OptNoHeaderReply},
		{"TLS-Required", needing("message.tls_required_no = true"), always, never&^milter.OptNoData | milter.OptNoHeaderReply},
		{"encryption of the message", needing(`message.encrypted = "pgp"`), always, never&^(milter.OptNoBody|milter.OptNoData) | milter.OptNoHeaderReply | milter.OptSkip},
	}
	for _, test := range tests {
		got := wanted(test.policy)
		if got.version != 6 || got.actions != test.actions || got.protocol != test.protocol {
			t.Errorf("%s: wants %d %#x %#x, not %#x %#x", test.name, got.version, got.actions, got.protocol, test.actions, test.protocol)
		}
	}
}

// TestMacroLists shows that what is asked for is what is read, and that no list
// is longer than Sendmail takes (MAXFILTERMACROS).
func TestMacroLists(t *testing.T) {
	asked := make(map[string]bool)
	for st, names := range macroLists() {
		if len(names) > 50 {
			t.Errorf("stage %d has %d macros", st, len(names))
		}
		for _, name := range names {
			asked[name] = true
		}
	}
	for _, name := range strings.Fields("j v i {client_name} {client_ptr} {client_resolve} {client_connections} {daemon_name} " +
		"{daemon_addr} {daemon_port} {if_addr} {tls_version} {cipher} {cipher_bits} {tls_sni} {verify} {cert_subject} {cert_issuer} " +
		"{cn_subject} {cn_issuer} {cert_fp} {cert_md5} {auth_type} {auth_authen} {mail_addr} {mail_host} {mail_mailer}") {
		var m macros
		if m.field(name) == nil || !asked[name] {
			t.Errorf("%s: read %v, asked for %v", name, m.field(name) != nil, asked[name])
		}
	}
}
