package rulefile

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tlswarden/rules"
)

// listDir writes list files and returns what a rule file that names them gives.
func listDir(t *testing.T, rule string, files map[string]string) (string, Result) {
	t.Helper()
	dir := t.TempDir()
	files["rules.toml"] = rule
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, LoadFiles([]string{filepath.Join(dir, "rules.toml")}, Options{})
}

const listRule = `[list]
partners = { file = "partners.txt" }

[[rule]]
name = "partners"
when = { sender_domain = "@partners" }
action = "reject"
`

func TestListFile(t *testing.T) {
	_, res := listDir(t, listRule, map[string]string{
		"partners.txt": "\ufeff# our partners\nbank.example\n\n  .insurer.example\t# and below\r\n!old.insurer.example\nbücher.example\n",
	})
	if len(res.Found) > 0 {
		t.Fatal(res.Found)
	}
	for domain, want := range map[string]rules.Action{
		"bank.example": rules.Reject, "mail.bank.example": rules.Accept, "insurer.example": rules.Accept, "a.b.insurer.example": rules.Reject,
		"old.insurer.example": rules.Accept, "xn--bcher-kva.example": rules.Reject, "other.example": rules.Accept,
	} {
		var s rules.Session
		s.SetClient(netip.MustParseAddr("192.0.2.1"))
		s.SetTLS(rules.TLS{Version: "TLSv1.3"})
		s.SetSender("a@" + domain)
		if v := res.Policy.Evaluate(&s, 0); v.Action != want {
			t.Errorf("%s: %v, want %v", domain, v.Action, want)
		}
	}
}

func TestBadListFiles(t *testing.T) {
	dir, res := listDir(t, `[list]
missing = { file = "missing.txt" }
empty = { file = "empty.txt" }
allowed = { file = "empty.txt", allow_empty = true }
folder = { file = "." }
device = { file = "/dev/null" }
typo = { flie = "x" }
wrong = { file = 7 }
bad = { file = "bad.txt" }
many = { file = "many.txt" }

[[rule]]
name = "r"
when = { client = ["@bad", "@many", "@allowed"] }
action = "tag"
`, map[string]string{"empty.txt": "# nothing\n\n", "bad.txt": "192.0.2.1\n\n# x\nexample.org\n@other\n", "many.txt": strings.Repeat("x\n", 1000)})
	var got []string
	for _, d := range res.Found {
		got = append(got, strings.ReplaceAll(d.String(), dir+"/", ""))
	}
	want := []string{
		`bad.txt:4: error: list "bad": "example.org" is neither an IP address nor a CIDR block such as 192.0.2.0/24`,
		`bad.txt:5: error: list "bad": a list cannot name another list`,
	}
	for i := 1; i <= maxPerList; i++ {
		want = append(want, fmt.Sprintf(`many.txt:%d: error: list "many": "x" is neither an IP address nor a CIDR block such as 192.0.2.0/24`, i))
	}
	want = append(want,
		fmt.Sprintf(`many.txt:%d: error: list "many": there are more lines like these`, maxPerList+1),
		`rules.toml:2: error: list "missing": missing.txt cannot be read: no such file or directory`,
		"rules.toml:3: error: list \"empty\": empty.txt has no entry: no condition on it would ever hold\n\thint: set allow_empty = true if that is meant",
		`rules.toml:5: error: list "folder": `+dir+` is a directory`,
		`rules.toml:6: error: list "device": /dev/null is no regular file`,
		"rules.toml:7: error: list \"typo\": unknown key \"flie\"\n\thint: did you mean file?",
		`rules.toml:7: error: list "typo": a table without file`,
		`rules.toml:8: error: list "wrong": file must be a string, not an integer`,
	)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// BenchmarkLoadLarge loads ten thousand rules and lists of a hundred thousand
// entries.
func BenchmarkLoadLarge(b *testing.B) {
	dir := b.TempDir()
	var domains, clients, rule strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&domains, "d%d.example.net\n", i)
		fmt.Fprintf(&clients, "10.%d.%d.%d\n", i>>16, i>>8&255, i&255)
	}
	rule.WriteString("[list]\ndomains = { file = \"domains.txt\" }\nclients = { file = \"clients.txt\" }\n")
	for i := range 10000 {
		fmt.Fprintf(&rule, "[[rule]]\nname = \"rule %d\"\nwhen = { sender_domain = [\"s%d.example.org\", \"@domains\"], client = \"@clients\" }\nrequire = \"bcp195\"\notherwise = \"reject\"\n\n", i, i)
	}
	for name, text := range map[string]string{"domains.txt": domains.String(), "clients.txt": clients.String(), "rules.toml": rule.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if res := LoadFiles([]string{filepath.Join(dir, "rules.toml")}, Options{}); res.Policy == nil {
			b.Fatal(res.Found)
		}
	}
}
