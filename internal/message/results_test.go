package message

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"tlswarden/rules"

	"golang.org/x/tools/txtar"
)

// resultsOf returns the facts of fields, with mx.example.org, second.example.org
// and bücher.example trusted, as "spf dkim dmarc".
func resultsOf(values ...string) string {
	s := NewScanner(Wants{Trusted: []string{"mx.example.org", "second.example.org", "bücher.example", "MX.example.org"}})
	for _, v := range values {
		s.Header("Authentication-Results", v)
	}
	f := s.Facts()
	return fmt.Sprintf("%s %s %s", f.SPF.Or("?"), f.DKIM.Or("?"), f.DMARC.Or("?"))
}

// TestRealResults reads fields as common filters write them.
func TestRealResults(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/results.txtar")
	if err != nil || len(archive.Files) < 8 {
		t.Fatalf("%d samples: %v", len(archive.Files), err)
	}
	for _, f := range archive.Files {
		value := strings.TrimSuffix(string(f.Data), "\n")
		want := strings.ReplaceAll(path.Base(f.Name), "-", " ")
		for _, v := range []string{value, " " + strings.ReplaceAll(value, "\n", "\r\n")} {
			if got := resultsOf(v); got != want {
				t.Errorf("%s: %s of %q", f.Name, got, v)
			}
		}
	}
}

func TestResults(t *testing.T) {
	const id, unknown = "mx.example.org", "? ? ?"
	for _, c := range []struct {
		want   string
		values []string
	}{
		{unknown, nil},
		{unknown, []string{"other.example; spf=pass; dkim=pass; dmarc=pass"}},
		{"pass fail none", []string{id + "; spf=pass; dkim=fail; dmarc=none"}},
		{"pass ? ?", []string{id + "; spf=Pass"}},
		{"softfail ? ?", []string{id + "; SPF=softfail"}},
		{"none none none", []string{id + "; none"}},
		{"none none none", []string{id + " 1 (x); None ;"}},
		{"pass ? ?", []string{"other.example; spf=fail", id + "; spf=pass", "spf=fail"}},

		// Two fields of one id complement each other, unless they say different
		// things of a method: then one may be forged.
		{"pass pass ?", []string{id + "; spf=pass", id + "; dkim=pass"}},
		{"softfail ? pass", []string{id + "; dmarc=pass (p=none dis=none) header.from=example.org", id + "; spf=softfail smtp.mailfrom=example.org"}},
		{"softfail ? pass", []string{id + "; spf=softfail smtp.mailfrom=example.org", id + "; dmarc=pass header.from=example.org"}},
		{"pass pass fail", []string{id + "; spf=pass", id + "; dkim=pass", id + "; dmarc=fail"}},
		{"pass ? fail", []string{id + "; spf=pass", `"mx.example\.org"; dmarc=fail`}},

		// Two that say the same of a method: one of them may be forged.
		{unknown, []string{id + "; spf=pass", "MX.Example.ORG (x); spf=pass"}},
		{"? ? fail", []string{id + "; spf=pass", `"mx.example\.org"; spf=pass; dmarc=fail`}},
		{"pass ? ?", []string{id + "; dkim=pass", id + "; spf=pass", id + "; dkim=pass"}},
		{"pass ? fail", []string{id + "; dkim=pass header.d=a; dkim=fail header.d=b; spf=pass", id + "; dkim=pass; dmarc=fail"}},
		{unknown, []string{id + "; spf=pass; dkim=pass", id + "; spf=pass", id + "; spf=fail"}},
		{unknown, []string{id + "; spf=pass", id + "; spf=pass", "second.example.org; spf=pass"}},

		// None beside some.
		{unknown, []string{id + "; spf=pass", id + "; none"}},
		{unknown, []string{id + "; none", id + "; spf=pass"}},
		{unknown, []string{id + "; none", id + "; iprev=pass"}},
		{unknown, []string{id + "; none", id + "; spf/2=pass"}},

		// What follows the id is broken, too.
		{unknown, []string{id + "/1; dmarc=fail", id + "; dmarc=pass"}},
		{unknown, []string{id + "; dmarc=pass", id + ":25; dmarc=fail"}},
		{unknown, []string{id + "; dmarc=pass", id + ", dmarc=fail"}},
		{unknown, []string{id + "; dmarc=pass", "(c) MX.example.org=fail"}},
		{unknown, []string{id + "; dmarc=pass", `"mx.example.org"x; dmarc=fail`}},
		{"? ? pass", []string{id + "; dmarc=pass", "other.example/1; dmarc=fail"}},
		{unknown, []string{id + "; dmarc=pass", id + "; dmarc=fail; spf=pass"}},
		{unknown, []string{id + "; dmarc=fail; dkim=pass", id + "; spf=pass", id + "; dmarc=pass"}},
		{unknown, []string{id + "; dkim=fail", id + "; dkim=pass; spf=pass"}},
		{unknown, []string{id + "; spf=tempfail", id + "; spf=pass; dmarc=pass"}},
		{unknown, []string{id + "; spf=none; dkim=pass", id + "; spf=pass"}},
		{"none none none", []string{id + "; none", id + "; none"}},
		{unknown, []string{id + "; spf=pass", id + "; (("}},
		{unknown, []string{id + "; spf=pass", id}},
		{"? pass fail", []string{id + "; spf=pass; spf=fail; dkim=pass", id + "; dmarc=fail"}},

		// Several ids: what one says that cannot be read may contradict another.
		{"pass pass ?", []string{id + "; spf=pass", "second.example.org; dkim=pass"}},
		{"pass ? ?", []string{id + "; spf=pass", "second.example.org; spf=PASS"}},
		{"? pass ?", []string{id + "; spf=pass; dkim=pass", "second.example.org; spf=fail"}},
		{"pass none none", []string{id + "; none", "second.example.org; spf=pass"}},
		{unknown, []string{id + "; spf=pass", "second.example.org; (("}},
		{unknown, []string{"second.example.org; dmarc", id + "; spf=pass"}},
		{unknown, []string{id + "; spf=pass", "second.example.org; dkim=fail", "second.example.org; dkim=pass"}},
		{"pass ? ?", []string{id + "; spf=pass", "other.example; (("}},

		// Words outside the registry leave their method unknown, and no other.
		{"? ? pass", []string{id + "; spf=tempfail smtp.mailfrom=example.org; dmarc=pass"}},
		{"pass ? ?", []string{id + "; dmarc=bestguesspass action=none header.from=example.org; spf=pass"}},
		{unknown, []string{id + "; dkim=dkim_pass header.i=@example.org; dmarc=success(p=REJECT) header.from=example.org"}},
		{unknown, []string{id + "; spf=hardfail smtp.mailfrom=a@example.org"}},
		{"? ? fail", []string{id + "; spf=HardFail; dmarc=fail"}},
		{unknown, []string{id + "; spf=error; dkim=unknown; dmarc=softfail"}},
		{unknown, []string{id + "; dkim=softfail; dmarc=neutral"}},
		{unknown, []string{id + "; spf=passed; dkim=permfail; dmarc=policy"}},
		{"? ? pass", []string{id + "; spf=tempfail; dmarc=pass", "second.example.org; spf=fail"}},
		{"temperror policy permerror", []string{id + "; spf=temperror; dkim=policy; dmarc=permerror"}},
		{"neutral neutral none", []string{id + "; spf=neutral; dkim=neutral; dmarc=none"}},

		// Several results of one method.
		{"? pass ?", []string{id + "; dkim=fail header.d=a; dkim=pass header.d=b; dkim=none"}},
		{"? fail ?", []string{id + "; dkim=fail header.d=a; dkim=neutral"}},
		{"? temperror ?", []string{id + "; dkim=fail header.d=a; dkim=temperror; dkim=none"}},
		{"? temperror ?", []string{id + "; dkim=temperror header.d=a; dkim=fail"}},
		{"? pass ?", []string{id + "; dkim=temperror header.d=a; dkim=tempfail; dkim=pass"}},
		{unknown, []string{id + "; dkim=temperror header.d=a; dkim=maybe"}},
		{unknown, []string{id + "; dkim=fail header.d=a; dkim=maybe"}},
		{unknown, []string{id + "; spf=pass smtp.helo=a.example; spf=fail smtp.mailfrom=b@b.example"}},
		{"pass ? ?", []string{id + "; spf=pass smtp.helo=a.example; spf=pass smtp.mailfrom=b@b.example"}},
		{"? ? ?", []string{id + "; dmarc=fail; dmarc=pass"}},
		{unknown, []string{id + "; spf=pass; spf=fail", "second.example.org; spf=pass"}},

		// What outsiders write into comments and values.
		{"? ? fail", []string{id + "; dmarc=fail (bad; dmarc=pass) header.from=a.example"}},
		{"? ? fail", []string{id + `; dmarc=fail (a (b; dmarc=pass) \) ; dmarc=pass) header.from=a`}},
		{"fail ? ?", []string{id + `; spf=fail smtp.mailfrom="a;dmarc=pass"@a.example`}},
		{"fail ? ?", []string{id + `; spf=fail smtp.mailfrom="a\";dmarc=pass;b=\\"`}},
		{"fail ? ?", []string{id + `; spf=fail reason="; dkim=pass"`}},
		{"fail ? ?", []string{id + `; spf(; spf=pass)=(=pass;)fail(;spf=pass)`}},
		{"? fail ?", []string{id + `; dkim=fail header.x=dkim=pass`}},

		// Other grammar.
		{"pass ? ?", []string{"(c) mx.example.org (c) 1 (c) ; (c) spf (c) / (c) 1 (c) = (c) pass (c) smtp (c) . (c) mailfrom (c) = (c) a (c) ; (c)"}},
		{"pass ? ?", []string{"\"mx.example.org\";\n\tspf=pass\n\t smtp.mailfrom=a@b;"}},
		{"? pass ?", []string{id + "; spf/2=pass; dkim/1=pass"}},
		{"pass ? ?", []string{"xn--bcher-kva.example; spf=pass"}},
		{"pass ? ?", []string{"Bücher.example; spf=pass"}},

		// No value, where the sender is the null sender.
		{"pass ? ?", []string{id + "; spf=pass smtp.mailfrom="}},
		{"pass ? fail", []string{id + "; spf=pass smtp.mailfrom=; dmarc=fail"}},
		{"pass ? fail", []string{id + "; spf=pass smtp.mailfrom= (c) ; dmarc=fail reason="}},
		{"pass ? fail", []string{id + "; spf=pass smtp.mailfrom= smtp.helo=a; dmarc=fail"}},

		// Malformed.
		{unknown, []string{id}},
		{unknown, []string{id + ";"}},
		{unknown, []string{id + "; ;"}},
		{unknown, []string{id + " 2; spf=pass"}},
		{unknown, []string{id + " x; spf=pass"}},
		{unknown, []string{id + " 1 1; spf=pass"}},
		{unknown, []string{id + "; none; spf=pass"}},
		{unknown, []string{id + "; spf=pass; none"}},
		{unknown, []string{id + "; spf"}},
		{unknown, []string{id + "; spf="}},
		{unknown, []string{id + "; =pass"}},
		{unknown, []string{id + "; spf/=pass"}},
		{unknown, []string{id + `; spf="pass"`}},
		{unknown, []string{id + "; spf=pass smtp.mailfrom"}},
		{unknown, []string{id + "; spf=pass smtp.mailfrom=)"}},
		{unknown, []string{id + "; spf=pass smtp.mailfrom=\\; dkim=pass"}},
		{unknown, []string{id + "; spf=pass smtp.=a"}},
		{unknown, []string{id + "; spf=pass .a=b"}},
		{unknown, []string{id + "; spf=pass a b=c"}},
		{unknown, []string{id + "; spf=pass (a"}},
		{unknown, []string{id + "; spf=pass a)"}},
		{unknown, []string{id + `; spf=pass (a\)`}},
		{unknown, []string{id + `; spf=pass a.b="c`}},
		{unknown, []string{id + `; spf=pass a.b="c\`}},
		{unknown, []string{id + `; spf=pass a.b=c\;`}},
		{unknown, []string{id + "; spf=pass a.b=c\x00"}},
		{unknown, []string{id + "; spf=pass, dkim=pass"}},
		{unknown, []string{`"mx.example.org`}},
	} {
		if got := resultsOf(c.values...); got != c.want {
			t.Errorf("%q: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestAuthservID(t *testing.T) {
	for _, c := range []struct{ value, id string }{
		{" mx.example.org; none", "mx.example.org"},
		{"mx.example.org", "mx.example.org"},
		{"mx.example.org 1; none", "mx.example.org"},
		{"mx.example.org(x); broken ((", "mx.example.org"},
		{"\r\n\t(a (b) \\) c) mx.example.org\r\n ; none", "mx.example.org"},
		{`"mx.exa\mple.org";`, "mx.example.org"},
		{"\"mx\r\n .example\";", "mx .example"},
		{"bücher.example;", "bücher.example"},
		{"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org", ""},
		{"mx.example.org/1; none", ""},
		{"(mx.example.org; none", ""},
		{`"mx.example.org; none`, ""},
		{`""; none`, ""},
		{"; none", ""},
		{"", ""},
	} {
		if id, ok := AuthservID(c.value); ok != (c.id != "") || ok && id != c.id {
			t.Errorf("%q: %q, %v", c.value, id, ok)
		}
	}
	for _, value := range []string{"mx.example.org/1; x-tls=pass", "mx.example.org, x-tls=pass", "(c) mx.example.org=x", `"mx.example.org"x`} {
		if id, ok := AuthservID(value); ok || id != "mx.example.org" {
			t.Errorf("%q: %q, %v", value, id, ok)
		}
	}
}

// TestDistrust shows that results that came before and after do not count.
func TestDistrust(t *testing.T) {
	const value = "mx.example.org; spf=pass; dkim=pass; dmarc=pass"
	for _, after := range []bool{false, true} {
		s := NewScanner(Wants{TLSRequired: true, Trusted: []string{"mx.example.org"}})
		if after {
			s.Header("Authentication-Results", value)
		}
		s.Distrust()
		if !after {
			s.Header("Authentication-Results", value)
		}
		if got := s.Facts(); got != (Facts{TLSRequiredNo: rules.Known(false)}) {
			t.Errorf("%v", got)
		}
	}
}

func TestSameID(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"mx.example.org", "MX.example.ORG", true},
		{"bücher.example", "BÜCHER.example", true},
		{"bücher.example", "XN--bcher-kva.example", true},
		{"xn--bcher-kva.example", "Bücher.example", true},
		{"mx.example.org", "mx.example.org.evil.example", false},
		{"bücher.example", "bucher.example", false},
		{"bücher_.example", "xn--bcher_-kva.example", false},
		{"bü" + strings.Repeat("x", 2000), "xn--x", false},
		{"a", "b", false},
	} {
		if got := SameID(c.a, c.b); got != c.same || got != SameID(c.b, c.a) {
			t.Errorf("%.40s, %.40s: %v", c.a, c.b, got)
		}
	}
}
