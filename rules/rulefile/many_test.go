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

// TestManyDomains shows that a list of 5,000 domains stands in a file, a line each, and
// that a mistake in it is found by its line.
func TestManyDomains(t *testing.T) {
	var list strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&list, "partner%d.example\n*.partner%d.example\n", i, i)
	}
	load := func(extra string) Result {
		dir := t.TempDir()
		file := filepath.Join(dir, "r.toml")
		rule := "[list]\npartners = { file = \"partners.txt\" }\n[[rule]]\nname = \"partners\"\nwhen = { sender_domain = \"@partners\" }\nrequire = \"bcp195\"\notherwise = \"reject\"\n"
		for name, data := range map[string]string{"partners.txt": list.String() + extra, "r.toml": rule} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return LoadFiles([]string{file}, Options{})
	}
	res := load("")
	if len(res.Found) > 0 {
		t.Fatal(res.Found)
	}
	for sender, want := range map[string]rules.Action{
		"a@partner0.example": rules.Reject, "a@partner4999.example": rules.Reject, "a@mx.Partner77.example": rules.Reject, "a@partner5000.example": rules.Accept,
	} {
		var s rules.Session
		s.ListenerTLSSeen = rules.Known(true)
		s.SetClient(netip.MustParseAddr("203.0.113.7"))
		s.SetPlaintext()
		s.SetSender(sender)
		if got := res.Policy.Evaluate(&s, 0).Action; got != want {
			t.Errorf("%s: %v, want %v", sender, got, want)
		}
	}
	res = load("partner5000.example:25\n")
	if len(res.Found) != 1 || res.Found[0].Line != 10001 {
		t.Errorf("a mistake in line 10001: %v", res.Found)
	}
}
