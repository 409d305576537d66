package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestUpToDate shows that the Go file is what the CSV file gives today.
func TestUpToDate(t *testing.T) {
	in, err := os.Open("../" + source)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	want, err := generate(in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../" + target)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go generate ./internal/tlsname", target)
	}
}

const good = `"0x00,0x00",TLS_X,X,,SSLv3-TLSv1.2,128,N,N,N,N,N,N,N,Y,SHOULD NOT,MUST NOT`

func TestGenerate(t *testing.T) {
	rows := []string{
		`"0x13,0x01",TLS_Y,,Y1|Y2,TLSv1.3,256,Y,Y,N,N,N,N,N,N,TLS1.3 (see RFC 8446 s9.1),`,
		good,
		`"0x00,0x00,0x00",,Z,,SSLv2,0,N,N,N,N,N,N,N,N,MUST NOT,`,
	}
	got, err := generate(strings.NewReader(table(rows...)))
	if err != nil {
		t.Fatal(err)
	}
	want := `// Code generated from data/suites.csv by internal/tlsname/gen; DO NOT EDIT.

package tlsname

var suites = [...]Suite{
	{0x000000, "", "Z", 0, SSLv2, MustNot, 0, ""},
	{0x0000, "TLS_X", "X", 128, SSLv3, MustNot, isCBC, ""},
	{0x1301, "TLS_Y", "", 256, TLSv1_3, NotMentioned, isFS | isAEAD, "Y1 Y2"},
}
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestGenerateErrors(t *testing.T) {
	change := func(old, new string) string { return table(strings.Replace(good, old, new, 1)) }
	tests := []struct{ in, want string }{
		{"", "EOF"},
		{"hex\n", `columns are ["hex"], want ["hex" "iana_name" "openssl_name" "other_names" "family" "eff_bits" ` +
			`"forward_secrecy" "aead" "anon" "null_enc" "export" "rc4" "3des" "cbc" "rfc9325" "rfc10015"]`},
		{table(good, good), "code point 0x0 stands twice"},
		{change("TLS_X,X", ","), "line 2: a suite without a name"},
		{change("0x00,0x00", "0x00,0xGG"), `line 2: hex: strconv.ParseUint: parsing "00GG": invalid syntax`},
		{change("128", ""), `line 2: eff_bits: strconv.ParseUint: parsing "": invalid syntax`},
		{change("SSLv3-TLSv1.2", "SSLv2"), `line 2: family: "SSLv2" with a code point of 2 bytes`},
		{change("SSLv3-TLSv1.2", "TLSv1.4"), `line 2: family: "TLSv1.4" with a code point of 2 bytes`},
		{change("MUST NOT", "MAY"), `line 2: unknown judgement "MAY"`},
		{change("SHOULD NOT", "MAY"), `line 2: unknown judgement "MAY"`},
		{change("128,N,N", "128,N,"), `line 2: aead: "" is neither Y nor N`},
		{table("a,b"), "record on line 2: wrong number of fields"},
	}
	for _, tt := range tests {
		out, err := generate(strings.NewReader(tt.in))
		if err == nil || err.Error() != tt.want || out != nil {
			t.Errorf("generate(%q): %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestRunWithoutSource(t *testing.T) {
	t.Chdir(t.TempDir())
	var stderr bytes.Buffer
	if code := run(&stderr); code != 1 || stderr.String() != "gen: open data/suites.csv: no such file or directory\n" {
		t.Errorf("run() = %d, %q", code, stderr.String())
	}
}

func TestRun(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("data", 0o755); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	for i, tt := range []struct {
		csv, stderr string
		code        int
	}{
		{table("bad"), "gen: data/suites.csv: record on line 2: wrong number of fields\n", 1},
		{table(good), "", 0},
	} {
		stderr.Reset()
		if err := os.WriteFile(source, []byte(tt.csv), 0o644); err != nil {
			t.Fatal(err)
		}
		if code := run(&stderr); code != tt.code || stderr.String() != tt.stderr {
			t.Errorf("%d: run() = %d, %q, want %d, %q", i, code, stderr.String(), tt.code, tt.stderr)
		}
		if _, err := os.Stat(target); (err == nil) != (tt.code == 0) {
			t.Errorf("%d: the table: %v", i, err)
		}
	}
}

// table makes a CSV file of rows.
func table(rows ...string) string {
	return strings.Join(columns[:], ",") + "\n" + strings.Join(rows, "\n") + "\n"
}
