package message

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"tlswarden/rules"
)

// footprint is what a scanner of a body holds, in octets.
func footprint(s *Scanner) int {
	n := cap(s.body.line) + cap(s.body.tail) + cap(s.body.value) + cap(s.body.start.raw) + len(s.body.head.content.boundary) + len(s.body.head.content.also)
	for _, o := range s.body.open {
		n += len(o.boundary) + len(o.also)
	}
	return n
}

// FuzzBody shows that facts do not depend on where the body is cut, that memory
// stays bounded, and that the facts are of those that there are.
func FuzzBody(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.Data, []byte{3, 0, 70})
	}
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\n\n"+strings.Repeat("-", 2*maxLine)+"\n--b\nContent-Type: x/y; a="+strings.Repeat("y\n ", maxField)), []byte{255})
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\n\n"+strings.Repeat("--b\n\n", maxParts+9)), []byte{9})
	f.Fuzz(func(t *testing.T, msg, cuts []byte) {
		whole := encryptedOf(msg, pieces(len(msg)))
		switch whole {
		case "smime", "pgp", "no", "unknown":
		default:
			t.Fatalf("fact %q", whole)
		}
		at, s := 0, NewScanner(Wants{Encrypted: true})
		feed(s, msg, func() int {
			if at++; len(cuts) == 0 {
				return 1
			}
			return int(cuts[at%len(cuts)])
		})
		size := footprint(s)
		first := s.Facts()
		if got := first.Encrypted.Or("unknown"); got != whole {
			t.Errorf("%s whole, %s in pieces", whole, got)
		}
		if again := s.Facts(); again != first {
			t.Errorf("%v, then %v", first, again)
		}
		if size > 48<<10 {
			t.Errorf("%d octets held", size)
		}
	})
}

// FuzzResults shows that no field can break the parser, and that the facts are
// words.
func FuzzResults(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/results.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range archive.Files {
		f.Add(string(s.Data))
	}
	f.Add(`mx.example.org; spf=pass (\`)
	f.Add(`"mx.example.org" 1; none`)
	f.Fuzz(func(t *testing.T, value string) {
		field, ok := parseResults(value)
		id, named := AuthservID(value)
		if ok && !named {
			t.Fatalf("%q is well-formed and has no id", value)
		}
		for _, s := range field.said {
			if strings.Trim(strings.ToLower(s.word), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("result %q", s.word)
			}
		}
		if named && !SameID(id, id) {
			t.Errorf("%q is not itself", id)
		}
		if named && SameID(id, "mx.example.org") && !ok && resultsOf(value) != "? ? ?" {
			t.Errorf("%q is malformed and says %s", value, resultsOf(value))
		}
	})
}

// FuzzInjection shows that no text within a comment or a quoted string changes a
// result, if it is escaped as the grammar asks.
func FuzzInjection(f *testing.F) {
	for _, s := range []string{"; dmarc=pass", `"; dmarc=pass; x="`, `); dmarc=pass (`, `\`, `\"; dmarc=pass`, "\r\n\tdmarc=pass", "\x00;", "(((", `a@b; spf=pass`} {
		f.Add(s)
	}
	inComment := strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`)
	inQuotes := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, text string) {
		comment, quoted := "("+inComment.Replace(text)+")", `"`+inQuotes.Replace(text)+`"`
		for _, value := range []string{
			"mx.example.org %[1]s; spf=fail %[1]s; dkim=none; dmarc=fail",
			"%[1]s mx.example.org; spf=fail (a %[1]s) smtp.mailfrom=%[1]sx%[1]s;%[1]s dkim=none; dmarc=fail",
			"mx.example.org; spf%[1]s=%[1]sfail; dkim=none reason=%[2]s; dmarc=fail",
			"mx.example.org; spf=fail smtp.mailfrom=%[2]s@example.org; dkim=none header.b=a%[2]sb; dmarc=fail",
			"mx.example.org; spf=fail smtp.mailfrom=%[2]s%[1]s smtp.helo=%[2]s; dkim=none; dmarc=fail %[1]s",
		} {
			value = fmt.Sprintf(value+"%.0[1]s%.0[2]s", comment, quoted)
			if got := resultsOf(value); got != "fail none fail" {
				t.Errorf("%s of %q", got, value)
			}
		}
	})
}

// TestBounds gives what has no end or no bottom, and shows that it is told so,
// soon, and without much memory.
func TestBounds(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%dx\n\n--b%dx\n", i, i)
		}
		return b.String() + "Content-Type: application/pgp-encrypted\n\n"
	}
	top := "Content-Type: multipart/mixed; boundary=b\n\n"
	const much = 4 << 20
	for _, c := range []struct{ name, msg, want string }{
		{"depth allowed", nested(maxDepth), "pgp"},
		{"depth beyond", nested(maxDepth + 1), "unknown"},
		{"depth far beyond", nested(10_000), "unknown"},
		{"parts allowed", top + strings.Repeat("--b\n\n", maxParts-1) + "--b\nContent-Type: application/pgp-encrypted\n\n", "pgp"},
		{"parts beyond", top + strings.Repeat("--b\n\n", maxParts) + "--b\nContent-Type: application/pgp-encrypted\n\n", "unknown"},
		{"endless line", top + strings.Repeat("-", much), "unknown"},
		{"endless line after a part", top + "--b\n\nx\n" + strings.Repeat("-", much), "no"},
		{"endless padding", top + "--b" + strings.Repeat(" ", much) + "\nContent-Type: application/pgp-encrypted\n\n", "unknown"},
		{"endless header", top + "--b\n" + strings.Repeat("X: y\n", much/5), "no"},
		{"endless field", top + "--b\nX: " + strings.Repeat("y\n ", much/3), "no"},
		{"endless type", top + "--b\nContent-Type: x/y; a=" + strings.Repeat("y\n ", much/3), "unknown"},
		{"endless disposition", top + "--b\nContent-Disposition: x; a=" + strings.Repeat("y\n ", much/3), "unknown"},
		{"long disposition of a file", "Content-Type: x/y\nContent-Disposition: x; a=" + strings.Repeat("y", maxField) + "\n\n", "no"},
		{"long disposition of octets", "Content-Type: application/octet-stream\nContent-Disposition: x; a=" + strings.Repeat("y", maxField) + "\n\nx", "unknown"},
		{"long encoding", "Content-Type: text/plain\nContent-Transfer-Encoding: (" + strings.Repeat("y", maxField) + ") 7bit\n\nx", "unknown"},
		{"many names", "Content-Type: application/octet-stream; " + strings.Repeat("name*9=a;", 900) + "\n\nx", "unknown"},
		{"long type", "Content-Type: x/y; a=" + strings.Repeat("y", maxField) + "\n\n", "unknown"},
		{"endless blank", top + "--b\n\n" + strings.Repeat("\n", much), "unknown"},
		{"endless line of text", "Content-Type: text/plain\n\n" + strings.Repeat("x ", much), "no"},
		{"endless end of armor", "Content-Type: text/plain\n\n" + armor + strings.Repeat(" ", much), "unknown"},
		{"armor across the end", "Content-Type: text/plain\n\n" + strings.Repeat(" ", maxBeginning-9) + "\n" + armored, "unknown"},
		{"endless delimiters", top + strings.Repeat("--\n", much/3), "unknown"},
		{"long boundary", "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", maxBoundary+1) + "\n\n", "unknown"},
	} {
		s := NewScanner(Wants{Encrypted: true})
		feed(s, []byte(c.msg), pieces(65535))
		if n := footprint(s); n > 32<<10 {
			t.Errorf("%s: %d octets held", c.name, n)
		}
		if got := s.Facts().Encrypted.Or("unknown"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestManyFields shows that a header of any length leaves nothing behind.
func TestManyFields(t *testing.T) {
	s := NewScanner(Wants{Encrypted: true, TLSRequired: true, Trusted: []string{"mx.example.org"}})
	s.Header("Authentication-Results", "mx.example.org; spf=pass")
	allocs := testing.AllocsPerRun(10_000, func() {
		s.Header("X-Field", "value")
		s.Header("Authentication-Results", " other.example; spf=pass")
		s.Header("Authentication-Results", " mx.example.org; dkim=pass")
		s.Header("TLS-Required", "No")
		s.Header("Content-Type", "text/plain")
	})
	if allocs != 0 {
		t.Errorf("%v allocations for further fields", allocs)
	}
	if f := s.Facts(); f != (Facts{Encrypted: rules.Known("no"), SPF: rules.Known("pass")}) {
		t.Errorf("%v", f)
	}
}

func benchmarkMessage(b *testing.B, msg []byte) {
	header, body, _ := strings.Cut(string(msg), "\n\n")
	text := []byte(body)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(Wants{Encrypted: true, TLSRequired: true, Trusted: []string{"mx.example.org"}})
		s.Header("Received", " from a by b; now")
		s.Header("Authentication-Results", " mx.example.org; spf=pass smtp.mailfrom=a@example.org")
		s.Header("Content-Type", strings.TrimPrefix(header, "Content-Type:"))
		for rest := text; s.WantsBody() && len(rest) > 0; {
			n := min(65535, len(rest))
			s.Body(rest[:n])
			rest = rest[n:]
		}
		if got := s.Facts().Encrypted.Or("?"); got != path.Base(b.Name()) {
			b.Fatal(got)
		}
	}
}

// BenchmarkMultipart reads a body of 50 MB, mostly an attachment in base64 or
// something worse, to its end.
func BenchmarkMultipart(b *testing.B) {
	const size = 50_000_000
	for _, c := range []struct{ name, line string }{
		{"base64", strings.Repeat("QUJD", 19) + "\r\n"},
		{"short-lines", "x\r\n"},
		{"like-delimiters", "--frontie\r\n"},
		{"one-line", "x"},
	} {
		b.Run(c.name+"/no", func(b *testing.B) {
			benchmarkMessage(b, []byte("Content-Type: multipart/mixed; boundary=frontier\n\n--frontier\r\nContent-Type: text/plain\r\n\r\nHello\r\n--frontier\r\n"+
				"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"+strings.Repeat(c.line, size/len(c.line))+"\r\n--frontier--\r\n"))
		})
	}
}

// BenchmarkHeader is a message that its header settles.
func BenchmarkHeader(b *testing.B) {
	b.Run("smime", func(b *testing.B) {
		benchmarkMessage(b, []byte("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\n"))
	})
}
