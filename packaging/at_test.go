package packaging

import "testing"

// TestAt shows that the snippets with their own address are the snippets, and
// that another takes its place and changes nothing else.
func TestAt(t *testing.T) {
	for got, want := range map[string]string{
		"smtpd_milters = " + PostfixMilterAt("inet:"+MilterAddress): PostfixMilter(),
		PostfixPolicyAt("inet:" + PolicyAddress):                    PostfixPolicy(),
		SendmailMilterAt("inet:8465@127.0.0.1"):                     SendmailMilter(),
		PostfixMilterAt("unix:tlswarden/milter"):                    "{ unix:tlswarden/milter, connect_timeout=5s, command_timeout=15s, default_action=tempfail }",
		PostfixPolicyAt("inet:[::1]:7"):                             "check_policy_service { inet:[::1]:7, timeout=15s, default_action=DEFER_IF_PERMIT }",
		SendmailMilterAt("local:/run/tlswarden/milter"):             "INPUT_MAIL_FILTER(`tlswarden', `S=local:/run/tlswarden/milter, F=T, T=C:15s;S:10s;R:10s;E:1m')",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
