package policyd

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestFacts reads the requests of testdata/facts.txtar, where those of Postfix's
// releases are, and compares what is known then.
func TestFacts(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/facts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		t.Run(file.Name, func(t *testing.T) {
			text, want, ok := strings.Cut(string(file.Data), "\n\n")
			if !ok {
				t.Fatal("no empty line after the request")
			}
			if got := known(session(t, first+text+"\n\n")); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestDecodeXtext(t *testing.T) {
	cases := []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"a+20b", "a b"},
		{"J+C3+B6rg", "Jörg"},
		{"+2B+3D", "+="},
		{"+00", "\x00"},
		{"a+", "a+"},         // as all below: not xtext
		{"a+2", "a+2"},       //
		{"a+20+2", "a+20+2"}, //
		{"a+2b", "a+2b"},     // RFC 3461: upper case only
		{"a+GG", "a+GG"},     //
		{"a + b", "a + b"},   //
	}
	for _, c := range cases {
		if got := decodeXtext(c.in); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}
