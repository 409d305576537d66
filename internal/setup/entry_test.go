package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// debianKeys are those of a Postfix as Debian installs it, and plainKeys of one that
// keeps domains without a dot.
var (
	debianKeys = []key{
		{name: "origin", value: "example.com"},
		{name: "append_dot_mydomain", value: false},
		{name: "mydomain"},
		{name: "swap_bangpath", value: true, without: true},
		{name: "allow_percent_hack", value: true, without: true},
	}
	otherKeys = []key{
		{name: "origin", value: "example.com"},
		{name: "append_dot_mydomain", value: true},
		{name: "mydomain", value: "example.net"},
		{name: "swap_bangpath", value: false, without: true},
		{name: "allow_percent_hack", value: true, without: true},
	}
)

// policyAt are the addresses of a configuration in a directory.
func policyAt(file string, addresses ...string) Addresses {
	ours := Addresses{File: file}
	for _, s := range addresses {
		a, _ := ParseAddress(s)
		if a.Path != "" && !filepath.IsAbs(a.Path) {
			a.Path = filepath.Join(filepath.Dir(file), a.Path)
		}
		ours.Policy = append(ours.Policy, a)
	}
	return ours
}

// TestTell shows what becomes of entries however they are written, and that all
// else stays octet for octet.
func TestTell(t *testing.T) {
	const inet = "inet:127.0.0.1:10465"
	for _, test := range []struct {
		name, was, is string
		keys          []key
	}{
		{"a string", "[policy]\nlisten = [\"inet:127.0.0.1:10465\"] # ours\n",
			"[policy]\nlisten = [{ address = \"inet:127.0.0.1:10465\", origin = \"example.com\", append_dot_mydomain = false }] # ours\n", debianKeys},
		{"all keys", "[policy]\nlisten = ['inet:127.0.0.1:10465']\n",
			"[policy]\nlisten = [{ address = 'inet:127.0.0.1:10465', origin = \"example.com\", append_dot_mydomain = true, mydomain = \"example.net\", swap_bangpath = false }]\n", otherKeys},
		{"a string alone", "policy.listen = \"inet:127.0.0.1:10465\"\n",
			"policy.listen = { address = \"inet:127.0.0.1:10465\", origin = \"example.com\", append_dot_mydomain = false }\n", debianKeys},
		{"a table", "[policy]\nlisten = [{ address = \"inet:127.0.0.1:10465\" }]\n",
			"[policy]\nlisten = [{ address = \"inet:127.0.0.1:10465\", origin = \"example.com\", append_dot_mydomain = false }]\n", debianKeys},
		{"a table of several lines", "[policy]\nlisten = [\n  { # a, }\n    address = \"inet:127.0.0.1:10465\", # \"]\n  },\n]\n",
			"[policy]\nlisten = [\n  { # a, }\n    address = \"inet:127.0.0.1:10465\", origin = \"example.com\", append_dot_mydomain = false, # \"]\n  },\n]\n", debianKeys},
		{"keys that are right", "[policy]\nlisten = [{ append_dot_mydomain = false, address = \"inet:127.0.0.1:10465\", origin = \"example.com\", swap_bangpath = true }]\n", "", debianKeys},
		{"keys that are wrong", "[policy]\nlisten = [{ origin = 'example.org', swap_bangpath = true, allow_percent_hack=false, address = \"inet:127.0.0.1:10465\" }]\n",
			"[policy]\nlisten = [{ origin = \"example.com\", swap_bangpath = false, allow_percent_hack=true, address = \"inet:127.0.0.1:10465\", append_dot_mydomain = true, mydomain = \"example.net\" }]\n", otherKeys},
		{"what is not told stays", "[policy]\nlisten = [{ origin = 'example.org', address = \"inet:127.0.0.1:10465\" }]\n", "", []key{{name: "origin", why: "why"}}},
		{"defaults are not written", "[policy]\nlisten = [\"inet:127.0.0.1:10465\"]\n", "", debianKeys[3:]},
		{"those of others stay", "# first\n[milter]\nlisten = [\"inet:127.0.0.1:10465\"]\n\n[policy]\nlisten = [\n  \"inet:127.0.0.1:10466\",\n  \"inet:localhost:10465\", # here\n\t{ address = \"inet:[::1]:10465\" }, \"inet:0.0.0.0:10465\"\n]\nmax_connections = 7\n",
			"# first\n[milter]\nlisten = [\"inet:127.0.0.1:10465\"]\n\n[policy]\nlisten = [\n  \"inet:127.0.0.1:10466\",\n  { address = \"inet:localhost:10465\", origin = \"example.com\", append_dot_mydomain = false }, # here\n\t{ address = \"inet:[::1]:10465\" }, { address = \"inet:0.0.0.0:10465\", origin = \"example.com\", append_dot_mydomain = false }\n]\nmax_connections = 7\n", debianKeys},
		{"a table with a header", "[policy.listen]\naddress = \"inet:127.0.0.1:10465\"\norigin = \"example.org\"\nappend_dot_mydomain = false\n",
			"[policy.listen]\naddress = \"inet:127.0.0.1:10465\"\norigin = \"example.com\"\nappend_dot_mydomain = false\n", debianKeys},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			was, is := strings.ReplaceAll(test.was, "\n", end), strings.ReplaceAll(test.is, "\n", end)
			if is == "" {
				is = was
			}
			file := configFile(t, was)
			ours := policyAt(file, inet)
			c, err := ours.tell("Postfix", Policy, ours.Policy, test.keys)
			if err != nil {
				t.Fatal(err)
			}
			if string(c.Old) != was || string(c.New) != is || len(c.Notes) > 0 {
				t.Errorf("%s%q:\n%s\nbecomes\n%s\n%q", test.name, end, c.Old, c.New, c.Notes)
			}
		}
	}
}

// configFile is a configuration with a text.
func configFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tlswarden.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTellTwo fills in two listeners at once, one of them by a path that begins at
// the file.
func TestTellTwo(t *testing.T) {
	file := configFile(t, "[policy]\nlisten = [\"unix:run/policy\", { address = \"inet:127.0.0.1:10465\", passed = true }]\n")
	ours := policyAt(file, "unix:run/policy", "inet:127.0.0.1:10465")
	c, err := ours.tell("Postfix", Policy, ours.Policy, debianKeys)
	const want = "[policy]\nlisten = [{ address = \"unix:run/policy\", origin = \"example.com\", append_dot_mydomain = false }, " +
		"{ address = \"inet:127.0.0.1:10465\", passed = true, origin = \"example.com\", append_dot_mydomain = false }]\n"
	if err != nil || string(c.New) != want {
		t.Errorf("%v\n%s", err, c.New)
	}
}

// TestTellByHand shows that what cannot be edited is left alone, and what is said
// then.
func TestTellByHand(t *testing.T) {
	const keys = `origin = "example.com", append_dot_mydomain = false`
	for _, test := range []struct{ name, text, note string }{
		{"a table with a header", "[policy.listen]\naddress = \"inet:127.0.0.1:10465\"\n",
			"is left as it is, for the entry is not written in one piece; write by hand, into each entry of [policy] that Postfix asks: " + keys},
		{"no listeners", "enforce = \"soft\"\n",
			"names no addresses; write there, so that tlswarden reads addresses as Postfix does:\n  [milter]\n  listen = [\"inet:127.0.0.1:8465\"]\n  [policy]\n  listen = [{ address = \"inet:127.0.0.1:10465\", " + keys + " }]"},
		{"no file", "", "names no addresses; write there, "},
	} {
		file := configFile(t, test.text)
		if test.text == "" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		ours := policyAt(file, "inet:127.0.0.1:10465")
		ours.Milter = []Address{{Host: "127.0.0.1", Port: "8465"}}
		c, err := ours.tell("Postfix", Policy, ours.Policy, debianKeys)
		if err != nil {
			t.Fatal(err)
		}
		if c.Needed() || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], test.note) || !strings.HasPrefix(c.Notes[0], file) {
			t.Errorf("%s: %v %q", test.name, c.Needed(), c.Notes)
		}
	}
}

// TestTellWhy shows that what the mail server does not tell is said of entries that
// do not have it, and of no others.
func TestTellWhy(t *testing.T) {
	for text, notes := range map[string]int{
		"[policy]\nlisten = [\"inet:127.0.0.1:10465\"]\n":                                         1,
		"[policy]\nlisten = [{ address = \"inet:127.0.0.1:10465\", origin = \"example.org\" }]\n": 0,
	} {
		ours := policyAt(configFile(t, text), "inet:127.0.0.1:10465")
		c, err := ours.tell("Postfix", Policy, ours.Policy, []key{{name: "origin", why: "why"}})
		if err != nil || len(c.Notes) != notes || c.Needed() {
			t.Errorf("%s: %v %q", text, err, c.Notes)
		}
	}
}

func TestOriginBy(t *testing.T) {
	dir := t.TempDir()
	name := func(text string) string {
		file := filepath.Join(dir, "mailname")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, test := range []struct {
		myorigin string
		want     any
	}{
		{"example.com", "example.com"},
		{"host", "host"},
		{"", nil},
		{"$mydomain", nil},
		{name("example.com\nexample.org\n"), "example.com"},
		{filepath.Join(dir, "none"), nil},
		{dir, nil},
	} {
		if got, why := originBy(test.myorigin, "yes"); got != test.want || (why == "") != (got != nil) {
			t.Errorf("%q: %v, %q", test.myorigin, got, why)
		}
	}
	if got, why := originBy(name(" # no name\n"), "yes"); got != nil || !strings.Contains(why, "mailname") {
		t.Errorf("a comment: %v, %q", got, why)
	}
	if got, why := originBy("example.com", "no"); got != nil || !strings.Contains(why, "append_at_myorigin = no") {
		t.Errorf("append_at_myorigin = no: %v, %q", got, why)
	}
}

func TestDotBy(t *testing.T) {
	for _, test := range []struct {
		appended, mydomain string
		dot, domain        any
		told               bool
	}{
		{"yes", "example.com", true, "example.com", true},
		{"Yes", "example.com", true, "example.com", true},
		{"no", "example.com", false, nil, true},
		{"no", "", false, nil, true},
		{"yes", "", nil, nil, false},
		{"?", "example.com", nil, nil, true},
	} {
		if dot, domain, why := dotBy(test.appended, test.mydomain); dot != test.dot || domain != test.domain || (why == "") != test.told {
			t.Errorf("%s %s: %v %v %q", test.appended, test.mydomain, dot, domain, why)
		}
	}
}

func TestDomains(t *testing.T) {
	for _, test := range []struct{ class, want string }{
		{"vm example.com localhost [192.0.2.2] mx.example.com [127.0.0.1] 127.0.0.1 localhost.localdomain", "example.com mx.example.com"},
		{"mx.example.com MX.example.com mx", "mx.example.com"},
		{"vm localhost", ""},
	} {
		if got := strings.Join(domains(strings.Fields(test.class)), " "); got != test.want {
			t.Errorf("%s: %s", test.class, got)
		}
	}
}

// TestApplyAll shows that of two changes none is made if one fails.
func TestApplyAll(t *testing.T) {
	for _, fails := range []bool{false, true} {
		first, second := changeOf(t), changeOf(t)
		if fails {
			second.Old = []byte("older\n")
		}
		saved, err := Apply(t.Context(), []*Change{first, second}, noon)
		one, two := files(t, first.File), files(t, second.File)
		if fails && (err == nil || len(saved) > 0 || len(one) != 1 || one["main.cf"] != "old\n" || len(two) != 1) {
			t.Errorf("%v %q: %q %q", err, saved, one, two)
		}
		if !fails && (err != nil || len(saved) != 2 || one["main.cf"] != "new\n" || two["main.cf"] != "new\n") {
			t.Errorf("%v %q: %q %q", err, saved, one, two)
		}
	}
}
