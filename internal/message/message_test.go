package message

import (
	"bytes"
	"encoding/base64"
	"path"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tlswarden/rules"
)

// feed gives a message to a scanner, its body in pieces whose lengths cut tells
// in turn, and returns the octets of the body that were taken.
func feed(s *Scanner, msg []byte, cut func() int) (taken int) {
	header, body := msg, []byte(nil)
	for _, blank := range []string{"\r\n\r\n", "\n\n"} {
		if h, b, ok := bytes.Cut(header, []byte(blank)); ok {
			header, body = h, b
		}
	}
	name, value := "", ""
	for line := range bytes.Lines(header) {
		text := strings.TrimRight(string(line), "\r\n")
		if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") {
			value += "\n" + text
			continue
		}
		if name != "" {
			s.Header(name, value)
		}
		name, value, _ = strings.Cut(text, ":")
	}
	if name != "" {
		s.Header(name, value)
	}
	for more := s.WantsBody(); more && len(body) > 0; {
		n := min(max(cut(), 1), len(body))
		piece := bytes.Clone(body[:n])
		more = s.Body(piece)
		clear(piece) // nothing of it may be kept
		body, taken = body[n:], taken+n
	}
	return taken
}

func pieces(n int) func() int { return func() int { return n } }

func encryptedOf(msg []byte, cut func() int) string {
	s := NewScanner(Wants{Encrypted: true})
	feed(s, msg, cut)
	return s.Facts().Encrypted.Or("unknown")
}

func samples(t testing.TB) []txtar.File {
	archive, err := txtar.ParseFile("testdata/encrypted.txtar")
	if err != nil || len(archive.Files) < 50 {
		t.Fatalf("%d samples: %v", len(archive.Files), err)
	}
	return archive.Files
}

// TestEncrypted reads each sample with both ends of lines, whole and in pieces.
func TestEncrypted(t *testing.T) {
	for _, f := range samples(t) {
		want := strings.TrimPrefix(path.Ext(f.Name), ".")
		data := f.Data
		if strings.HasPrefix(f.Name, "pgp-inline-cut.") {
			data = bytes.TrimSuffix(data, []byte("\n")) // txtar cannot hold it
		}
		for _, eol := range []string{"\n", "\r\n"} {
			msg := bytes.ReplaceAll(data, []byte("\n"), []byte(eol))
			for _, n := range []int{1, 2, 3, 7, 64, 1 << 20} {
				if got := encryptedOf(msg, pieces(n)); got != want {
					t.Errorf("%s, lines ending in %q, pieces of %d: %s", f.Name, eol, n, got)
				}
			}
		}
	}
}

func TestBinaryCMS(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"\x30\x82\x01\xd8\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "smime"},
		{"\x30\x0a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "smime"},
		{"\x30\x82\x0a\x0a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "smime"},
		{"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "smime"},
		{"\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\xa0", "smime"},
		{"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", "no"},
		{"\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09\xa0", "no"},
		{"\x30\x84\x00\x00\x10\x00\x06\x81\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "smime"},
		{"", "no"},

		// What it is cannot be read, or is none of the types that are in the clear.
		{"\x31\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "unknown"},
		{"\x30\xff\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0", "unknown"},
		{"\x30\x80\x06\x80\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", "unknown"},
		{"\x30\x80\x06\x84\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0", "unknown"},
		{"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06\xa0", "unknown"},
		{"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04\xa0", "unknown"},
		{"\x30\x80\x06\x09\x2a\x86\x48", "unknown"},
		{"\x30\x84\x06", "unknown"},
		{"\x30", "unknown"},
		{"MIAGCSqGSIb3DQEHA6CA", "unknown"},
		{"-----BEGIN PKCS7-----", "unknown"},
	} {
		whole := "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: binary\n\n" + c.content
		part := "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + whole + "\r\n--b--\r\n"
		base64ed := "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\n" +
			base64.StdEncoding.EncodeToString([]byte(c.content))
		for _, n := range []int{1, 5, 100} {
			for _, msg := range []string{whole, strings.Replace(part, "boundary=b\n\n", "boundary=b\r\n\r\n", 1), base64ed} {
				if got := encryptedOf([]byte(msg), pieces(n)); got != c.want {
					t.Errorf("%q, pieces of %d: %s, want %s", msg, n, got, c.want)
				}
			}
		}
	}
}

// TestBodyAsNeeded shows how much of a body of 1 MiB is taken in pieces of 64 KiB.
func TestBodyAsNeeded(t *testing.T) {
	const all, piece = 1 << 20, 64 << 10
	for _, c := range []struct {
		header string
		body   string
		taken  int
	}{
		{"Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "", piece},
		{"Content-Type: application/pkcs7-mime; smime-type=signed-data", "", piece},
		{"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b", "", 0},
		{"Content-Type: text/html", "", 0},
		{"Content-Type: application/pdf", "", 0},
		{"Content-Type: multipart/mixed", "", 0},
		{"Content-Type: text/plain\nContent-Type: text/html", "", 0},
		{"Content-Type: application/octet-stream; name=smime.p7m", "", piece},
		{"Content-Type: application/octet-stream; name=smime.p7s", "", 0},
		{"Content-Type: text/plain\nContent-Transfer-Encoding: base64;", "", 0},
		{"Content-Type: text/plain", "", piece},
		{"Content-Type: text/plain", strings.Repeat("\n", 5000), piece},
		{"Content-Type: application/pkcs7-mime", "", piece},
		{"Content-Type: multipart/mixed; boundary=b", "--b\nContent-Type: application/pgp-encrypted\n\n", piece},
		{"Content-Type: multipart/mixed; boundary=b", "--b\n\nhello\n--b--\n", piece},
		{"Content-Type: multipart/mixed; boundary=b", "--b\n\nhello\n", all},
	} {
		body := c.body + strings.Repeat("x", all-len(c.body))
		if got := feed(NewScanner(Wants{Encrypted: true}), []byte(c.header+"\n\n"+body), pieces(piece)); got != c.taken {
			t.Errorf("%s, %q: %d octets taken, want %d", c.header, c.body, got, c.taken)
		}
	}
	if got := feed(NewScanner(Wants{TLSRequired: true, Trusted: []string{"mx"}}), []byte("Content-Type: text/plain\n\nx"), pieces(1)); got != 0 {
		t.Errorf("%d octets taken that nothing is asked of", got)
	}
}

func TestTLSRequired(t *testing.T) {
	for _, c := range []struct {
		header string
		want   string
	}{
		{"", "false"},
		{"TLS-Required: No", "true"},
		{"tls-required:no", "true"},
		{"TLS-Required:\n NO \r", "true"},
		{"TLS-Required: Yes", "false"},
		{"TLS-Required: No (really)", "true"},
		{"TLS-Required:\n (a (b) \\) \"c)\n\tno\n ()", "true"},
		{"TLS-Required: (No) Yes", "false"},
		{"TLS-Required: No, No", "unknown"},
		{"TLS-Required: No;", "unknown"},
		{"TLS-Required: \"No\"", "unknown"},
		{"TLS-Required: No (really", "unknown"},
		{"TLS-Required: Not now", "unknown"},
		{"TLS-Required:", "false"},
		{"TLS-Required: No\nTLS-Required: No", "unknown"},
		{"TLS-Required: No\nTLS-Required: Yes", "unknown"},
		{"X-TLS-Required: No", "false"},
	} {
		s := NewScanner(Wants{TLSRequired: true})
		feed(s, []byte(c.header+"\n\n"), pieces(1))
		want := rules.Known(c.want == "true")
		if c.want == "unknown" {
			want = rules.Fact[bool]{}
		}
		if got := s.Facts(); got != (Facts{TLSRequiredNo: want}) {
			t.Errorf("%q: %v, want %s alone", c.header, got, c.want)
		}
	}
}

// TestNotAsked shows that what is not asked for stays unknown, and that fields
// that come after the body began change nothing.
func TestNotAsked(t *testing.T) {
	s := NewScanner(Wants{})
	feed(s, []byte("TLS-Required: No\nAuthentication-Results: ; spf=pass\nContent-Type: multipart/mixed\n\n"), pieces(1))
	if got := s.Facts(); got != (Facts{}) {
		t.Errorf("%v", got)
	}
	s = NewScanner(Wants{TLSRequired: true})
	s.WantsBody()
	s.Header("TLS-Required", "No")
	if got := s.Facts().TLSRequiredNo; got != rules.Known(false) {
		t.Errorf("%v after the header", got)
	}
}
