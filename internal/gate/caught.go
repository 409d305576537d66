package gate

import (
	"fmt"
	"time"

	"tlswarden/rules"
)

// caught logs that the safety catch turned a reject into a defer.
func (g *Gate) caught(w *witness, s *rules.Session, why rules.Softening, now time.Time) {
	at := now.Unix()
	if w == nil {
		g.caughtNowhere(why, at)
		return
	}
	if why&rules.SoftNoTLSSeen != 0 && w.saidTLS.due(at) {
		g.log.Error("no encrypted session from such clients has been seen here "+g.watched(now)+", so their plaintext mail is deferred instead of rejected; is STARTTLS working on this server?", whereabouts(s, tlsHint)...)
	}
	if why&rules.SoftNoCertSeen != 0 && w.saidCert.due(at) {
		g.log.Error("no client certificate from such clients has been seen here "+g.watched(now)+", so their mail without one is deferred instead of rejected; does this server ask for certificates?", whereabouts(s, certHint)...)
	}
}

// What to look at next, by the kind of the clients and the server's port.
const (
	tlsHint = "on a %s client, using the server name that such clients use, run: openssl s_client -starttls smtp -connect NAME:%d. " +
		"If that fails there but works on the server itself, look for something in between, such as a firewall that strips STARTTLS; " +
		"if it fails on the server as well, check its certificate and key"
	certHint = "on a %s client, using the server name that such clients use, run: openssl s_client -starttls smtp -connect NAME:%d. " +
		"If it shows no \"Acceptable client certificate CA names\" and no \"Requested Signature Algorithms\", the server does not ask: set smtpd_tls_ask_ccert = yes in Postfix, or confCACERT in Sendmail"
)

// caughtNowhere is caught where the MTA does not tell who came where.
func (g *Gate) caughtNowhere(why rules.Softening, at int64) {
	const untold = "the mail server does not report its own address and port and the client's address, so nothing can show that "
	const hint = "Postfix tells the policy service all three since 3.2, and milters by the macros {daemon_addr} and {daemon_port}, Sendmail by {if_addr} and {daemon_port}"
	if why&rules.SoftNoTLSSeen != 0 && g.nowhere.saidTLS.due(at) {
		g.log.Error(untold+"STARTTLS works, and plaintext mail is deferred instead of rejected", "hint", hint)
	}
	if why&rules.SoftNoCertSeen != 0 && g.nowhere.saidCert.due(at) {
		g.log.Error(untold+"it asks for client certificates, and mail without one is deferred instead of rejected", "hint", hint)
	}
}

// whereabouts names the kind of a session's client, where it came to, and what to
// look at there.
func whereabouts(s *rules.Session, hint string) []any {
	where, _ := placeOf(s)
	kind, _ := kindOf(s)
	attrs := []any{"clients", kind.String(), "server", where.server.String()}
	if where.host.Name != "" {
		attrs = append(attrs, "name", where.host.Name)
	}
	if where.host.Address.IsValid() {
		attrs = append(attrs, "host", where.host.Address.String())
	}
	return append(attrs, "hint", fmt.Sprintf(hint, kind, where.server.Port()))
}

// watched says for how long the gate has been watching.
func (g *Gate) watched(now time.Time) string {
	since := time.Unix(g.watching.get(now.Unix()), 0)
	if now.Sub(since) >= seenFor {
		return "within 24 hours"
	}
	return "since tlswarden began watching at " + since.In(now.Location()).Format(time.RFC3339)
}
