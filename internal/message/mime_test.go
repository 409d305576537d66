package message

import (
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"testing"
)

// The contents that headers are put before.
var (
	armored   = armor + "\n\nhQEMA\n=abcd\n-----END PGP MESSAGE-----\n"
	enveloped = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80" + strings.Repeat("\x01", 60)
	signed    = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80" + strings.Repeat("\x01", 60)
	inBase    = base64.StdEncoding.EncodeToString
)

// heldBy checks what is found in a header before a body: as a whole message and as
// a part of one, with either end of lines, cut anywhere.
func heldBy(t *testing.T, header, body, want, wantInPart string) {
	t.Helper()
	whole := header + "\n\n" + body
	part := "Content-Type: multipart/mixed; boundary=outermost\n\n--outermost\nContent-Type: text/html\n\nx\n--outermost\n" +
		whole + "\n--outermost\nContent-Type: text/plain\n\nfooter\n--outermost--\n"
	for _, c := range []struct{ where, msg, want string }{{"whole", whole, want}, {"part", part, wantInPart}} {
		for _, eol := range []string{"\n", "\r\n"} {
			msg := []byte(strings.ReplaceAll(c.msg, "\n", eol))
			for _, n := range []int{1, 7, 1 << 20} {
				if got := encryptedOf(msg, pieces(n)); got != c.want {
					t.Errorf("%s, lines ending in %q, pieces of %d: %s, want %s\n%s", c.where, eol, n, got, c.want, header)
				}
			}
		}
	}
}

// TestTypeSpellings spells types of content in each way, before content that is
// encrypted if the type says what it may be.
func TestTypeSpellings(t *testing.T) {
	const in64 = "\nContent-Transfer-Encoding: base64"
	smime := inBase([]byte(enveloped))
	for _, c := range []struct{ header, body, want string }{
		// Comments and folds between all tokens (RFC 2045 section 5.1).
		{"text/plain (OpenPGP)", armored, "pgp"},
		{"(a) text (b) / (c) plain (d) ; (e) charset (f) = (g) us-ascii (h)", armored, "pgp"},
		{"(a(b(c)d)(e))text/plain", armored, "pgp"},
		{"text/plain (a \\) \\( \\\\ \\\" b)", armored, "pgp"},
		{"text/plain(no blank);charset=utf-8", armored, "pgp"},
		{"\n text/plain\n\t(fold\n  in a comment)\n ;\n charset=utf-8", armored, "pgp"},
		{"text/\n plain", armored, "pgp"},
		{"TEXT/(html)PLAIN", armored, "pgp"},
		{"(text/html) text/plain", armored, "pgp"},
		{"text/plain (; charset=utf-8)", armored, "pgp"},
		{"text/plain ()", armored, "pgp"},
		{"text/plain;;; charset=utf-8; ;", armored, "pgp"},
		{"text/plain; charset=\"utf-8\" (x); format=flowed (y)", armored, "pgp"},
		{"application/pkcs7-mime (c); (c) smime-type (c) = (c) enveloped-data (c); (c)", "x", "smime"},
		{"application/pkcs7-mime; smime-type=enveloped-data(c);name=x", "x", "smime"},
		{"application/pkcs7-mime; smime-type=\"enveloped-data\" (c)", "x", "smime"},
		{"application/(c)x-pkcs7-mime(c);(c)smime-type=(c)authEnveloped-data", "x", "smime"},
		{"application/pkcs7-mime; smime-type=(enveloped-data) signed-data", "", "no"},
		{"application/pkcs7-mime; smime-type=signed-data (enveloped-data)" + in64, inBase([]byte(signed)), "no"},
		{"application/pkcs7-mime (c)" + in64, smime, "smime"},

		// What follows the type and is no parameter, or cannot be read.
		{"text/plain (no end", armored, "unknown"},
		{"text/plain charset=utf-8", armored, "unknown"},
		{"text/plain, text/html", armored, "unknown"},
		{"text/plain; charset=\"utf-8", armored, "pgp"},
		{"text/plain; charset=utf-8 (no end", armored, "pgp"},
		{"text/plain; name=My File.txt", armored, "pgp"},
		{"text/plain; charset", armored, "pgp"},
		{"text/plain/x", armored, "unknown"},
		{"text", armored, "unknown"},
		{"text/", armored, "unknown"},
		{"/plain", armored, "unknown"},
		{"\"text/plain\"", armored, "unknown"},
		{"; charset=utf-8", armored, "unknown"},
		{"(text/plain)", armored, "unknown"},
		{"", armored, "pgp"},
		{"text/html (text/plain)", armored, "no"},
		{"text/plain x", "Hello\n", "no"},
		{"text", "Hello\n", "no"},
		{"multipart", "Hello\n", "unknown"},
		{"pkcs7-mime; smime-type=enveloped-data", "Hello\n", "unknown"},

		// Content that some readers take for a PGP message.
		{"text/plain", "\xef\xbb\xbf" + armored, "unknown"},
		{"text/plain; charset=utf-16le" + in64, inBase([]byte("\xff\xfe" + strings.Join(strings.Split(armored, ""), "\x00") + "\x00")), "unknown"},
		{"text/plain; charset=utf-32be" + in64, inBase([]byte("\x00\x00\x00" + strings.Join(strings.Split(armored, ""), "\x00\x00\x00"))), "unknown"},
		{"text/plain; charset=utf-16le" + in64, inBase([]byte("\xff\xfeH\x00i\x00\n\x00")), "no"},
		{"text/plain" + in64, "Cg==" + inBase([]byte(armored)), "unknown"},
		{"text/plain" + in64, "=" + inBase([]byte(armored)), "unknown"},
		{"text/plain" + in64, inBase([]byte(armored)) + "AAAA", "pgp"},
		{"text/plain" + in64, inBase([]byte("Hello\n")) + "==" + inBase([]byte(armored)), "no"},
		{"text/plain" + in64, "77u/=" + inBase([]byte(armored)), "unknown"},
		{"text/plain" + in64, inBase([]byte(strings.ReplaceAll(armored, "\n", "\r"))), "unknown"},
		{"text/plain", "\r" + armored, "unknown"},
		{"text/plain", strings.ReplaceAll(armored, "\n", "\r"), "unknown"},
		{"text/plain\nContent-Transfer-Encoding: quoted-printable", "=0D" + armored, "unknown"},
		{"text/plain", "Hello\rworld\r" + armored, "no"},
		{"application/pgp; format=text; x-action=encrypt", armored, "unknown"},
		{"application/pgp; format=text; x-action=sign", "-----BEGIN PGP SIGNED MESSAGE-----\n", "no"},
		{"text/plain", "\x0c" + armored, "unknown"},
		{"text/plain", " " + armored, "unknown"},
		{"text/plain; format=flowed; delsp=yes", " \n " + armored, "unknown"},
		{"text/plain", "\v\n\x85\n\xc2\x85" + armored, "unknown"},
		{"text/plain; charset=iso-8859-1", "\xa0" + armored, "unknown"},
		{"text/plain; charset=utf-8", "\u200b\u2060" + armored, "unknown"},
		{"text/plain; charset=utf-8", "-----BEGIN\u00a0PGP\u00a0MESSAGE-----\n\nhQEMA\n", "unknown"},
		{"text/plain; charset=iso-2022-jp", "\x1b(B" + armored, "unknown"},
		{"text/plain; charset=iso-2022-kr", "\x1b$)C" + armored, "unknown"},
		{"text/plain", "-----BEGIN PGP MESSAGE, PART 1/2-----\n\nhQEMA\n", "unknown"},
		{"text/plain", "> " + armored, "no"},
		{"text/plain", "Here it is:\n" + armored, "no"},
		{"text/plain; charset=iso-2022-jp", "\x1b$B$3$s$K$A$O\x1b(B\n", "no"},
		{"text/plain\nContent-Transfer-Encoding: quoted-printable", "\x01" + armored, "unknown"},
		{"text/plain\nContent-Transfer-Encoding: quoted-printable", "-----BEGIN=20PGP MES=\nSAGE-----\n\nhQEMA\n", "pgp"},
		{"text/plain\nContent-Transfer-Encoding: quoted-printable", "-----BEGIN\x01=20PGP MESSAGE-----\n\n", "unknown"},
		{"text/plain\nContent-Transfer-Encoding: quoted-printable", "Hello =ZZ\n", "no"},

		// Charsets in which text is not what it seems.
		{"text/plain; charset=utf-7", armored, "unknown"},
		{"text/plain; charset=\"UTF-7\"", "+AC0ALQAtAC0ALQ-BEGIN PGP MESSAGE+AC0ALQAtAC0ALQ-\n", "unknown"},
		{"text/plain; charset=x-utf-7", "Hello\n", "unknown"},
		{"text/plain; charset=ibm037" + in64, inBase([]byte("\x60\x60\x60\x60\x60\xc2\xc5\xc7\xc9\xd5")), "unknown"},
		{"text/plain; charset=hz-gb-2312", "~{~}" + armored, "unknown"},
		{"text/plain; charset=utf-8; charset=utf-7", "Hello\n", "unknown"},
		{"text/plain; charset*=us-ascii'en'utf-7", "Hello\n", "unknown"},
		{"text/plain; charset*=us-ascii''utf%2D7", "Hello\n", "unknown"},
		{"text/plain; charset*0=ut; charset*1=f-7", "Hello\n", "unknown"},
		{"text/plain; charset*=us-ascii''utf-8", "Hello\n", "no"},
		{"text/plain; charset=(utf-8) utf-7", "Hello\n", "unknown"},
		{"text/plain (a; charset=utf-7)", "Hello\n", "unknown"},
		{"text/plain charset=utf-7", "Hello\n", "unknown"},
		{"text/plain; x=\"; charset=utf-7", "Hello\n", "unknown"},
		{"text; charset=utf-7", "Hello\n", "unknown"},
		{"text/plain; charset='utf-7'", "Hello\n", "unknown"},
		{"text/plain; charset='utf-8'", "Hello\n", "no"},
		{"text/plain; charset=iso-8859-15 (Latin 9)", armored, "pgp"},
		{"text/plain; charset=windows-1251", armored, "pgp"},
		{"text/plain; charset=KOI8-R", armored, "pgp"},
		{"text/plain; charset=cp850", armored, "pgp"},
		{"text/plain; charset=ANSI_X3.4-1968", armored, "pgp"},
		{"text/plain; charset=GB18030", armored, "pgp"},
		{"text/plain; charset=ks_c_5601-1987", armored, "pgp"},
		{"text/plain; charset=unknown-8bit", armored, "pgp"},
		{"text/plain; charset=", armored, "pgp"},
		{"text/html; charset=utf-7", "Hello\n", "no"},

		// Types that are almost those of encrypted content.
		{"application/x-pkcs7" + in64, smime, "unknown"},
		{"application/pkcs7-mime2; smime-type=enveloped-data" + in64, inBase([]byte(signed)), "no"},
		{"application/pkcs7-signature; name=smime.p7s" + in64, inBase([]byte(signed)), "no"},
		{"application/x-pkcs7-signature", "x", "no"},
		{"application/x-pgp-encrypted", "Version: 1\n", "unknown"},
		{"application/pgp-signature", "x", "no"},
		{"application/pgp-keys", "x", "no"},

		// Types of S/MIME that say what the content is, or leave it open.
		{"application/pkcs7-mime; smime-type=enveloped-data; smime-type=\"Enveloped-Data\"", "x", "smime"},
		{"application/pkcs7-mime; smime-type=enveloped-data; smime-type=signed-data" + in64, smime, "smime"},
		{"application/pkcs7-mime; smime-type=enveloped-data; smime-type=signed-data", "x", "unknown"},
		{"application/pkcs7-mime; smime-type*=us-ascii''enveloped-data", "x", "unknown"},
		{"application/pkcs7-mime; smime-type=enveloped-data signed-data", "x", "unknown"},
		{"application/pkcs7-mime; smime-type=\"enveloped-data", "x", "unknown"},
		{"application/pkcs7-mime; smime-type=encrypted" + in64, smime, "smime"},
		{"application/pkcs7-mime; name=a; name=b; smime-type=enveloped-data", "x", "smime"},
		{"application/pkcs7-mime (; smime-type=signed-data); smime-type=enveloped-data", "x", "unknown"},
		{"application/pkcs7-mime x" + in64, smime, "unknown"},
		{"application/pkcs7-mime" + in64, inBase([]byte(signed)), "no"},
		{"application/pkcs7-mime", smime, "unknown"},
		{"application/cms; encapsulatingContent=x" + in64, smime, "unknown"},
		{"application/cms" + in64, inBase([]byte(signed)), "no"},

		// A type of S/MIME that the content contradicts.
		{"application/pkcs7-mime; smime-type=signed-data" + in64, smime, "unknown"},
		{"application/x-pkcs7-mime; smime-type=compressed-data", enveloped, "unknown"},
		{"application/pkcs7-mime; smime-type=certs-only", "-----BEGIN PKCS7-----\n" + smime, "unknown"},
		{"application/pkcs7-mime; smime-type=signed-data\nContent-Transfer-Encoding: x-odd", smime, "unknown"},
		{"application/pkcs7-mime; smime-type=signed-receipt" + in64, "M=" + smime[1:], "unknown"},
		{"application/pkcs7-mime; smime-type=enveloped-data" + in64, inBase([]byte(signed)), "unknown"},
		{"application/pkcs7-mime; smime-type=authEnveloped-data", signed, "unknown"},

		// More than is looked at that readers ignore, or may.
		{"application/pkcs7-mime" + in64, strings.Repeat("\n", 5000) + smime, "unknown"},
		{"application/pkcs7-mime" + in64, strings.Repeat("!", 5000) + smime, "unknown"},
		{"application/pkcs7-mime\nContent-Transfer-Encoding: binary", strings.Repeat("\n", 5000) + enveloped, "unknown"},
		{"application/octet-stream; name=a.p7m" + in64, strings.Repeat("\n", 5000) + smime, "unknown"},
		{"application/pkcs7-mime; smime-type=enveloped-data" + in64, strings.Repeat("\n", 5000) + inBase([]byte(signed)), "unknown"},
		{"application/pkcs7-mime" + in64, "=" + smime, "unknown"},
		{"application/pkcs7-mime" + in64, strings.Repeat("\n", 1500), "no"},
	} {
		heldBy(t, "Content-Type: "+c.header, c.body, c.want, c.want)
	}
	for at := range 4 { // padding too early
		heldBy(t, "Content-Type: text/plain"+in64, inBase([]byte(armored))[:at]+"="+inBase([]byte(armored))[at:], "unknown", "unknown")
		heldBy(t, "Content-Type: application/pkcs7-mime"+in64, smime[:at]+"="+smime[at:], "unknown", "unknown")
	}
	heldBy(t, "Content-Type: application/pgp-encrypted (control part)", "Version: 1\n", "no", "pgp")
	heldBy(t, "Content-Type: (c) Application (c) / (c) PGP-Encrypted (c);(c)", "Version: 1\n", "no", "pgp")
	heldBy(t, "Content-Type: application/pgp-encrypted, text/plain", "Version: 1\n", "no", "unknown")
	heldBy(t, "Content-Type: text/html\nContent-Type: text/html; charset=utf-8", "x", "no", "no")
	heldBy(t, "Content-Type: text/plain\nContent-Type: text/plain; charset=utf-8", armored, "pgp", "pgp")
	heldBy(t, "Content-Type: text/html\nContent-Type: text/plain", armored, "unknown", "unknown")
	heldBy(t, "X-A: b\rContent-Type: application/pgp-encrypted", "x", "unknown", "unknown")
	heldBy(t, "Content-Type: text/html\r x", "x", "unknown", "unknown")
}

// TestDoubtfulParts cuts multiparts where readers do not agree.
func TestDoubtfulParts(t *testing.T) {
	const control, html, last = "--bd\nContent-Type: application/pgp-encrypted", "--bd\nContent-Type: text/html\n\nx\n", "\n--bd--\n"
	long := strings.Repeat("x", 9000)
	for _, c := range []struct{ parts, want string }{
		// A header that no blank line ends.
		{control + last, "unknown"},
		{control, "unknown"},
		{control + "\n" + html + last, "unknown"},
		{control + "\n" + control + "\n\nx" + last, "pgp"},
		{control + "; x=\n y" + last, "unknown"},
		{"--bd\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data" + last, "unknown"},
		{"--bd\nContent-Type: multipart/encrypted; protocol=application/pgp-encrypted; boundary=x" + last, "unknown"},
		{"--bd\nContent-Type: multipart/mixed; boundary=x" + last, "unknown"},
		{"--bd\nContent-Type: multipart/mixed" + last, "unknown"},
		{"--bd\nContent-Type: text/html" + last, "no"},
		{"--bd\nX: y\n--bd\n--bd" + last, "no"},

		// Lines that begin like a delimiter (RFC 2046 section 5.1.1).
		{"--bd x\nContent-Type: application/pgp-encrypted\n\n" + last, "unknown"},
		{html + "--bdx\n" + last, "unknown"},
		{html + "--bd--x\n" + control + "\n\n" + last, "unknown"},
		{html + "--bd-" + last, "unknown"},
		{html + "--bd" + strings.Repeat(" ", 5000) + "x" + last, "unknown"},
		{html + "--b\n-- bd\n --bd x\n---bd\n" + last, "no"},
		{html + "--bd \t\n" + last, "no"},

		// Multiparts without a part.
		{"", "unknown"},
		{"Hello\n", "unknown"},
		{last, "unknown"},
		{"--bd--\n" + control + "\n\nx" + last, "unknown"},
		{html + "--bd\nContent-Type: multipart/mixed; boundary=x\n\nHello\n" + last, "unknown"},
		{"--bd\nContent-Type: multipart/mixed; boundary=x\n\nHello\n" + html + last, "unknown"},
		{"--bd\nContent-Type: multipart/mixed; boundary=x\n\n--y\n\n--y--\n" + control + "\n\nx" + last, "pgp"},
		{"--bd\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nHello\n--x--\n" + html + last, "no"},

		// A CR that ends a line to some readers.
		{"pre\r" + strings.ReplaceAll(control+"\n\n"+last, "\n", "\r"), "unknown"},
		{html + "x\r" + control + "\n\n" + last, "unknown"},
		{html + long + "\r--bd" + long + "\n" + last, "unknown"},
		{"--bd\n\n" + long + "\r--bd\n" + last, "unknown"},
		{"--bd\n\n--x\r--bd\n" + last, "unknown"},
		{"--bd\nX-A: b\rContent-Type: application/pgp-encrypted\n\n" + last, "unknown"},
		{"--bd\nX-A: b\r\r\nContent-Type: application/pgp-encrypted\n\n" + last, "unknown"},
		{"--bd\nX-A: " + long + "\rContent-Type: application/pgp-encrypted\n\n" + last, "unknown"},
		{html + "a\rb\r\r--x\r-- bd\r-" + last, "no"},
		{"--bd\n\nHello\rworld\r" + last, "no"},
	} {
		for _, n := range []int{1, 3, 64, 1 << 20} {
			if got := encryptedOf([]byte("Content-Type: multipart/mixed; boundary=bd\n\n"+c.parts), pieces(n)); got != c.want {
				t.Errorf("pieces of %d: %s, want %s of %.200q", n, got, c.want, c.parts)
			}
		}
	}
}

// TestMultipartSpellings spells multiparts of which B is the boundary in the body.
func TestMultipartSpellings(t *testing.T) {
	const encrypted, b70 = "multipart/encrypted; protocol=\"application/pgp-encrypted\"; ", "0123456789012345678901234567890123456789012345678901234567890123456789"
	for _, c := range []struct{ contentType, boundary, want string }{
		{encrypted + "boundary=----NODE-?=_1", "----NODE-?=_1", "pgp"},
		{"multipart/mixed; boundary=----NODE-?=_1", "----NODE-?=_1", "pgp"},
		{"multipart/mixed; boundary==_a/b:c@d,e[f]", "=_a/b:c@d,e[f]", "pgp"},
		{"multipart/mixed; boundary=a'b+c_d.e", "a'b+c_d.e", "pgp"},
		{"multipart/mixed; boundary = bd", "bd", "pgp"},
		{"multipart/mixed; BOUNDARY=Bd", "Bd", "pgp"},
		{"multipart/mixed; boundary=" + b70, b70, "pgp"},
		{"Multipart (c) / (c) Mixed (c) ; (c) Boundary (c) = (c) \"b d\" (c)", "b d", "pgp"},
		{"multipart/mixed; boundary=bd (c)", "bd", "pgp"},
		{"multipart/mixed; boundary=bd(c)", "bd", "pgp"},
		{"multipart/mixed; boundary=(c)bd", "bd", "pgp"},
		{"multipart/mixed; boundary=bd(c)", "bd(c)", "unknown"},
		{"multipart/mixed; boundary=bd (c)", "bd (c)", "unknown"},
		{"multipart/mixed; boundary=(c)bd", "(c)bd", "unknown"},
		{"multipart/mixed (boundary=x); boundary=bd", "bd", "pgp"},
		{"multipart/mixed (; boundary=x); boundary=bd", "bd", "unknown"},
		{"multipart/mixed (a; (b); BOUNDARY = x); boundary=bd", "bd", "unknown"},
		{"multipart/mixed (a; b); boundary=bd", "bd", "pgp"},
		{"multipart/mixed (\"); boundary=x; (\"); boundary=bd", "bd", "unknown"},
		{"multipart/mixed (\"a\"); boundary=(\\\") bd (\\))", "bd", "pgp"},
		{"multipart/mixed; boundary=bd; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; boundary=bd; Boundary=\"bd\"", "bd", "pgp"},
		{"multipart/mixed; boundary=bd; boundary=BD", "bd", "unknown"},
		{"multipart/mixed; boundary=x; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; boundary*=us-ascii''bd", "bd", "unknown"},
		{"multipart/mixed; boundary*0=b; boundary*1=d", "bd", "unknown"},
		{"multipart/mixed; boundary=bd; boundary*0=x", "bd", "unknown"},
		{"multipart/mixed; boundary=\"b\\d\"", "bd", "unknown"},
		{"multipart/mixed; boundary=\"b\n d\"", "b d", "unknown"},
		{"multipart/mixed; boundary=\" bd\"", " bd", "unknown"},
		{"multipart/mixed; boundary=\"<bd>\"", "<bd>", "unknown"},
		{"multipart/mixed; boundary='bd'", "'bd'", "unknown"},
		{"multipart/mixed; boundary='bd'", "bd", "unknown"},
		{"multipart/mixed; boundary=\"'bd'\"", "'bd'", "unknown"},
		{"multipart/mixed; boundary='", "'", "unknown"},
		{"multipart/mixed; boundary='bd", "'bd", "pgp"},
		{"multipart/mixed; boundary=bd", "other", "unknown"},
		{encrypted + "boundary=bd", "other", "pgp"},
		{"multipart/mixed; boundary=\"b\xe4d\"", "b\xe4d", "unknown"},
		{"multipart/mixed; boundary=\"bäd\"", "bäd", "unknown"},
		{"multipart/mixed; boundary=\"=?utf-8?q?bd?=\"", "=?utf-8?q?bd?=", "unknown"},
		{"multipart/mixed; boundary=", "", "unknown"},
		{"multipart/mixed; boundary", "", "unknown"},
		{"multipart/mixed; boundary=bd x", "bd", "unknown"},
		{"multipart/mixed; boundary=\"bd\"x", "bd", "unknown"},
		{"multipart/mixed; boundary=\"bd", "bd", "unknown"},
		{"multipart/mixed; boundary=b\"d", "b\"d", "unknown"},
		{"multipart/mixed boundary=bd", "bd", "unknown"},
		{"multipart/mixed, boundary=bd", "bd", "unknown"},
		{"multipart/mixed x; boundary=bd", "bd", "unknown"},

		// Other parameters, which do not count.
		{encrypted + "boundary=bd; charset=utf-8; charset=UTF-8", "bd", "pgp"},
		{"multipart/mixed; charset=utf-8; boundary=bd; charset=iso-8859-1; x=1; X=2", "bd", "pgp"},
		{"multipart/mixed; type=text/html; start=<a@b>; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=two words; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x; =y; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=\"a\" b; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=\"; boundary=x\"; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=\"\\\"; boundary=x\"; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=f(1); boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x*0*=utf-8''%20; x*1=b; boundary=bd", "bd", "pgp"},
		{"multipart/mixed; x=f(1; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; x=a\"b; boundary=x\"; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; x=a\\; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; x=a boundary=x; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; x boundary=x; boundary=bd", "bd", "unknown"},
		{"multipart/mixed; boundary=bd; x=\"", "bd", "unknown"},

		// The protocol.
		{"multipart/encrypted; boundary=bd; protocol=application/pgp-encrypted", "x", "pgp"},
		{"multipart/encrypted; protocol=Application/PGP-Encrypted (c); boundary=bd", "x", "pgp"},
		{"multipart/encrypted; protocol=application/pgp-encrypted; protocol=\"APPLICATION/pgp-encrypted\"; boundary=bd", "x", "pgp"},
		{"multipart/encrypted; protocol=application/pgp-encrypted; protocol=x/y; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol*=us-ascii''application%2Fpgp-encrypted; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol=application / pgp-encrypted; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; boundary=bd", "bd", "pgp"},
		{"multipart/encrypted; protocol=x/y; boundary=bd", "bd", "pgp"},
		{"multipart/encrypted; protocol=x/y; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol=application/pkcs7-mime; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol=\" application/pgp-encrypted \"; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol='application/pgp-encrypted'; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; protocol=; boundary=bd", "x", "unknown"},
		{"multipart/encrypted; boundary=bd", "x", "unknown"},
	} {
		body := "--" + c.boundary + "\nContent-Type: application/pgp-encrypted (c)\n\nVersion: 1\n--" + c.boundary + "--\n"
		heldBy(t, "Content-Type: "+c.contentType, body, c.want, c.want)
	}
}

// TestEncodingSpellings spells encodings of content that is encrypted if that is
// undone, and of such that is not. No odd one leaves it known that nothing is.
func TestEncodingSpellings(t *testing.T) {
	in := map[string]func(string) string{
		"base64":           func(s string) string { return inBase([]byte(s)) },
		"quoted-printable": func(s string) string { return strings.ReplaceAll(s, "-", "=2D") },
		"":                 func(s string) string { return s },
	}
	for _, c := range []struct{ value, encoding string }{
		{"base64", "base64"}, {"BASE64", "base64"}, {" Base64\t", "base64"}, {"\n base64", "base64"},
		{"base64 (RFC 2045)", "base64"}, {"(c) base64", "base64"}, {"(a (b) \\) c)base64(d)", "base64"}, {"(7bit) base64", "base64"}, {"base64\n\t(folded\n comment)", "base64"},
		{"quoted-printable", "quoted-printable"}, {"Quoted-Printable (c)", "quoted-printable"},
		{"7bit", ""}, {"8BIT", ""}, {"binary", ""}, {"7bit (c)", ""}, {"(base64) 8bit", ""}, {"", ""},
		{"base64;", "odd"}, {"base64 ;", "odd"}, {"base64; x=y", "odd"}, {"base64 x", "odd"}, {"base64,", "odd"}, {"base64, 7bit", "odd"},
		{"base64 base64", "odd"}, {"\"base64\"", "odd"}, {"base-64", "odd"}, {"b64", "odd"}, {"base64 (no end", "odd"}, {"(base64)", "odd"}, {"base64)", "odd"},
		{"7bit;", "odd"}, {"7-bit", "odd"}, {"8bits", "odd"}, {"utf-8", "odd"}, {"quoted-printable;", "odd"}, {"quoted printable", "odd"}, {"quotedprintable", "odd"},
		{"x-uuencode", "odd"}, {"uuencode", "odd"}, {"x-gzip64", "odd"}, {"none", "odd"}, {"=?utf-8?q?base64?=", "odd"},
		{"7bit\nContent-Transfer-Encoding: base64", "odd"}, {"base64\nContent-Transfer-Encoding: BASE64 (c)", "base64"},
	} {
		field := "\nContent-Transfer-Encoding: " + c.value
		want := func(known string) string {
			if c.encoding == "odd" {
				return "unknown"
			}
			return known
		}
		for encoding, encode := range in {
			if encoding != c.encoding && c.encoding != "odd" {
				continue
			}
			heldBy(t, "Content-Type: text/plain"+field, encode(armored), want("pgp"), want("pgp"))
			heldBy(t, "Content-Type: text/plain"+field, encode("Hello\n"), want("no"), want("no"))
			heldBy(t, "Content-Type: text/html"+field, encode("Hello\n"), "no", "no")
			heldBy(t, "Content-Type: application/pkcs7-mime; smime-type=enveloped-data"+field, "x", "smime", "smime")
		}
		if c.encoding == "base64" || c.encoding == "odd" {
			for _, media := range []string{"application/pkcs7-mime", "application/octet-stream; name=a.p7m"} {
				heldBy(t, "Content-Type: "+media+field, inBase([]byte(enveloped)), want("smime"), want("smime"))
				heldBy(t, "Content-Type: "+media+field, inBase([]byte(signed)), want("no"), want("no"))
			}
		}
		found, part := "unknown", "--bd\nContent-Type: application/pgp-encrypted\n\n--bd--\n"
		if c.encoding == "" {
			found = "pgp"
		}
		heldBy(t, "Content-Type: multipart/mixed; boundary=bd"+field, part, found, found)
		heldBy(t, "Content-Type: multipart/mixed; boundary=bd"+field, inBase([]byte(part)), "unknown", "unknown")
		heldBy(t, "Content-Type: multipart/encrypted; protocol=application/pgp-encrypted; boundary=bd"+field, part, found, found)
	}
}

// TestDoubtOfOnePart shows that a part in doubt does not hide one that is not.
func TestDoubtOfOnePart(t *testing.T) {
	const odd = "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: x-odd\n\nx\n"
	for _, c := range []struct{ parts, want string }{
		{odd + "--b--\n", "unknown"},
		{odd + "--b\nContent-Type: application/pgp-encrypted\n\n--b--\n", "pgp"},
		{"--b\nContent-Type: application/pgp-encrypted\n\n" + odd + "--b--\n", "pgp"},
		{odd + "--b\nContent-Type: text/html\n\nx\n", "unknown"},
		{odd + "--b\nContent-Type: multipart/mixed\n\n--b\nContent-Type: application/pgp-encrypted\n\n", "unknown"},
	} {
		if got := encryptedOf([]byte("Content-Type: multipart/mixed; boundary=b\n\n"+c.parts), pieces(9)); got != c.want {
			t.Errorf("%s: %s, want %s", c.parts, got, c.want)
		}
	}
}

// FuzzComments shows that comments and folds between the tokens of fields change
// nothing, unless a reader that knows no comments finds a parameter in one: then
// the message is in doubt.
func FuzzComments(f *testing.F) {
	for _, s := range []string{"", "a", "a (b) c", `\`, `"`, "\r\n\t", "; boundary=x", "boundary=x", "()", "=?utf-8?q?x?=", ")(", "\x00\xff", "--b", "; x=y"} {
		f.Add(s, "")
		f.Add(s, "fold\n")
	}
	escape := strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`, "\n", "\n ", "\r", "")
	f.Fuzz(func(t *testing.T, one, other string) {
		if len(one)+len(other) > 200 {
			return
		}
		c := [...]string{"(" + escape.Replace(one) + ")", " \n\t(" + escape.Replace(other) + "(x)) "}
		hidden := hidesParameter(c[0]) || hidesParameter(c[1])
		for _, m := range []struct{ header, body, want string }{
			{"Content-Type:%[1]stext%[2]s/%[1]splain%[2]s;%[1]scharset%[2]s=%[1]sutf-8%[2]s", armored, "pgp"},
			{"Content-Type:%[2]sapplication%[1]s/%[2]spkcs7-mime%[1]s\nContent-Transfer-Encoding:%[1]sbase64%[2]s", inBase([]byte(enveloped)), "smime"},
			{"Content-Type:%[1]smultipart%[2]s/%[2]smixed%[1]s;%[2]sboundary%[1]s=%[2]s\"bd\"%[1]s", "--bd\nContent-Type: application/pgp-encrypted\n\n", "pgp"},
			{"Content-Type:%[1]sapplication/octet-stream%[2]s;%[1]sname%[2]s=%[1]s\"a.p7m\"%[2]s", enveloped, "smime"},
			{"Content-Type:application/octet-stream\nContent-Disposition:%[1]sattachment%[2]s;%[1]sfilename%[2]s=%[1]sa.p7m%[2]s", enveloped, "smime"},
		} {
			msg := fmt.Sprintf(m.header, c[0], c[1]) + "\n\n" + m.body
			if got := encryptedOf([]byte(msg), pieces(64)); got != m.want && (!hidden || got != "unknown") {
				t.Errorf("%s, want %s of %q", got, m.want, msg)
			}
		}
	})
}

// FuzzContentType shows that another reader, that of the standard library, does not
// find anything else in a Content-Type: where it finds something, either is of the
// same mind, or the message is in doubt. It knows no comments.
func FuzzContentType(f *testing.F) {
	for _, s := range []string{"text/plain; charset=utf-8", "multipart/mixed; boundary=\"a b\"", "multipart/encrypted; boundary=a; protocol=\"application/pgp-encrypted\"",
		"application/pkcs7-mime; smime-type=enveloped-data", "multipart/mixed; boundary*0=a; boundary*1=b", "multipart/mixed; boundary*=us-ascii'en'a", "multipart/x; boundary=\"a\\\\b\"",
		"application/octet-stream; name*=utf-8''a.p7m", "application/octet-stream; name=\"a.p7m\"", "multipart/mixed;\n\tboundary=a;;", "text/plain; charset=utf-7", "text/plain; charset*=''utf-7", "x; charset=0", "x/y", "text", ";"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.TrimSpace(value)
		media, params, err := mime.ParseMediaType(value)
		if err != nil || strings.ContainsAny(value, "()") {
			return
		}
		boundary := strings.TrimRight(params["boundary"], " \t")
		named := strings.HasSuffix(strings.ToLower(strings.TrimRight(params["name"], " \t\r\n")), ".p7m")
		c := parseContentType(value)
		var same bool
		switch c.kind {
		case doubtful:
			same = strings.HasPrefix(media, "multipart/") || !strings.Contains(media, "/")
		case multipart, pgp:
			same = strings.HasPrefix(media, "multipart/") && c.boundary == boundary &&
				(c.kind == pgp) == (media == "multipart/encrypted" && strings.EqualFold(params["protocol"], "application/pgp-encrypted"))
		case text:
			same = media == "text/plain" || c.unsure
		case smime:
			same = strings.HasSuffix(media, "pkcs7-mime") && strings.HasSuffix(strings.ToLower(params["smime-type"]), "enveloped-data")
		case cms:
			same = strings.Contains(media, "pkcs7") || media == "application/cms"
		case inClear:
			same = strings.HasSuffix(media, "pkcs7-mime") && params["smime-type"] != "" && !strings.HasSuffix(strings.ToLower(params["smime-type"]), "enveloped-data")
		case unclear:
			same = strangeCharset(params["charset"]) || strings.Contains(strings.ToLower(value), "charset*") || strings.Contains(media, "pgp-encrypted")
		case control:
			same = media == "application/pgp-encrypted"
		case opaque:
			same = media != "text/plain" && !strings.HasPrefix(media, "multipart/") && (!c.octets || !named || c.named.maybe())
		}
		if !same {
			t.Errorf("%q: %+v, and the library says %s %q", value, c, media, params)
		}
	})
}
