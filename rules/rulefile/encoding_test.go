package rulefile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestListEncodings shows that a list file that is not text in UTF-8 is refused as that,
// and that one that is, is read.
func TestListEncodings(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"utf-16le", "\xff\xfea\x00.\x00d\x00e\x00\n\x00", "l.txt: error: list \"l\": the file is in UTF-16\n\thint: save it in UTF-8, or convert it: iconv -f UTF-16 -t UTF-8"},
		{"utf-16be", "\xfe\xff\x00a\x00.\x00d\x00e\x00\n", "l.txt: error: list \"l\": the file is in UTF-16\n\thint: save it in UTF-8, or convert it: iconv -f UTF-16 -t UTF-8"},
		{"utf-16 without a mark", "a\x00.\x00d\x00e\x00\r\x00\n\x00", "l.txt: error: list \"l\": the file is in UTF-16\n\thint: save it in UTF-8, or convert it: iconv -f UTF-16 -t UTF-8"},
		{"latin-1", "a.example\r\nm\xfcller.example\r\n", "l.txt:2: error: list \"l\": the line is not in UTF-8\n\thint: save it in UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8"},
		{"latin-1 in a comment", "a.example # M\xfcller\n", "l.txt:1: error: list \"l\": the line is not in UTF-8\n\thint: save it in UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8"},
		{"CR alone", "a.example\rb.example\r", "l.txt:1: error: list \"l\": lines end with CR alone\n\thint: save the file with the line ends of Unix, or convert it: tr '\\r' '\\n'"},
		{"CR alone in the third line", "a.example\nb.example\nc.example\rd.example\n", "l.txt:3: error: list \"l\": lines end with CR alone\n\thint: save the file with the line ends of Unix, or convert it: tr '\\r' '\\n'"},
		{"a no-break space", "a.example\u00a0\n", ""},
		{"a mark, CRLF, no end", "\xef\xbb\xbfa.example\r\n\r\nm\u00fcller.example", ""},
	} {
		dir := t.TempDir()
		list, file := filepath.Join(dir, "l.txt"), filepath.Join(dir, "r.toml")
		rule := "[list]\nl = { file = \"l.txt\" }\n[[rule]]\nname = \"r\"\nwhen = { sender_domain = \"@l\", client = \"192.0.2.1\" }\naction = \"tag\"\n"
		for name, data := range map[string]string{list: c.data, file: rule} {
			if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, d := range LoadFiles([]string{file}, Options{Now: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}).Found {
			got = append(got, strings.TrimPrefix(d.String(), dir+"/"))
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, text, c.want)
		}
	}
}
