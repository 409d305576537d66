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
	"version": "tls_version", "protocol": "tls_version", "encryption_protocol": "tls_version", "ssl": "tls", "starttls": "tls", "encryption": "tls",
	"encryption_cipher": "cipher", "cipher_suite": "cipher", "suite": "cipher", "encryption_keysize": "cipher_bits", "bits": "cipher_bits", "keysize": "cipher_bits",
	"sni": "tls_sni", "cert": "cert_subject", "cert_name": "cert_subject", "ccert_subject": "cert_subject", "ccert_issuer": "cert_issuer",
	"ccert_fingerprint": "cert_fingerprint", "ccert_pubkey_fingerprint": "cert_key_fingerprint", "fingerprint": "cert_fingerprint",
	"spf": "message.spf", "dkim": "message.dkim", "dmarc": "message.dmarc", "time": "now", "date": "now",
}

// FieldCalled is what a field is called that other software calls by a name, "" if
// that is not known.
func FieldCalled(name string) string { return elsewhere[strings.ToLower(name)] }

// FieldHint says what a field is called that a rule file calls by another name, "" if
// that is not known.
func FieldHint(name string) string {
	if field := FieldCalled(name); field != "" {
		return "the field is called " + field
	}
	switch {
	case slices.Contains(ofProfiles, name):
		return "it belongs in a [profile.NAME], which a rule asks for by require = \"NAME\""
	case name == "encrypted":
		return "tls is about the way, message.encrypted about the message itself"
	}
	return tomlfile.DidYouMean(name, rules.FieldNames())
}

// ofProfiles are the keys of profiles.
var ofProfiles = []string{"min_version", "min_bits", "forward_secrecy", "aead", "ciphers", "forbid_ciphers", "client_cert", "cert_names", "cert_issuers", "cert_fingerprints", "cert_key_fingerprints"}

// synonyms are what other software calls actions.
var synonyms = map[string]string{
	"hold": "quarantine", "deny": "reject", "refuse": "reject", "block": "reject", "drop": "reject", "bounce": "reject", "tempfail": "defer", "greylist": "defer",
	"mark": "tag", "header": "tag", "warn": "tag", "ok": "accept", "permit": "accept", "allow": "accept", "pass": "accept", "exempt": "accept",
}

// actionHint says which action is meant by a word.
func actionHint(word string, allowed []string) string {
	if meant := synonyms[strings.ToLower(word)]; meant != "" && slices.Contains(allowed, meant) {
		return "write " + quote(meant)
	}
	return tomlfile.DidYouMean(word, allowed)
}

// moreHints adds what to write to findings whose message tells all.
func moreHints(found tomlfile.Diagnostics) {
	for i := range found {
		d := &found[i]
		switch {
		case d.Hint != "":
		case strings.HasSuffix(d.Message, `require must be a string, not a table`), strings.HasSuffix(d.Message, `require must be a string, not an array`):
			d.Hint = `write [profile.NAME] with what is required, and require = "NAME"`
		case strings.HasSuffix(d.Message, `unknown key "percent"`):
			d.Hint = "it belongs in a step of rollout: rollout = [{ from = 2027-01-01, percent = 10 }]"
		case strings.HasSuffix(d.Message, `except: unknown key "action"`):
			d.Hint = "write otherwise and what the rule does instead, or neither, to let the mail pass this rule"
		case strings.HasPrefix(d.Message, "profile ") && strings.HasSuffix(d.Message, `unknown key "version"`):
			d.Hint = `write min_version = "TLSv1.2"`
		case strings.HasSuffix(d.Message, "client_cert must be a string, not a boolean"):
			d.Hint = `write client_cert = "any", or "trusted" if the server must have verified it`
		case strings.HasSuffix(d.Message, "percent must be an integer, not a string"):
			d.Hint = "write percent = 10, without quotes and sign"
		case strings.HasSuffix(d.Message, "observe must be true or false, not a string"):
			d.Hint = "write observe = true, without quotes"
		default:
			for _, key := range ofProfiles {
				if strings.HasPrefix(d.Message, "rule ") && strings.HasSuffix(d.Message, "unknown key "+quote(key)) {
					d.Hint = FieldHint(key)
				}
			}
		}
	}
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
