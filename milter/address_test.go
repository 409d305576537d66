package milter

import (
	"strings"
	"testing"

	"tlswarden/rules"
)

// TestMailbox shows what paths are taken for: the same as Postfix, which sends
// its policy service the form in the column want and the macro in its normal
// form, and as Sendmail.
func TestMailbox(t *testing.T) {
	tests := []struct{ path, macro, want string }{
		{`<a@example.com>`, "other@example.org", `a@example.com`},
		{`a@example.com`, "", `a@example.com`},
		{`<>`, "", ``},
		{`<postmaster>`, "postmaster@mx.example.com", `postmaster`},
		{`<A/b=c{d}|e~f#g$h&i*j+k^l'm?n@Example.COM.>`, "", `A/b=c{d}|e~f#g$h&i*j+k^l'm?n@Example.COM.`},
		{"<jö@exämple.com>", "", "jö@exämple.com"},

		{`<strict(x)@example.com>`, `strict@example.com`, `strict@example.com`},
		{`<(x)str(y(z)\))@(\()example(x).com(x)>`, ``, `str@example.com`},
		{`<a@example.com(>`, ``, `a@example.com`},
		{`<st\rict@example.com>`, ``, `strict@example.com`},
		{`<back\@example.com>`, `back@example.com`, `back@example.com`},
		{`<"st\rict"@example.com>`, ``, `strict@example.com`},
		{`<"part".of."it"@example.com>`, ``, `part.of.it@example.com`},
		{`<"a b"@example.com>`, `"a b"@example.com`, `a b@example.com`},
		{`<"a@b"@example.com>`, `"a@b"@example.com`, `a@b@example.com`},
		{"<\"a\tB\r\\\nc\"@example.com>", `"a b  c"@example.com`, `a B  c@example.com`},
		{`<"qu\"ote"@example.com>`, `"qu\"ote"@example.com`, `qu"ote@example.com`},
		{`<dots..x@example.com>`, `"dots..x"@example.com`, `dots..x@example.com`},
		{`<a@"example.com">`, ``, `a@example.com`},
		{`<""@example.com>`, `""@example.com`, `@example.com`},
		{`<"">`, ``, ``},
		{`<"open@example.com>`, ``, `open@example.com>`},
		{`<a@[192.0.2.1]>`, ``, `a@[192.0.2.1]`},
		{`<a@[IPv6:2001:db8::1]>`, `a@[ipv6:2001:db8::1]`, `a@[IPv6:2001:db8::1]`},
		{`<[(x)]@example.com>`, ``, `[(x)]@example.com`},
		{`<in . ner @ example . com>`, `in.ner@example.com`, `in.ner@example.com`},
		{`<in ner@example.com>`, ``, `in.ner@example.com`},
		{`<nest(a)ed@example.com>`, ``, `nest.ed@example.com`},
		{` < lead@example.com >`, ``, `lead@example.com`},
		{`<< twice@example.com >>`, ``, `twice@example.com`},
		{`<outer <inner@example.com>>`, ``, `inner@example.com`},
		{`Full Name <full@example.com>`, `full@example.com`, `full@example.com`},
		{`"<a@example.org>" <full@example.com> more`, ``, `full@example.com`},
		{`<@a.example,@b.example:a@example.com>`, `a@example.com`, `a@example.com`},
		{`<@a.example : a@example.com>`, ``, `a@example.com`},
		{`<x:y@example.com>`, `"x:y"@example.com`, `x:y@example.com`},

		// Where Postfix reads more into a path than the tokens say, that counts.
		{`<grp:x@example.com;>`, `x@example.com`, `x@example.com`},
		{`<a@example.com;>`, ``, `a@example.com`},
		{`<a@example.org><b@example.com>`, ``, `b@example.com`},
		{`<<b@example.com>a@example.org>`, ``, `b@example.com`},
		{`<b@example.com>(<a@example.org>)`, ``, `b@example.com`},
		{`<bang!x>`, `x@bang`, `x@bang`},
		{`<x%strict.example@example.com>`, `x@strict.example`, `x@strict.example`},
		{`<open(x>`, `open@mx.example.com`, `open@mx.example.com`},
		{`<a(x)@example.com>`, `a`, `a@example.com`}, // as Sendmail has it
		{`<UP(x)PER@EXAMPLE.COM>`, `up.per@example.com`, `UP.PER@EXAMPLE.COM`},
		{`<dot(x)@example.com.>`, `dot@example.com`, `dot@example.com.`},
	}
	for _, test := range tests {
		s := newSession(New(Config{Gate: nowhere{}, Log: (&logBuffer{}).logger()}), nil)
		s.mta = mtaPostfix
		if got := s.mailbox(test.path, test.macro); got != test.want {
			t.Errorf("%s with %q is read as %q, not %q", test.path, test.macro, got, test.want)
		}
	}
}

// TestRoutes shows what Sendmail takes paths with routes for, which tells the
// local part alone of what it delivers itself. Paths without one are taken as
// they are, for virtusertable may have another local part for them.
func TestRoutes(t *testing.T) {
	for _, test := range []struct{ path, macro, want string }{
		{`<a%example.com@example.com>`, `a`, `a@example.com`},
		{`<a%b.example%c.example@d.example>`, `a`, `a@b.example`},
		{`<a%b.example>`, `a`, `a@b.example`},
		{`<b.example!a>`, `a`, `a@b.example`},
		{`<c.example!b.example!a@d.example>`, `a`, `a@b.example`},
		{`<b.example!a>`, `a@b.example`, `a@b.example`},
		{`<a%b.example@d.example>`, `a%b.example@d.example`, `a%b.example@d.example`},
		{`<a%b.example@d.example>`, ``, `a%b.example@d.example`},
		{`<!>`, `x`, ``},
		{`<%@>`, `x`, ``},
		{`<in\fo@example.com>`, `bob`, `info@example.com`},
		{`<in\fo@example.com>`, `bob@other.example`, `info@example.com`},
	} {
		s := newSession(New(Config{Gate: nowhere{}, Log: (&logBuffer{}).logger()}), nil)
		for _, s.mta = range []mta{mtaSendmail, mtaSilent} {
			if got := s.mailbox(test.path, test.macro); got != test.want {
				t.Errorf("%s with %q is read as %q, not %q", test.path, test.macro, got, test.want)
			}
		}
		s.mta = mtaUnknown
		if got, want := s.mailbox(test.path, test.macro), s.mailbox(test.path, ""); got != want {
			t.Errorf("%s with %q of an unknown server is read as %q, not %q", test.path, test.macro, got, want)
		}
	}
}

// TestQuotedQuotes shows that quotes that are part of a local part are not taken
// away: "\"x\"" is another mailbox than x.
func TestQuotedQuotes(t *testing.T) {
	s := newSession(New(Config{Gate: nowhere{}, Log: (&logBuffer{}).logger()}), nil)
	for path, want := range map[string]string{
		`<"\"Post\\master\""@example.com>`: `"post\master"@example.com`,
		`<"Postmaster"@example.com>`:       `postmaster@example.com`,
		`<"\"\""@example.com>`:             `""@example.com`,
		`<"\""@example.com>`:               `"@example.com`,
	} {
		s.facts.SetRecipient(rules.QuoteMailbox(s.mailbox(path, "")))
		if v, _ := rules.FieldByID(rules.FieldRecipient).Read(&s.facts); v.Text != want {
			t.Errorf("%s is compared as %s, not %s", path, v.Text, want)
		}
	}
}

// FuzzMailbox shows that plain addresses stay as they are, bare or in brackets or
// beside comments, and that no reading makes an address longer but by the dots
// in place of gaps.
func FuzzMailbox(f *testing.F) {
	for _, s := range []string{"", "a@example.com", `"a b"@example.com`, `<st\rict(x)@example.com>`, "<@a,@b:x@example.com>", `<"`, `<[`, `<\`, `((\`, `a <b> c`, "x(y)z", "jö@exämple.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := parseMailbox(path)
		if len(got) > 2*len(path) {
			t.Fatalf("%q is read as %q", path, got)
		}
		if end := unroute(got); len(end) > len(got) {
			t.Fatalf("%q ends at %q", got, end)
		}
		plain, ok := plainMailbox(path)
		if !ok {
			return
		}
		for _, form := range []string{plain, "<" + plain + ">", "(c(d))<(e)" + plain + "(f)>", "name <" + plain + "> (x)", "< " + plain + " >"} {
			if got := parseMailbox(form); got != plain {
				t.Fatalf("%q is read as %q", form, got)
			}
		}
		if s := newSession(nil, nil); s.mailbox(path, "") != plain {
			t.Fatalf("%q is not left alone", path)
		}
		if q := rules.QuoteMailbox(plain); q != plain {
			t.Fatalf("%q is quoted: %q", plain, q)
		}
		if strings.ContainsAny(plain, "\"\\ ") {
			t.Fatalf("%q is taken for plain", plain)
		}
	})
}
