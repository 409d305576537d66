package mtatest

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAddressesAgree shows that the policy service takes no address for another
// mailbox than Postfix itself, whose word the milter has: it knows the same one, or
// none.
func TestAddressesAgree(t *testing.T) {
	certs, err := NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	lab := openLab(t, "postfix", certs)
	const told = `origin = "example.com", append_dot_mydomain = true, mydomain = "example.com"`
	theirs := senders(t, lab, FrontMilter, "")
	for _, listen := range []string{"", told} {
		ours := senders(t, lab, FrontPolicy, listen)
		for i, address := range addressForms() {
			mine, postfix := ours[i], theirs[i]
			excused := mine == "unknown" && (listen == "" || open.MatchString(address))
			if !excused && !strings.EqualFold(mine, postfix) {
				t.Errorf("listen %q: MAIL FROM:%s is %q to the policy service, and %q to Postfix", listen, address, mine, postfix)
			}
		}
	}
}

// open are the addresses that may be unknown though all is told: routes at the
// domain of somebody, or to a name with a dot at its end, and address literals.
var open = regexp.MustCompile(`[!%@].*@|%.*!|!.*%|!.*!|%.*%|[[0-9]>$|[!%].*[.]>$`)

// addressForms are ways to write a path.
func addressForms() []string {
	var forms []string
	for _, local := range []string{"u", "u+x", `"u"`, `"u v"`, "h.example!u", "h!u", "u%h.example", "u%h", "u%g.example%h.example",
		"g.example!h.example!u", "h.example!u%g.example", "h.!u", "u%h.", "u%h.example.", `"h.example!u"`, `"u%h.example"`, `"u@h.example"`, "!u", "u%"} {
		for _, domain := range []string{"", "@", "@example.com", "@EXAMPLE.com.", "@d.example", "@d", "@d.", "@mx", "@[127.0.0.1]", "@[192.0.2.1]", "@[IPv6:::1]", "@127.0.0.1"} {
			forms = append(forms, "<"+local+domain+">", "<@r.example:"+local+domain+">")
		}
	}
	return forms
}

// senders sends mail from each of the forms, and returns what the log has for a
// sender, "unknown" if its domain is, and "" where the server took no such mail.
func senders(t *testing.T, lab *Lab, front, listen string) []string {
	t.Helper()
	// All mail is deferred, as no TLS was seen, so that Postfix opens no queue file:
	// after many of them it takes a second for each (in_flow_delay).
	const rules = `judge_local = true
[[rule]]
name   = "all"
when   = { sender_domain = "/^/" }
action = "reject"
`
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	daemon, err := lab.StartDaemon(ctx, DaemonConfig{Program: buildDaemon(t), Dir: t.TempDir(), Front: front, Listen: listen,
		Files: map[string]string{"rules.toml": rules}})
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for i, form := range addressForms() {
		if i%8 == 0 { // before Postfix has had enough of errors
			script.WriteString("connect\nEHLO client.example.org\n")
		}
		fmt.Fprintf(&script, "MAIL FROM:%s => xxx\nRCPT TO:<r%d@example.com> => xxx\nRSET\n", form, i)
	}
	if err := lab.Talk(ctx, "smtp", front, script.String(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if err := lab.StopDaemon(daemon); err != nil {
		t.Fatal(err)
	}
	found := make([]string, len(addressForms()))
	for _, line := range strings.Split(daemon.Log(), "\n") {
		if m := decided.FindStringSubmatch(line); m != nil {
			var i int
			fmt.Sscan(m[2], &i)
			if found[i] = strings.Trim(m[1], `"`); openly.MatchString(line) {
				found[i] = "unknown"
			}
		}
	}
	return found
}

var decided = regexp.MustCompile(`msg=decision .* sender=("(?:[^"\\]|\\.)*"|\S+) recipient=r(\d+)@`)

// openly is in a line whose address leaves the mailbox open.
var openly = regexp.MustCompile(`softened=[a-z_,]*address`)
