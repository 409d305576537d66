package rulefile

import (
	"slices"
	"strings"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// topKeys are the keys that stand above all tables. Below a table's heading they belong
// to that table.
var topKeys = []string{"judge_local", "recipient_delimiter"}

const topHint = "put it at the top of the file, above the first [table]"

// hintAtTop tells where keys belong that were found below a heading, and by what
// heading a table belongs to a rule.
func hintAtTop(found tomlfile.Diagnostics) {
	for i := range found {
		for _, key := range [...]string{"except", "rollout"} {
			if found[i].Message == "unknown key "+quote(key) {
				found[i].Hint = "write [[rule." + key + "]] below the [[rule]] that it belongs to"
			}
			found[i].Hint = strings.Replace(found[i].Hint, "[["+key+"]]", "[[rule."+key+"]]", 1)
		}
		for _, key := range topKeys {
			if strings.HasSuffix(found[i].Message, "unknown key "+quote(key)) || strings.HasPrefix(found[i].Message, "list "+quote(key)+" must") {
				found[i].Hint = topHint
			}
		}
		for _, key := range ofConfig {
			if strings.HasSuffix(found[i].Message, "unknown key "+quote(key)) {
				found[i].Hint = "it belongs in the configuration of the daemon, tlswarden.toml"
			}
		}
	}
}

// ofConfig are the keys by which a configuration of the daemon is known.
var ofConfig = []string{"milter", "policy", "enforce", "on_failure", "log", "plugin"}

// IsConfig reports whether a table has what stands in a configuration of the daemon,
// and nothing of a rule file.
func IsConfig(t *tomlfile.Table) bool {
	e, _ := t.Get("rules")
	_, files := e.Value.(tomlfile.Array) // and not [[rules]], a slip for [[rule]]
	return (files || hasAny(t, ofConfig)) && !hasAny(t, ofRules)
}

// ofRules are the keys by which a rule file is known.
var ofRules = []string{"rule", "list", "profile", "test", "tag", "reply", "message", "judge_local", "recipient_delimiter"}

// IsRules reports whether a table has what stands in rule files, and nothing of a
// configuration of the daemon.
func IsRules(t *tomlfile.Table) bool { return hasAny(t, ofRules) && !hasAny(t, ofConfig) }

func hasAny(t *tomlfile.Table, keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		e, ok := t.Get(key)
		_, values := e.Value.(tomlfile.Array) // such as rule = ["a.toml"], a slip for rules
		return ok && !values
	})
}

// elsewhere is what other software calls facts, and what they are called here: names
// of Postfix's policy protocol (SMTPD_POLICY_README) and of SMTP.
var elsewhere = map[string]string{
	"from": "sender", "mail_from": "sender", "mailfrom": "sender", "envelope_from": "sender", "envelope_sender": "sender", "sender_address": "sender",
	"rcpt": "recipient", "rcpt_to": "recipient", "to": "recipient", "envelope_to": "recipient", "envelope_recipient": "recipient",
	"from_domain": "sender_domain", "rcpt_domain": "recipient_domain", "to_domain": "recipient_domain", "domain": "sender_domain",
	"port": "server_port", "ip": "client", "address": "client", "client_ip": "client", "client_address": "client", "network": "client", "source": "client",
	"host": "client_name", "hostname": "client_name", "client_host": "client_name", "rdns": "client_reverse_name", "ptr": "client_reverse_name",
	"reverse_client_name": "client_reverse_name", "ehlo": "helo", "helo_name": "helo",
	"user": "sasl_user", "login": "sasl_user", "username": "sasl_user", "sasl_username": "sasl_user", "auth": "authenticated",
	"version": "tls_version", "protocol": "tls_version", "encryption_protocol": "tls_version", "ssl": "tls", "encrypted": "tls", "starttls": "tls", "encryption": "tls",
	"encryption_cipher": "cipher", "cipher_suite": "cipher", "suite": "cipher", "encryption_keysize": "cipher_bits", "bits": "cipher_bits", "keysize": "cipher_bits",
	"sni": "tls_sni", "cert": "cert_subject", "cert_name": "cert_subject", "ccert_subject": "cert_subject", "ccert_issuer": "cert_issuer",
	"ccert_fingerprint": "cert_fingerprint", "ccert_pubkey_fingerprint": "cert_key_fingerprint", "fingerprint": "cert_fingerprint",
	"spf": "message.spf", "dkim": "message.dkim", "dmarc": "message.dmarc", "time": "now", "date": "now",
}

// FieldHint says what a field is called that a rule file calls by another name, "" if
// that is not known.
func FieldHint(name string) string {
	if field := elsewhere[strings.ToLower(name)]; field != "" {
		return "the field is called " + field
	}
	return tomlfile.DidYouMean(name, rules.FieldNames())
}

// profileHint helps with a profile that does not exist, which may be meant as a
// version.
func profileHint(name string, names []string) string {
	switch meant := rules.MeantVersion(name); meant {
	case "":
		return tomlfile.DidYouMean(name, names)
	case "TLSv1.2":
		return `require takes a profile; that for TLSv1.2 or newer is "rfc8996"`
	default:
		return "require takes a profile: write [profile.mine] with min_version = " + quote(meant) + `, and require = "mine"`
	}
}
