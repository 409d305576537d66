package pluginhost

import (
	"testing"

	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// TestSpelling shows that no recipient evades a rule on a plugin by how the client
// writes its address: neither by an extension, nor so that its mailbox is unknown.
func TestSpelling(t *testing.T) {
	const text = `
recipient_delimiter = "+-"
judge_local = true

[[rule]]
name      = "confidential"
when      = { plugin.stub.known = true }
require   = "rfc8996"
otherwise = "reject"
`
	by := rulefile.Load([]rulefile.Source{{Name: "rules.toml", Data: []byte(text)}}, rulefile.Options{}).Policy
	known := by.Supplied()
	for mode, verdicts := range map[string]map[string]rules.Action{
		"needs": {"strict@example.com": rules.Reject, "Strict-X+y@example.com": rules.Reject, "strict": rules.Defer, "other": rules.Defer, "other@example.com": rules.Accept},
		// It would answer without the address, which is what its answer depends on.
		"wants": {"strict@example.com": rules.Reject, "strict-x@example.com": rules.Reject, "strict": rules.Defer, "other@example.com": rules.Accept},
		// It says that its answer does not depend on the address.
		"peeks": {"strict": rules.Accept},
		// It needs the client, too, which is unknown however the address is written.
		"both": {"strict@example.com": rules.Accept, "strict": rules.Accept},
	} {
		r := started(t, config(t, mode))
		for recipient, want := range verdicts {
			for _, encrypted := range []bool{false, true} {
				s := sessionOf("example.org")
				s.SetRecipient(recipient)
				s.ListenerTLSSeen = rules.Known(true)
				s.SetPlaintext()
				if encrypted {
					s.SetTLS(rules.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"})
					want = rules.Accept
				}
				r.Ask(t.Context(), by, s, known)
				if v := by.Evaluate(s, 0); v.Action != want || v.Pending {
					t.Errorf("%s: %s, encrypted %v: %v, want %v", mode, recipient, encrypted, v.Action, want)
				}
			}
		}
	}
}
