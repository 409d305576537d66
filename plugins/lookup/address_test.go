package main

import (
	"strings"
	"testing"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// people are addresses as tables of a database have them.
const people = `INSERT INTO people VALUES ('legal@example.com', 'strict'), ('boss+x@example.com', 'exact'), ('boss@example.com', 'bare'),
	('office@example.com', 'office'), ('x@xn--cla-7ka.example', 'idna'), ('a b@example.com', 'blank'),
	('chef@münchen.example', 'script')`

// odd are the same addresses as people write them.
const odd = `recipient,tier
Legal@Example.com.,strict
"""boss+X""@example.com",exact
"""BOSS""@example.com",bare
oﬃce@example.com,office
x@claß.example,idna
"""a b""@example.com",blank
chef@münchen.example,script
`

// checkAddresses shows that rows hold for an address however it is written, with any
// extension.
func checkAddresses(t *testing.T, set map[string]any) {
	t.Helper()
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"facts": map[string]any{"tier": "name"}, "default": nil})))
	for recipient, want := range map[any]any{
		plugintest.Mailbox("legal@example.com"):             "strict",
		plugintest.Mailbox("Legal+X@example.COM"):           "strict",
		plugintest.Mailbox(`"legal+a b"@example.com`):       "strict",
		plugintest.Mailbox("legal+\x00@example.com"):        "strict",
		plugintest.Mailbox("boss+X@example.com"):            "exact",
		plugintest.Mailbox("boss+y@example.com"):            "bare",
		plugintest.Mailbox("o\ufb03ce+x@example.com"):       "office",
		plugintest.Mailbox("x@cla\u00df.example"):           "idna",
		plugintest.Mailbox("x+y@xn--cla-7ka.example"):       "idna",
		plugintest.Mailbox(`"a b+x"@example.com`):           "blank",
		plugintest.Mailbox("chef@m\u00fcnchen.example"):     "script",
		plugintest.Mailbox("CHEF+x@xn--mnchen-3ya.example"): "script",
		plugintest.Mailbox(""):                              nil,
		plugintest.Mailbox("legal-x@example.com"):           nil,
		plugintest.Mailbox("x+legal@example.com"):           nil,
		plugintest.Mailbox("legal+x@example.org"):           nil,
		plugintest.Mailbox(`"\"legal\""@example.com`):       nil,
		"legal+x@example.com":                               nil, // recipient_delimiter = ""
		plugintest.Mailbox(long("legal+", "@example.com")):  "strict",
		plugintest.Mailbox(long("nobody+", "@example.com")): nil,
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"recipient": recipient})
		if err != nil || got["tier"] != want || got["found"] != (want != nil) {
			t.Errorf("%.60v: %v, %v; want %v", recipient, got, err, want)
		}
	}
}

func long(before, after string) string { return before + strings.Repeat("x", 2000) + after }

// checkPairs shows that each of two addresses is looked for in all of its forms, and
// that the nearest row counts, by the first address before the second.
func checkPairs(t *testing.T, set map[string]any) {
	t.Helper()
	p := plugintest.Run(t, plugin(), text(t, with(set, map[string]any{"facts": map[string]any{"tier": "name"}, "default": nil})))
	for _, c := range []struct {
		sender, recipient plugintest.Mailbox
		want              any
	}{
		{"a@b.example", "list@example.com", "both bare"},
		{"a+1@b.example", "list+2@example.com", "both bare"},
		{"a+1@b.example", "list+x@example.com", "recipient"},
		{"a+s@b.example", "list+x@example.com", "sender"},
		{"c+s@b.example", "list+x@example.com", nil},
		{"", "list@example.com", nil},
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sender": c.sender, "recipient": c.recipient})
		if err != nil || got["tier"] != c.want {
			t.Errorf("%s to %s: %v, %v; want %v", c.sender, c.recipient, got, err, c.want)
		}
	}
}

const pairs = `INSERT INTO pairs VALUES ('a@b.example', 'list@example.com', 'both bare'), ('a@b.example', 'list+x@example.com', 'recipient'),
	('a+s@b.example', 'list@example.com', 'sender')`

// addressTables are the tables of a database with addresses.
func addressTables() []string {
	return []string{"CREATE TABLE people (address text, tier text)", people, "CREATE TABLE pairs (s text, r text, tier text)", pairs}
}

// checkAddressQueries looks for addresses in a database, and shows that a query that
// always finds a row is refused: it would find none without an extension.
func checkAddressQueries(t *testing.T, set map[string]any) {
	t.Helper()
	checkAddresses(t, with(set, map[string]any{"query": "SELECT tier FROM people WHERE address = :recipient"}))
	checkPairs(t, with(set, map[string]any{"query": "SELECT tier FROM pairs WHERE s = :sender AND r = :recipient"}))
	const refused = "query: finds a row where no address matches, so an address with an extension would evade it; " +
		"after EXISTS or count(*) write a condition such as HAVING count(*) > 0"
	checkQueries(t, set, map[string]string{
		"SELECT EXISTS (SELECT 1 FROM people WHERE address = :recipient) AS tier":                 refused,
		"SELECT count(*) AS tier FROM people WHERE address = :sender":                             refused,
		"SELECT max(tier) AS tier FROM people WHERE address = :recipient":                         refused,
		"SELECT max(tier) AS tier FROM people WHERE address = :recipient HAVING count(*) > 0":     "",
		"SELECT 'x' AS tier WHERE EXISTS (SELECT 1 FROM people WHERE address = :recipient)":       "",
		"SELECT count(*) AS tier FROM people WHERE address LIKE '%@example.com' OR tier = :helo ": "",
	})
}

func TestSQLiteAddresses(t *testing.T) {
	checkAddressQueries(t, partnersBy("sqlite", "file", liteFile(t, addressTables()...)))
}

func TestCSVAddresses(t *testing.T) {
	set := map[string]any{"driver": "csv", "file": write(t, "people.csv", odd), "key": []string{"recipient"}}
	checkAddresses(t, set)
	const table = "recipient,sender,tier\nList@example.com,a@b.example,both bare\nlist+X@example.com,A@b.example,recipient\nlist@example.com,a+S@b.example,sender\n"
	checkPairs(t, with(set, map[string]any{"file": write(t, "pairs.csv", table), "key": []string{"sender", "recipient"}}))
}

// TestCSVDomains shows that rows hold for a domain in each of its forms.
func TestCSVDomains(t *testing.T) {
	const table = "recipient_domain,tier\nm\u00fcnchen.example,munich\nclass.example,class\nxn--cla-7ka.org,folded\nSTRA\u00dfE.example,both\n"
	p := plugintest.Run(t, plugin(), text(t, map[string]any{
		"driver": "csv", "file": write(t, "domains.csv", table), "key": []string{"recipient_domain"}, "facts": map[string]any{"tier": "name"},
	}))
	for domain, want := range map[plugintest.Domain]any{
		"M\u00dcNCHEN.example": "munich", "xn--mnchen-3ya.example": "munich", "munchen.example": nil,
		"class.example": "class", "cla\u00df.example": "class", "xn--cla-7ka.example": nil,
		"cla\u00df.org": "folded", "class.org": nil,
		"strasse.example": "both", "stra\u00dfe.example": "both", "xn--strae-oqa.example": "both",
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"recipient_domain": domain})
		if err != nil || got["tier"] != want {
			t.Errorf("%s: %v, %v; want %v", domain, got, err, want)
		}
	}
}
