package mailaddr

import (
	"strings"
	"testing"
)

// TestPath shows what paths are taken for: the same as Postfix, which sends its
// policy service this form.
func TestPath(t *testing.T) {
	for _, test := range []struct{ path, want string }{
		{`<a@example.com>`, `a@example.com`},
		{`a@example.com`, `a@example.com`},
		{`<>`, ``},
		{`<postmaster>`, `postmaster`},
		{`<A/b=c{d}|e~f#g$h&i*j+k^l'm?n@Example.COM.>`, `A/b=c{d}|e~f#g$h&i*j+k^l'm?n@Example.COM.`},
		{"<jö@exämple.com>", "jö@exämple.com"},
		{`<strict(x)@example.com>`, `strict@example.com`},
		{`<(x)str(y(z)\))@(\()example(x).com(x)>`, `str@example.com`},
		{`<a@example.com(>`, `a@example.com`},
		{`<st\rict@example.com>`, `strict@example.com`},
		{`<back\@example.com>`, `back@example.com`},
		{`<"st\rict"@example.com>`, `strict@example.com`},
		{`<"part".of."it"@example.com>`, `part.of.it@example.com`},
		{`<"a b"@example.com>`, `a b@example.com`},
		{`<"a@b"@example.com>`, `a@b@example.com`},
		{"<\"a\tB\r\\\nc\"@example.com>", `a B  c@example.com`},
		{`<"qu\"ote"@example.com>`, `qu"ote@example.com`},
		{`<dots..x@example.com>`, `dots..x@example.com`},
		{`<a@"example.com">`, `a@example.com`},
		{`<""@example.com>`, `@example.com`},
		{`<"">`, ``},
		{`<"open@example.com>`, `open@example.com>`},
		{`<a@[192.0.2.1]>`, `a@[192.0.2.1]`},
		{`<a@[IPv6:2001:db8::1]>`, `a@[IPv6:2001:db8::1]`},
		{`<[(x)]@example.com>`, `[(x)]@example.com`},
		{`<in . ner @ example . com>`, `in.ner@example.com`},
		{`<in ner@example.com>`, `in.ner@example.com`},
		{`<nest(a)ed@example.com>`, `nest.ed@example.com`},
		{` < lead@example.com >`, `lead@example.com`},
		{`<< twice@example.com >>`, `twice@example.com`},
		{`<outer <inner@example.com>>`, `inner@example.com`},
		{`Full Name <full@example.com>`, `full@example.com`},
		{`"<a@example.org>" <full@example.com> more`, `full@example.com`},
		{`<@a.example,@b.example:a@example.com>`, `a@example.com`},
		{`<@a.example : a@example.com>`, `a@example.com`},
		{`<x:y@example.com>`, `x:y@example.com`},
		{`<a@example.com;>`, `a@example.com`},
		{`<a@example.org><b@example.com>`, `b@example.com`},
		{`<<b@example.com>a@example.org>`, `b@example.com`},
		{`<b@example.com>(<a@example.org>)`, `b@example.com`},
		{`<a(x)@example.com>`, `a@example.com`},
		{`<UP(x)PER@EXAMPLE.COM>`, `UP.PER@EXAMPLE.COM`},
		{`<dot(x)@example.com.>`, `dot@example.com.`},
	} {
		if got := Path(test.path); got != test.want {
			t.Errorf("%s is read as %q, not %q", test.path, got, test.want)
		}
	}
}

// FuzzPath shows that plain addresses stay as they are, bare or in brackets or
// beside comments, and that no reading makes an address longer but by the dots
// in place of gaps.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"", "a@example.com", `"a b"@example.com`, `<st\rict(x)@example.com>`, "<@a,@b:x@example.com>", `<"`, `<[`, `<\`, `((\`, `a <b> c`, "x(y)z", "jö@exämple.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := Path(path)
		if len(got) > 2*len(path) {
			t.Fatalf("%q is read as %q", path, got)
		}
		plain, ok := simplePath(path)
		if !ok {
			return
		}
		for _, form := range []string{plain, "<" + plain + ">", "(c(d))<(e)" + plain + "(f)>", "name <" + plain + "> (x)", "< " + plain + " >"} {
			if got := parsePath(form); got != plain {
				t.Fatalf("%q is read as %q", form, got)
			}
		}
		if Path(path) != plain || Unquote(plain) != plain {
			t.Fatalf("%q is not left alone", path)
		}
		if strings.ContainsAny(plain, "\"\\ ") {
			t.Fatalf("%q is taken for plain", plain)
		}
	})
}
