package rulefile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tlswarden/rules"
)

var lookup = map[string]Plugin{
	"lookup": {
		Offers: map[string]Offer{"exempt": {rules.KindBool, "is exempt"}, "contact": {rules.KindMailbox, "whom to ask"}, "level": {rules.KindNumber, ""}},
		Needs:  rules.SetOf(rules.FieldSenderDomain),
	},
	"dns": {},
}

// TestPlugins shows what is made of facts of plugins that are known.
func TestPlugins(t *testing.T) {
	for _, c := range []struct{ when, found string }{
		{`plugin.lookup.exempt = true, tls = true`, ""},
		{`plugin.lookup.level = "< 0", plugin.lookup.contact = ["joe@", "@l"], tls = true`, ""},
		{`plugin.dns.anything = 5`, ""},
		{`plugin.lookup.exempt = "true"`, `plugin.lookup.exempt: write true or false without quotes, not "true"`},
		{`plugin.lookup.exmept = true`, "plugin.lookup.exmept: the plugin \"lookup\" offers no fact \"exmept\"\n\thint: did you mean exempt?"},
		{`plugin.lookup.colour = 1`, "plugin.lookup.colour: the plugin \"lookup\" offers no fact \"colour\"\n\thint: it offers contact, exempt, level"},
		{`plugin.lokup.exempt = true`, "plugin.lokup.exempt: the configuration has no plugin \"lokup\"\n\thint: did you mean lookup?"},
		{`plugin.ldap.member = true`, "plugin.ldap.member: the configuration has no plugin \"ldap\"\n\thint: add [plugin.ldap] to the configuration"},
	} {
		text := fmt.Sprintf("[list]\nl = [\"a@example.org\"]\n[[rule]]\nname = \"r\"\naction = \"accept\"\nwhen = { sasl_user = \"@l\", %s }\n", c.when)
		res := Load([]Source{{"r.toml", []byte(text)}}, Options{NoMilter: true, NoPolicy: true, Plugins: lookup})
		var said []string
		for _, d := range res.Found {
			if !strings.Contains(d.Message, "the rule needs") { // sasl_user and tls; no front end is enabled
				said = append(said, strings.TrimPrefix(d.String(), `r.toml:6: error: rule "r": `))
			}
		}
		if got := strings.Join(said, "\n"); got != c.found {
			t.Errorf("%s\ngot  %s\nwant %s", c.when, got, c.found)
		}
	}
}

// TestPluginKinds shows that a plugin's own word on its facts counts, and that a
// fact that nobody else can supply needs no front end.
func TestPluginKinds(t *testing.T) {
	text := "[[rule]]\nname = \"r\"\naction = \"tag\"\nwhen = { plugin.lookup.contact = \"joe@example.org\", plugin.dns.contact = \"joe@example.org\" }\n"
	res := Load([]Source{{"r.toml", []byte(text)}}, Options{NoMilter: true, NoPolicy: true, Plugins: lookup})
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	got := ""
	for _, f := range res.Policy.Supplied() {
		got += fmt.Sprintf("%s %s %s\n", f.Name, f.Kind, f.Meaning)
	}
	if want := "plugin.lookup.contact mailbox whom to ask\nplugin.dns.contact name \n"; got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestPluginLimit shows that a policy looks at so many facts of plugins and no
// more, however often.
func TestPluginLimit(t *testing.T) {
	var b strings.Builder
	for i := range rules.MaxSupplied - 1 {
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\naction = \"tag\"\nwhen = { plugin.a.k%d = true, plugin.b.k%d = %d }\n", i, i, i%2, i)
	}
	res := Load([]Source{{"r.toml", []byte(b.String())}}, Options{})
	want := "r.toml:60: error: rule \"r14\": plugin.a.k14: the rules look at more than 16 facts of plugins"
	if len(res.Found) != 1 || res.Found[0].String() != want {
		t.Errorf("%v", res.Found)
	}
}

// TestPluginClaims shows that an exemption by what a plugin finds out about the
// sender is one that anyone can claim.
func TestPluginClaims(t *testing.T) {
	const exempt = "[[rule]]\nname = \"r\"\naction = \"accept\"\nwhen = { plugin.lookup.exempt = true%s }\n"
	for more, warns := range map[string]bool{"": true, `, sender = "a@example.org"`: true, ", tls = true": false, ", plugin.dns.x = true": false} {
		res := Load([]Source{{"r.toml", []byte(fmt.Sprintf(exempt, more))}}, Options{Plugins: lookup})
		if got := len(res.Found) == 1 && strings.Contains(res.Found[0].Message, "anyone can claim the sender"); got != warns {
			t.Errorf("%q: %v", more, res.Found)
		}
	}
}

// TestGuessRefusesNothing shows that what goes with the kind of which a fact is goes
// with the kind that is guessed, too: a plugin that does not start keeps no rules
// from loading.
func TestGuessRefusesNothing(t *testing.T) {
	pool := []any{
		true, int64(5), int64(-5), "5", "> 5", ">= -5", "<5", " > 5", "! < 5", "x", "=x", "<", "<>", "<a@b.example>", "", "!", "/^x/", "!/[0-9]/",
		"192.0.2.1", "192.0.2.0/24", "192.0.2.1/24", "!2001:db8::/32", "example.org", ".example.org", ". org", "joe@", "joe@example.org", "a b",
		time.Unix(0, 0), "2027-01-31", ">= 2027-01-31", "< 2027-01-31T12:00:00+01:00",
	}
	kinds := []rules.Kind{rules.KindText, rules.KindName, rules.KindDomain, rules.KindNumber, rules.KindBool, rules.KindAddress, rules.KindMailbox, rules.KindTime}
	taken := map[rules.Kind]int{}
	for _, kind := range kinds {
		for i := range pool {
			for j := range pool {
				entries := []any{pool[i], pool[j]}
				if !goesWith(kind, entries) {
					continue
				}
				taken[kind]++
				if guess := guessKind(entries); !goesWith(guess, entries) {
					t.Errorf("%q are taken for a condition on %s, and guessed to be on %s", entries, kind, guess)
				}
			}
		}
		if taken[kind] == 0 {
			t.Errorf("nothing goes with %s", kind)
		}
	}
}
