package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlswarden/internal/testkit"
	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
	"tlswarden/plugins/proto"
)

// text is the settings as the daemon hands them over.
func text(t testing.TB, settings map[string]any) string {
	t.Helper()
	data, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// with adds settings to others.
func with(base map[string]any, more map[string]any) map[string]any {
	all := maps.Clone(base)
	maps.Copy(all, more)
	return all
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const partners = `
# the partner database
sender_domain,    tier, exempt, note
bank.example,     gold, true,   "one, ""two"""
dentist.example.,     , no,
XN--MNCHEN-3YA.example, silver, ,
`

// TestSettings shows what is said of settings that are not in order.
func TestSettings(t *testing.T) {
	file := write(t, "partners.csv", partners)
	csv := map[string]any{"driver": "csv", "file": file, "key": []string{"sender_domain"}, "facts": map[string]any{"tier": "name", "exempt": "boolean"}}
	lite := map[string]any{"driver": "sqlite", "file": file, "query": "SELECT 1 AS tier WHERE :client = ''"}
	const names = "cert_fingerprint, cert_issuer, cert_key_fingerprint, cert_subject, client, client_name, client_reverse_name, helo, recipient, recipient_domain, sasl_user, sender, sender_domain, tls_sni"
	for name, c := range map[string]struct {
		settings map[string]any
		want     string
	}{
		"in order":          {csv, ""},
		"with all":          {with(csv, map[string]any{"default": map[string]any{"tier": "none", "exempt": false}, "ttl": "1h", "negative_ttl": "1s", "timeout": "2s"}), ""},
		"no facts":          {with(csv, map[string]any{"facts": nil}), ""},
		"nothing":           {nil, `driver: takes csv, sqlite or postgres`},
		"another driver":    {with(csv, map[string]any{"driver": "mysql"}), `driver: takes csv, sqlite or postgres`},
		"keys of others":    {with(csv, map[string]any{"dsn": "x", "query": "y"}), "dsn: has no use with the driver csv\nquery: has no use with the driver csv"},
		"keys missing":      {map[string]any{"driver": "postgres"}, "dsn: is missing\nquery: is missing"},
		"relative":          {with(csv, map[string]any{"file": "a.csv"}), `file: takes an absolute path`},
		"no file":           {with(csv, map[string]any{"file": "/nonexistent/a.csv"}), "file: stat /nonexistent/a.csv: no such file or directory"},
		"a directory":       {with(csv, map[string]any{"file": "/"}), "file: / is not a regular file"},
		"a type":            {with(csv, map[string]any{"facts": map[string]any{"tier": "string"}}), `facts.tier: takes address, boolean, domain, mailbox, name, number, text, time, not "string"`},
		"a name":            {with(csv, map[string]any{"facts": map[string]any{"Tier": "name", "found": "boolean"}}), "facts.Tier: a fact is named by lower-case letters, digits and \"_\"\nfacts.found: this fact is always there"},
		"a default":         {with(csv, map[string]any{"default": map[string]any{"exempt": "maybe", "x": 1}}), "default.exempt: \"maybe\" is not a boolean; write yes or no (true, false, 1 and 0 do, too)\ndefault.x: is not among the facts"},
		"default of number": {with(csv, map[string]any{"default": map[string]any{"tier": 1.5}}), "default.tier: 1.5 is not a name; write a text; in a query, CAST(column AS text)"},
		"times":             {with(csv, map[string]any{"ttl": "0s", "negative_ttl": "-1s", "timeout": "0s"}), "ttl: takes more than 0 seconds\nnegative_ttl: takes more than 0 seconds\ntimeout: takes more than 0 seconds"},
		"no such key":       {with(csv, map[string]any{"key": []string{"domain"}}), `key: "domain" is not one of ` + names},
		"a key twice":       {with(csv, map[string]any{"key": []string{"client", "client"}}), "key: names client twice"},
		"no such parameter": {with(lite, map[string]any{"query": "SELECT :size"}), `query: "size" is not one of ` + names},
		"no parameter":      {with(lite, map[string]any{"query": "SELECT 1"}), "query: has no parameter such as :sender_domain"},
		"a typo":            {with(csv, map[string]any{"keys": "x"}), "keys: unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			err := plugintest.Configure(t, plugin(), text(t, c.settings))
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// TestUnconfigured shows that the plugin knows nothing before it has its settings.
func TestUnconfigured(t *testing.T) {
	s, err := plugins.NewServer(plugin())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Lookup(t.Context(), nil); err == nil {
		t.Error(r)
	}
}

// TestCSV shows rows and what is known without one.
func TestCSV(t *testing.T) {
	set := map[string]any{
		"driver": "csv", "file": write(t, "partners.csv", partners), "key": []string{"sender_domain"},
		"facts": map[string]any{"tier": "name", "exempt": "boolean", "note": "text"}, "default": map[string]any{"exempt": false},
	}
	p := plugintest.Run(t, plugin(), text(t, set))
	none := plugins.Facts{"found": false, "exempt": false}
	for domain, want := range map[string]plugins.Facts{
		"bank.example":               {"found": true, "tier": "gold", "exempt": true, "note": `one, "two"`},
		"dentist.example":            {"found": true, "exempt": false},
		"xn--mnchen-3ya.example":     {"found": true, "tier": "silver", "exempt": false},
		"other.example":              none,
		"sub.bank.example":           none,
		"":                           none,
		"a'; DROP TABLE partners":    none,
		"bank.example\x00":           none,
		"\"bank.example\"":           none,
		strings.Repeat("a", 1<<20):   none,
		"bank.example\nbank.example": none,
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": domain})
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%.40q: %v, %v; want %v", domain, got, err, want)
		}
	}
}

// TestTTL shows that a row holds for another time than that there is none.
func TestTTL(t *testing.T) {
	set := map[string]any{"driver": "csv", "file": write(t, "partners.csv", partners), "key": []string{"sender_domain"}, "ttl": "7s", "negative_ttl": "3s"}
	s, err := plugins.NewServer(plugin())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Configure(t.Context(), &proto.ConfigureRequest{Settings: []byte(text(t, set))}); err != nil || len(r.Problems) > 0 {
		t.Fatal(r, err)
	}
	for domain, want := range map[string]int64{"bank.example": 7, "x.example": 3, "x\x00": 3} {
		facts := map[string]*proto.Value{"sender_domain": {Kind: &proto.Value_Text{Text: domain}}}
		if r, err := s.Lookup(t.Context(), &proto.LookupRequest{Facts: facts}); err != nil || r.CacheSeconds != want {
			t.Errorf("%q: %v, %v; want %d seconds", domain, r, err, want)
		}
	}
}

// TestDescribe shows that the settings say what the plugin offers and needs.
func TestDescribe(t *testing.T) {
	set := map[string]any{"driver": "csv", "file": write(t, "partners.csv", partners), "key": []string{"sender_domain"}, "facts": map[string]any{"tier": "name"}}
	s, err := plugins.NewServer(plugin())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Configure(t.Context(), &proto.ConfigureRequest{Settings: []byte(text(t, set))}); err != nil || len(r.Problems) > 0 {
		t.Fatal(r, err)
	}
	d, err := s.Describe(t.Context(), nil)
	if err != nil || d.Name != "lookup" || len(d.Facts) != 2 || d.Facts[0].Key != "found" || d.Facts[1].Key != "tier" ||
		d.Facts[1].Type != plugins.Name || len(d.Needs) != 1 || d.Needs[0].Name != "sender_domain" || d.CacheSeconds != 300 {
		t.Errorf("%v, %v", d, err)
	}
}

// TestExample shows that the table which is shown is in order.
func TestExample(t *testing.T) {
	file, err := filepath.Abs("partners.csv")
	if err != nil {
		t.Fatal(err)
	}
	p := plugintest.Run(t, plugin(), text(t, map[string]any{
		"driver": "csv", "file": file, "key": []string{"sender_domain"},
		"facts":   map[string]any{"tier": "name", "exempt": "boolean", "agreed": "time"},
		"default": map[string]any{"tier": "", "exempt": false},
	}))
	got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": "supplier.example"})
	if want := (plugins.Facts{"found": true, "tier": "", "exempt": false, "agreed": time.Date(2026, 11, 2, 0, 0, 0, 0, time.Local)}); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// sourceOf opens a source as the plugin does.
func sourceOf(t testing.TB, set map[string]any) source {
	t.Helper()
	var s settings
	if err := plugins.NewSettings([]byte(text(t, set))).Decode(&s); err != nil {
		t.Fatal(err)
	}
	c, err := newColumns(s.Facts, s.Default)
	if err != nil {
		t.Fatal(err)
	}
	src, _, err := s.open(c, testkit.Patience)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
