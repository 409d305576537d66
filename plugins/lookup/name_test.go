package main

import (
	"fmt"
	"strings"
	"testing"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// TestNullSender shows that "<>" is the null sender, as in a rule.
func TestNullSender(t *testing.T) {
	p := plugintest.Run(t, plugin(), text(t, map[string]any{"driver": "csv", "key": []string{"sender"}, "facts": map[string]any{"tier": "name"},
		"file": write(t, "p.csv", "sender,tier\n<>,null\n< info@m\u00fcller.example >,strict\n")}))
	for sender, want := range map[plugintest.Mailbox]any{
		"": "null", "info@m\u00fcller.example": "strict", "INFO@xn--mller-kva.example": "strict", "info+x@M\u00dcLLER.example": "strict", "a@b.example": nil, "<>@b.example": nil,
	} {
		if got, err := p.Lookup(t.Context(), plugins.Facts{"sender": sender}); err != nil || got["tier"] != want {
			t.Errorf("%q: %v, %v; want %v", sender, got, err, want)
		}
	}
}

// TestEntries shows which values of keys are converted to what sessions have, and what is
// said of those that no session can have.
func TestEntries(t *testing.T) {
	const (
		whole      = "is a whole domain, and a row stands for one address; let the key be sender_domain or recipient_domain"
		noAddress  = "is not a whole address; write one such as user@example.org"
		notValid   = "is not a valid address; write it alone, such as user@example.org"
		several    = "is more than one; write a row for each"
		subdomains = "is of subdomains, and a row stands for one domain; write a row for each, or a list of the rule files, which knows subdomains"
		badDomain  = "is not a valid domain name; write one such as example.org"
		aURL       = "is a URL; write the address alone"
		aDomainURL = "is a URL; write the domain alone"
		noPrint    = `is no fingerprint; write its hexadecimal digits alone, as openssl x509 -fingerprint -sha256 prints them behind the "="`
	)
	hidden := func(code string) string {
		return "has a character that is not visible, U+" + code + "; write it without"
	}
	inDomain := func(name string) string {
		return `has the domain "` + name + `", which is not a valid one; write one address, such as user@example.org`
	}
	sha256 := strings.Repeat("ab", 32)
	for _, c := range []struct {
		form form
		text string
		want string // what is found by it, or what is said of it
		ok   bool
	}{
		{mailbox, "A@Bank.Example", "a@bank.example", true},
		{mailbox, "<a@bank.example>", "a@bank.example", true},
		{mailbox, "<>", "", true},
		{mailbox, "a@bank.example.", "a@bank.example", true},
		{mailbox, "a@m\u00fcller.example", "a@xn--mller-kva.example", true},
		{mailbox, "\u00c4@M\u00dcLLER.example", "\u00e4@xn--mller-kva.example", true},
		{mailbox, "a@cla\u00df.example", "a@xn--cla-7ka.example a@class.example", true},
		{mailbox, `"a b"@bank.example`, "a b@bank.example", true},
		{mailbox, `"a@b"@bank.example`, "a@b@bank.example", true},
		{mailbox, `"@"@bank.example`, "@@bank.example", true},
		{mailbox, "legal+x@bank.example", "legal+x@bank.example", true},
		{mailbox, "a@[192.0.2.1]", "a@[192.0.2.1]", true},
		{mailbox, "a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]", true},
		{mailbox, "@bank.example", whole, false},
		{mailbox, "*@bank.example", whole, false},
		{mailbox, "<@bank.example>", whole, false},
		{mailbox, "bank.example", noAddress, false},
		{mailbox, "legal", noAddress, false},
		{mailbox, "legal@", noAddress, false},
		{mailbox, "@", noAddress, false},
		{mailbox, "*", noAddress, false},
		{mailbox, "a@*", inDomain("*"), false},
		{mailbox, "a@*.bank.example", inDomain("*.bank.example"), false},
		{mailbox, "a@.bank.example", inDomain(".bank.example"), false},
		{mailbox, "a@bank..example", inDomain("bank..example"), false},
		{mailbox, "a@ba_nk,example", inDomain("ba_nk,example"), false},
		{mailbox, "a@[192.0.2.300]", inDomain("[192.0.2.300]"), false},
		{mailbox, "a@bank.example:25", inDomain("bank.example:25"), false},
		{mailbox, "mailto:a@bank.example", aURL, false},
		{mailbox, "<MAILTO:a@bank.example>", aURL, false},
		{mailbox, "a@bank.example, b@bank.example", several, false},
		{mailbox, "a@bank.example;b@bank.example", several, false},
		{mailbox, "a@bank.example b@bank.example", several, false},
		{mailbox, "A Name <a@bank.example>", notValid, false},
		{mailbox, "a@b@bank.example", notValid, false},
		{mailbox, "a*@bank.example", notValid, false},
		{mailbox, "a\u00a0@bank.example", hidden("00A0"), false},
		{mailbox, "a\u200b@bank.example", hidden("200B"), false},
		{mailbox, "a\n@bank.example", hidden("000A"), false},
		{domain, "Bank.Example.", "bank.example", true},
		{domain, "@bank.example", "bank.example", true},
		{domain, "*@bank.example", "bank.example", true},
		{domain, "m\u00fcller.example", "xn--mller-kva.example", true},
		{domain, "cla\u00df.example", "xn--cla-7ka.example class.example", true},
		{domain, "_x.bank.example", "_x.bank.example", true},
		{domain, "localhost", "localhost", true},
		{domain, "[192.0.2.1]", "[192.0.2.1]", true},
		{domain, "*.bank.example", subdomains, false},
		{domain, ".bank.example", subdomains, false},
		{domain, "@.bank.example", subdomains, false},
		{domain, "b*k.example", "has a *, and a row stands for one domain; write a row for each", false},
		{domain, "a@bank.example", "is an address; write its domain, bank.example", false},
		{domain, "mailto:a@bank.example", aDomainURL, false},
		{domain, "https://bank.example/", aDomainURL, false},
		{domain, "bank.example/x", aDomainURL, false},
		{domain, "bank.example:25", "has a port; write bank.example", false},
		{domain, "bank.example, other.example", several, false},
		{domain, "bank.example other.example", several, false},
		{domain, "bank..example", badDomain, false},
		{domain, "bank example", badDomain, false},
		{domain, "\"bank.example\"", badDomain, false},
		{domain, "=bank.example", badDomain, false},
		{domain, strings.Repeat("a", 64) + ".example", badDomain, false},
		{domain, "<>", "is not a valid domain name; to find the null sender, let the key be sender and write <>", false},
		{domain, "[192.0.2.300]", "is not a valid address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]", false},
		{domain, "bank\u00ad.example", hidden("00AD"), false},
		{fingerprint, strings.ToUpper(sha256), sha256, true},
		{fingerprint, strings.Repeat("AB:", 31) + "ab", sha256, true},
		{fingerprint, sha256[:40], sha256[:40], true},
		{fingerprint, sha256[:62], "has 62 hexadecimal digits; a fingerprint has 64 for SHA-256, 40 for SHA-1, 32 for MD5", false},
		{fingerprint, "sha256 Fingerprint=" + sha256, noPrint, false},
		{fingerprint, "6.19E+15", noPrint, false},
		{folded, "CN=Bank", "cn=bank", true},
		{exact, "User", "User", true},
		{exact, "User\u00a0", hidden("00A0"), false},
	} {
		got, err := c.form.entries(c.text)
		if c.ok && (err != nil || strings.Join(got, " ") != c.want) || !c.ok && (err == nil || err.Error() != c.want) {
			t.Errorf("%q: %q, %v; want %s", c.text, got, err, c.want)
		}
	}
}

// TestFactsOfForm shows which texts are facts of the types domain and mailbox.
func TestFactsOfForm(t *testing.T) {
	const noDomain, noMailbox = "is not one domain name; write one such as example.org", "is not one address; write one such as user@example.org"
	for _, c := range []struct {
		kind       plugins.Type
		text, want string // "": it is one
	}{
		{plugins.Domain, "bank.example", ""},
		{plugins.Domain, "claß.example", ""},
		{plugins.Domain, "_x.Bank.example.", ""},
		{plugins.Domain, "[192.0.2.1]", ""},
		{plugins.Domain, "", ""},
		{plugins.Domain, "*.bank.example", noDomain},
		{plugins.Domain, "@bank.example", noDomain},
		{plugins.Domain, ".bank.example", noDomain},
		{plugins.Domain, "<>", noDomain},
		{plugins.Domain, "a.example, b.example", noDomain},
		{plugins.Domain, "bank example", "is not a valid domain name; write one such as example.org"},
		{plugins.Domain, "a@bank.example", "is an address; write its domain, bank.example"},
		{plugins.Domain, "https://bank.example/", "is a URL; write the domain alone"},
		{plugins.Domain, "bank.example:25", "has a port; write bank.example"},
		{plugins.Mailbox, "a@bank.example", ""},
		{plugins.Mailbox, "<A@bank.example>", ""},
		{plugins.Mailbox, "\"a b\"@bank.example", ""},
		{plugins.Mailbox, "\"a,b\"@bank.example", ""},
		{plugins.Mailbox, "<>", ""},
		{plugins.Mailbox, "", ""},
		{plugins.Mailbox, "@bank.example", noMailbox},
		{plugins.Mailbox, "*@bank.example", noMailbox},
		{plugins.Mailbox, "a@b.example; c@d.example", noMailbox},
		{plugins.Mailbox, "bank.example", "is not a whole address; write one such as user@example.org"},
		{plugins.Mailbox, "mailto:a@bank.example", "is a URL; write the address alone"},
		{plugins.Mailbox, "a@b@bank.example", "is not a valid address; write it alone, such as user@example.org"},
	} {
		got, err := column{kind: c.kind}.text(c.text)
		if c.want == "" && (err != nil || got != c.text) || c.want != "" && (err == nil || err.Error() != fmt.Sprintf("%q %s", c.text, c.want)) {
			t.Errorf("%q: %v, %v; want %s", c.text, got, err, c.want)
		}
	}
}
