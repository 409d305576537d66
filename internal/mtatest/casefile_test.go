package mtatest

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// least is a case file with nothing to say.
const least = "mta: postfix\nfront: milter\n-- rules.toml --\nx = 1\n-- session --\nconnect\n"

func TestParseCaseErrors(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"empty":           {"", `x.txt:1: no line "mta:"`},
		"no front":        {"mta: postfix\n", `x.txt:1: no line "front:"`},
		"no rules":        {"mta: postfix\nfront: milter\n", "x.txt:1: no section rules.toml"},
		"no session":      {"mta: postfix\nfront: milter\n-- rules.toml --\nx\n", "x.txt:1: no section session, or an empty one"},
		"mta":             {"# x\nmta: exim\n", `x.txt:2: "exim" is none of postfix sendmail`},
		"front":           {"front: proxy\n", `x.txt:1: "proxy" is none of milter policy both`},
		"front empty":     {"front: # none\n", "x.txt:1: nothing named; there are milter policy both"},
		"two services":    {"service: a b\n", "x.txt:1: one service, please"},
		"head":            {"mta postfix\n", `x.txt:1: "mta postfix" is not KEY: VALUE with a key of mta, front, service, listen`},
		"section":         {"-- sesion --\n", `x.txt:1: section "sesion" is none of session, delivered, log, or a file's name with a dot`},
		"section outside": {"-- ../a.toml --\n", `x.txt:1: section "../a.toml" is none of session, delivered, log, or a file's name with a dot`},
		"section twice":   {"-- log --\n\n-- log --\n", `x.txt:3: a second section "log"`},
		"not connected":   {"-- session --\nEHLO x\n", "x.txt:2: the session does not begin with connect"},
		"TLS version":     {"-- session --\nconnect\nSTARTTLS SSLv3\n", `x.txt:3: STARTTLS: TLS version "SSLv3" is none of TLSv1 TLSv1.1 TLSv1.2 TLSv1.3`},
		"TLS 1.3 cipher":  {"-- session --\nconnect TLSv1.3 cipher=AES128-SHA\n", `x.txt:2: connect: cipher "AES128-SHA" cannot be chosen with TLSv1.3`},
		"TLS option":      {"-- session --\nconnect\nSTARTTLS sni=x\n", `x.txt:3: STARTTLS: "sni=x" is none of VERSION, cipher=, cert=`},
		"certificate":     {"-- session --\nconnect\nSTARTTLS cert=good\n", `x.txt:3: STARTTLS: cert "good" is none of trusted, untrusted, nameless, odd, percent`},
		"AUTH":            {"-- session --\nconnect\nAUTH LOGIN\n", "x.txt:3: AUTH: expected PLAIN USER PASSWORD, or EXTERNAL"},
		"send":            {"-- session --\nconnect\nsend NOOP\n", "x.txt:3: send: expected a quoted text"},
		"QUIT":            {"-- session --\nconnect\nQUIT now\n", "x.txt:3: QUIT: takes no arguments"},
		"reply":           {"-- session --\nconnect => fine\n", `x.txt:2: "fine" is not CODE, STATUS, /REGEXP/, or closed`},
		"reply regexp":    {"-- session --\nconnect => 220 /(/\n", "x.txt:2: /(/: error parsing regexp: missing closing ): `(`"},
		"reply alone":     {"-- session --\n=> 220\n", "x.txt:2: a reply without a command above it"},
		"text alone":      {"-- session --\nconnect\n| text\n", "x.txt:3: a line of a message without DATA or BDAT above it"},
		"tag":             {"-- session --\n[exim] connect\n", "x.txt:2: [exim] is none of postfix sendmail milter policy both"},
		"tag empty":       {"-- session --\n[] connect\n", "x.txt:2: [] names nothing"},
		"tag open":        {"-- session --\n[postfix connect\n", "x.txt:2: [ without ]"},
		"only a tag":      {"-- session --\n[postfix]\n", "x.txt:2: no command"},
		"recipient":       {"-- delivered --\nb@example.org\n", `x.txt:2: "b@example.org" is none of: a recipient at example.com, held NUMBER, none`},
		"held":            {"-- delivered --\nheld some\n", "x.txt:2: held some: not a number"},
		"header alone":    {"-- delivered --\n  no X-A\n", "x.txt:2: a header without a recipient above it"},
		"header":          {"-- delivered --\nb@example.com\n  X-A\n", `x.txt:3: "X-A" is none of: NAME: VALUE, top NAME: VALUE, no NAME`},
		"header no":       {"-- delivered --\nb@example.com\n  no X-A: 1\n", `x.txt:3: "no X-A: 1" is not: no NAME`},
		"header regexp":   {"-- delivered --\nb@example.com\n  X-A: /a\n", "x.txt:3: /a does not end with /"},
		"log":             {"-- log --\nreject\n", `x.txt:2: "reject" has no key=value`},
		"log quote":       {"-- log --\na=\"b\n", "x.txt:2: value of a: invalid syntax"},
		"log regexp":      {"-- log --\na=/b\n", "x.txt:2: a: /b does not end with /"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseCase("x.txt", []byte(test.text))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestParseCase(t *testing.T) {
	c, err := ParseCase("x.txt", []byte(`# comment
mta: postfix sendmail  # both
front: both
service: smtps
-- tlswarden.toml --
enforce = "soft"
-- rules.toml --
a = "#"  # stays
-- list/partners.txt --
x
-- session --
connect TLSv1.2 cipher=AES128-SHA cert=trusted => 220
EHLO x
=> [sendmail] 5xx
=> closed
[postfix] DATA # comment
| Subject: a # b
|
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "x" || c.Service != "smtps" || c.Config != "enforce = \"soft\"\n" ||
		c.Files["rules.toml"] != "a = \"#\"  # stays\n" || c.Files["list/partners.txt"] != "x\n" {
		t.Errorf("got %+v", c)
	}
	if got := c.steps[0].options; got != (TLSOptions{"TLSv1.2", "AES128-SHA", "trusted"}) {
		t.Errorf("connect has options %+v", got)
	}
	if got := c.steps[1].expected("sendmail", FrontBoth).String(); got != "5xx" {
		t.Errorf("from sendmail EHLO expects %s", got)
	}
	if got := c.steps[1].expected("postfix", FrontBoth).String(); got != "closed" {
		t.Errorf("from postfix EHLO expects %s", got)
	}
	if got := strings.Join(c.steps[2].message, "$"); got != "Subject: a # b$" || c.steps[2].tags.hold("sendmail", FrontBoth) {
		t.Errorf("DATA has message %q, tags %v", got, c.steps[2].tags)
	}
	if c.deliveries != nil {
		t.Error("deliveries are looked at, though the case says nothing of them")
	}
}

// FuzzParseCase: sections are those of txtar, and errors tell file and line.
func FuzzParseCase(f *testing.F) {
	f.Add(least)
	f.Add("-- a --\r\n--  b  --\n-- --\n--  --\n-- c --x\nend")
	f.Add("-- a --\r")
	f.Add("-- session --\nconnect\n[postfix] DATA => 250 2.0.0 /x/\n| a\n-- delivered --\n[milter] b@example.com\n\ttop A: /b/\n-- log --\nno a=\"b c\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := ParseCase("x.txt", []byte(text)); err != nil && !strings.HasPrefix(err.Error(), "x.txt:") {
			t.Errorf("error without file and line: %v", err)
		}
		sections := split([]byte(text))
		archive := txtar.Parse([]byte(text))
		if len(sections) != len(archive.Files)+1 {
			t.Fatalf("%d sections, txtar has %d", len(sections)-1, len(archive.Files))
		}
		checkSection(t, sections[0].data, archive.Comment)
		for i, file := range archive.Files {
			if sections[i+1].name != file.Name {
				t.Errorf("section %q, txtar has %q", sections[i+1].name, file.Name)
			}
			checkSection(t, sections[i+1].data, file.Data)
		}
	})
}

// checkSection: txtar ends each section with a line break.
func checkSection(t *testing.T, got string, want []byte) {
	t.Helper()
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	if got != string(want) {
		t.Errorf("section is %q, txtar has %q", got, want)
	}
}

// TestOwnCases: the case files of this folder can be read, and each names a
// service that each of its servers has.
func TestOwnCases(t *testing.T) {
	cases, err := LoadCases("testdata")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{"postfix": {}, "sendmail": {}}
	for _, service := range postfixServices() {
		known["postfix"][service.name] = true
	}
	for _, service := range sendmailServices() {
		known["sendmail"][service.name] = true
	}
	for _, c := range cases {
		for _, server := range c.Servers {
			if !known[server][c.Service] {
				t.Errorf("%s: %s has no service %s", c.file, server, c.Service)
			}
		}
		if c.deliveries == nil && c.log == nil && !strings.Contains(c.Files["rules.toml"], "reply") {
			t.Errorf("%s looks at replies only", c.file)
		}
	}
}

// TestReadmeExample: the case file that README.md shows can be read.
func TestReadmeExample(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```\n")
	example, _, found := strings.Cut(example, "```\n")
	if !found {
		t.Fatal("README.md has no example")
	}
	if _, err := ParseCase("example.txt", []byte(example)); err != nil {
		t.Error(err)
	}
}
