package main

import "tlswarden/rules"

// form is a way to write a condition on one kind of field.
type form struct {
	kind    rules.Kind
	means   string
	entries []any // examples, each a whole entry
}

func forms() []form {
	return []form{
		{rules.KindAddress, "an address, or a CIDR block", []any{"192.0.2.25", "192.0.2.0/24", "2001:db8::/32"}},
		{rules.KindBool, "true or false, without quotes", []any{true, false}},
		{rules.KindDomain, "exactly this domain, or with a dot or `*.` before it all below it; international names in either form; `@example.org`, which stands for addresses elsewhere, is the domain; `\"\"` is none", []any{"example.org", ".example.org", "*.example.org", "müller.example", `/^mx\d+\./`, ""}},
		{rules.KindName, "text without regard to case; `*.example.org` or `.example.org` is all that ends so, and so is `*@example.org` or `@example.org`", []any{"mx.example.org", "*.example.org", "@example.org", "/^mx/"}},
		{rules.KindText, "text exactly, or its ending as for a name", []any{"submission", "*@example.org", "/^C=DE/"}},
		{rules.KindNumber, "a number, or a comparison", []any{int64(25), "< 1024", ">= 5"}},
		{rules.KindVersion, "a version, or a comparison; `none` is plaintext, and stands below all versions", []any{"TLSv1.2", "< TLSv1.2", "none"}},
		{rules.KindCipher, "a suite by any name that OpenSSL, IANA or GnuTLS gives it", []any{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_RSA_WITH_RC4_128_SHA", "/^ADH-/"}},
		{rules.KindMailbox, "an address, a local part in any domain, all addresses of a domain (`*@example.org` or `@example.org`) or of those below it (`*@*.example.org`), or the null sender; case does not count. `joe@` also stands for `joe+news@`, with any address extension; an entry with an extension for that alone", []any{"joe@example.org", "joe@", "*@example.org", "*@*.example.org", "<>", `/^bounce-\d+@/`}},
		{rules.KindFingerprint, "hexadecimal digits; colons and case do not count", []any{"61:9F:5B:0E:55:AB:90:38:CF:C6:E1:47:2E:D9:A4:0A", "/^619f/"}},
		{rules.KindTime, "a date is its first moment in the daemon's time zone; a comparison stands in quotes", []any{">= 2027-01-31", "< 2027-01-31T12:00:00Z"}},
	}
}

// actions says what becomes of mail, weakest first.
func actions() [][3]string {
	return [][3]string{
		{"accept", "continues, and no further rule is read", "`DUNNO`"},
		{"tag", "passes with the tag header", "`PREPEND`"},
		{"quarantine", "is put on hold for all its recipients (hold queue; quarantine in Sendmail)", "`HOLD`"},
		{"defer", "is refused with a 4xx reply: the sender tries again", "a 4xx reply"},
		{"reject", "is refused with a 5xx reply, and no further rule is read", "a 5xx reply"},
	}
}

// placeholders are the names that a reply may have in braces.
func placeholders() [][2]string {
	return [][2]string{
		{"shortfall", "what the session lacks: `TLSv1.1 is below TLSv1.2`"},
		{"seen", "how it was encrypted: `TLSv1.1 with ECDHE-RSA-AES256-SHA (256 bits)`"},
		{"required", "what the rule requires: `TLSv1.2 or newer`"},
		{"rule", "the rule's name"},
		{"id", "the `id` of the decision's line in the log"},
		{"url", "`url` of `[reply]`"},
		{"client", "the client's address"},
		{"sender_domain", "the sender's domain, `<>` for the null sender"},
	}
}
