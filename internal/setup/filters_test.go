package setup

import (
	"slices"
	"strings"
	"testing"
)

const ourLine = "INPUT_MAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1, F=T, T=C:15s;S:10s;R:10s;E:1m')"

var ourMilter = []Address{{Host: "127.0.0.1", Port: "8465"}}

// TestHookMC hooks and unhooks; >>> stands where the line must go, and the text is
// then as it was.
func TestHookMC(t *testing.T) {
	for name, text := range map[string]string{
		"mailers":         "OSTYPE(`linux')dnl\n>>>MAILER(`local')dnl\nMAILER(`smtp')\n",
		"definitions":     "OSTYPE(`linux')\n>>>MAILER_DEFINITIONS\nMAILER(`smtp')\n",
		"local section":   "a\n>>>LOCAL_CONFIG\nCwexample.com\nMAILER(`smtp')\n",
		"local macros":    "LOCAL_DOMAIN(`example.com')\ndefine(`LOCAL_MAILER_PATH', `x')\n>>>MAILER(`smtp')\n",
		"commented":       "dnl MAILER(`x')\ndnl " + ourLine + "\n>>>MAILER(`smtp')\n",
		"others":          "INPUT_MAIL_FILTER(`a', `S=inet:1@127.0.0.1')\ndefine(`confX', `y')\n>>>MAILER(`smtp')\n",
		"list before":     "define(`confINPUT_MAIL_FILTERS', `a')\n>>>MAILER(`smtp')\n",
		"quoted":          "ifdef(`x', `\nMAILER(`uucp')\n')\n>>>MAILER(`smtp')\n",
		"comment in call": "define(`confX',dnl it's `here\n`MAILER(x)')dnl\n>>>MAILER(`smtp')\n",
		"CRLF":            "OSTYPE(`linux')\r\n>>>MAILER(`smtp')\r\n",
		"no mailer":       "OSTYPE(`linux')\n>>>",
		"no last end":     "OSTYPE(`linux')>>>",
		"no end but so":   "OSTYPE(`linux')\n>>>MAILER(`smtp')",
		"empty":           ">>>",
	} {
		was := strings.Replace(text, ">>>", "", 1)
		line := ourLine + "\n"
		if name == "CRLF" {
			line = ourLine + "\r\n"
		} else if name == "no last end" {
			line = "\n" + ourLine
		}
		got, needed := hookMC(was, ourLine, ourMilter, ourMilter)
		if want := strings.Replace(text, ">>>", line, 1); got != want || !needed {
			t.Errorf("%s: got\n%s", name, got)
		}
		if again, needed := hookMC(got, ourLine, ourMilter, ourMilter); needed || again != got {
			t.Errorf("%s: again\n%s", name, again)
		}
		if back := unhookMC(got, ourMilter); back != was {
			t.Errorf("%s: back\n%q\n%q", name, back, was)
		}
	}
}

// TestHookMCAgain shows what takes the place of a line that does not work.
func TestHookMCAgain(t *testing.T) {
	for name, text := range map[string]string{
		"taken back":    ourLine + "\ndefine(`confINPUT_MAIL_FILTERS', `a')\n",
		"not asked":     "define(`confINPUT_MAIL_FILTERS', `a')\nMAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1')\n",
		"other address": "define(`confINPUT_MAIL_FILTERS', `a')\nINPUT_MAIL_FILTER(`tlswarden', `S=inet:1@127.0.0.1')dnl\n",
	} {
		const want = "define(`confINPUT_MAIL_FILTERS', `a')\n" + ourLine + "\n"
		if got, needed := hookMC(text, ourLine, ourMilter, ourMilter); got != want || !needed {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	for name, text := range map[string]string{
		"by a list":    "MAIL_FILTER(`tls', `F=T, S=inet:8465@localhost')\ndefine(`confINPUT_MAIL_FILTERS', `a, tls')\n",
		"another name": "INPUT_MAIL_FILTER(`tls', `S=inet:8465@[127.0.0.1]')dnl\n",
		"many lines":   "INPUT_MAIL_FILTER(`tlswarden',\n  `S=inet:8465@127.0.0.1,\n   F=T')dnl\n",
	} {
		if got, needed := hookMC(text, ourLine, ourMilter, ourMilter); got != text || needed {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

func TestUnhookMC(t *testing.T) {
	for text, want := range map[string]string{
		"a\n  " + ourLine + "dnl ours\nb\n":                          "a\nb\n",
		"FEATURE(`x') " + ourLine + "\nb\n":                          "FEATURE(`x') \nb\n",
		ourLine + " FEATURE(`x')\n":                                  " FEATURE(`x')\n",
		"INPUT_MAIL_FILTER(`x',\n `S=inet:8465@127.0.0.1')dnl\nb\n":  "b\n",
		"INPUT_MAIL_FILTER(`x', `S=inet:1@127.0.0.1')\n" + ourLine:   "INPUT_MAIL_FILTER(`x', `S=inet:1@127.0.0.1')",
		"dnl " + ourLine + "\n":                                      "dnl " + ourLine + "\n",
		"XINPUT_MAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1')\n": "XINPUT_MAIL_FILTER(`tlswarden', `S=inet:8465@127.0.0.1')\n",
	} {
		if got := unhookMC(text, ourMilter); got != want {
			t.Errorf("%q\n%q", text, got)
		}
	}
}

func TestCFFilters(t *testing.T) {
	asked, defined := cfFilters("O InputMailFilters=a\nO InputMailFilters=b, tlswarden\nXb, S=local:/x\nXtlswarden, S=inet:8465@127.0.0.1, F=T\n#Xc, S=inet:1@x\n")
	if len(asked) != 2 || asked[1] != "tlswarden" || len(defined) != 2 || defined["tlswarden"] != "S=inet:8465@127.0.0.1, F=T" {
		t.Errorf("%q %q", asked, defined)
	}
}

// FuzzMC shows that any text can be hooked and unhooked, once, and is then as it was.
func FuzzMC(f *testing.F) {
	for _, s := range []string{"", "MAILER(`smtp')\n", "define(`a', dnl x\n`b')", "`'' LOCAL_X(", ourLine, "a dnl", "\r", "INPUT_MAIL_FILTER(`x',(`S=inet:8465@127.0.0.1'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range calls(text) {
			if c.start >= c.end || c.end > len(text) || !strings.HasPrefix(text[c.start:c.end], c.name) {
				t.Fatalf("%q: %+v", text, c)
			}
		}
		was := unhookMC(text, ourMilter)
		if len(was) > len(text) {
			t.Fatalf("%q became %q", text, was)
		}
		got, needed := hookMC(was, ourLine, ourMilter, ourMilter)
		if !needed {
			t.Fatalf("%q asks still", was)
		}
		if strings.Count(got, ourLine) != strings.Count(was, ourLine)+1 {
			t.Fatalf("%q became %q", was, got)
		}
		asks := slices.ContainsFunc(filters(got), func(f filter) bool { return f.input && got[f.start:f.end] == ourLine })
		if back := unhookMC(got, ourMilter); asks && back != was {
			t.Fatalf("%q became %q, and back %q", was, got, back)
		}
	})
}
