package milter

import (
	"testing"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// TestAddress shows whose word counts for which mailbox a path is.
func TestAddress(t *testing.T) {
	known := func(mailbox string) mailaddr.Address { return mailaddr.Address{Mailbox: mailbox, Known: true} }
	local := func(local string) mailaddr.Address { return mailaddr.Address{Local: local} }
	postfix, sendmail := []mta{mtaPostfix}, []mta{mtaSendmail, mtaSilent}
	unknown, all := []mta{mtaUnknown}, []mta{mtaPostfix, mtaSendmail, mtaSilent, mtaUnknown}
	for _, test := range []struct {
		mtas                []mta
		path, macro, origin string
		want                mailaddr.Address
	}{
		{all, `<a@example.com>`, `a@example.com`, "", known(`a@example.com`)},
		{all, `<UP(x)PER@EXAMPLE.COM>`, `up.per@example.com`, "", known(`UP.PER@EXAMPLE.COM`)},
		{all, `<dot(x)@example.com.>`, `dot@example.com`, "", known(`dot@example.com.`)},
		{all, `<>`, ``, "", known(``)},
		{all, `<strict>`, ``, "", local(`strict`)},
		{all, `<strict>`, ``, "example.com", known(`strict@example.com`)},
		{all, `<"a b"@example.com>`, `"a b"@example.com`, "", known(`a b@example.com`)},

		// Postfix tells, whatever the path says.
		{postfix, `<strict>`, `strict@mx.example.com`, "", known(`strict@mx.example.com`)},
		{postfix, `<strict>`, `strict@mx.example.com`, "example.com", known(`strict@mx.example.com`)},
		{postfix, `<strict@mx>`, `strict@mx.example.com`, "", known(`strict@mx.example.com`)},
		{postfix, `<strict@mx>`, `strict@mx`, "", known(`strict@mx`)},
		{postfix, `<example.com!strict>`, `strict@example.com`, "", known(`strict@example.com`)},
		{postfix, `<x%strict.example@example.com>`, `x@strict.example`, "", known(`x@strict.example`)},
		{postfix, `<x%strict.example@example.com>`, `x%strict.example@example.com`, "", known(`x%strict.example@example.com`)},
		{postfix, `<x%strict.example@example.com>`, ``, "", mailaddr.Address{}},
		{postfix, `<grp:x@example.com;>`, `x@example.com`, "", known(`x@example.com`)},
		{postfix, `<open(x>`, `open@mx.example.com`, "", known(`open@mx.example.com`)},
		{postfix, `<a@example.com>`, `b@example.org`, "", known(`b@example.org`)},
		{postfix, `<strict@[127.0.0.1]>`, `strict@[127.0.0.1]`, "example.com", local(`strict`)},
		{postfix, `<strict>`, `strict`, "", local(`strict`)}, // append_at_myorigin = no
		{postfix, "<\u017ftrict@example.com>", `strict@example.com`, "", known("\u017ftrict@example.com")},

		// Sendmail does so for what it hands on, and for all else only says that it
		// is local, after virtusertable.
		{sendmail, `<in\fo@example.com>`, `bob`, "", known(`info@example.com`)},
		{sendmail, `<in\fo@example.com>`, `bob@other.example`, "", known(`info@example.com`)},
		{sendmail, `<strict>`, `strict`, "", local(`strict`)},
		{sendmail, `<strict>`, `strict`, "example.com", known(`strict@example.com`)},
		{sendmail, `<strict@mx>`, `strict`, "example.com", local(`strict`)},
		{sendmail, `<strict@mx>`, `strict@mx.example.com`, "", known(`strict@mx.example.com`)},
		{sendmail, `<strict@[127.0.0.1]>`, `strict`, "example.com", local(`strict`)},
		{sendmail, `<a%example.com@example.com>`, `a`, "", known(`a@example.com`)},
		{sendmail, `<a%example.com@[127.0.0.1]>`, `a`, "", known(`a@example.com`)},
		{sendmail, `<a%b.example%c.example@d.example>`, `a`, "", known(`a@b.example`)},
		{sendmail, `<a%b.example>`, `a`, "", known(`a@b.example`)},
		{sendmail, `<b.example!a>`, `a`, "", known(`a@b.example`)},
		{sendmail, `<c.example!b.example!a@d.example>`, `a`, "", known(`a@b.example`)},
		{sendmail, `<b.example!a>`, `a@b.example`, "", known(`a@b.example`)},
		{sendmail, `<a%b.example@d.example>`, `a%b.example@d.example`, "", known(`a%b.example@d.example`)},
		{sendmail, `<!>`, `x`, "", mailaddr.Address{}},
		{sendmail, `<"strict@example.com"@example.com>`, `strict`, "", known(`strict@example.com`)},
		{sendmail, `grp:strict@example.com;`, `strict`, "", known(`strict@example.com`)},
		{sendmail, `<grp:strict@example.com>`, `grp:strict`, "", known(`grp:strict@example.com`)},
		{sendmail, `<mx.example.com!strict%example.com>`, `strict`, "", known(`strict@example.com`)},
		{sendmail, `<example.com!strict%mx.example.com>`, `strict`, "", known(`strict@mx.example.com`)},
		{sendmail, `<example.com!strict>`, `bob@other.example`, "", mailaddr.Address{}},
		{sendmail, `<strict%example.com>`, `bob`, "", mailaddr.Address{}},

		// The macros of others count for nothing.
		{unknown, `<a%b.example@d.example>`, `a@b.example`, "", mailaddr.Address{}},
		{unknown, `<strict>`, `strict@mx.example.com`, "", local(`strict`)},
	} {
		for _, m := range test.mtas {
			s := newSession(New(Config{Gate: nowhere{}, Log: (&logBuffer{}).logger()}), nil)
			s.mta, s.reads.Origin = m, test.origin
			test.want.Written = mailaddr.Path(test.path)
			if got := s.address(test.path, test.macro); got != test.want {
				t.Errorf("%s with %q of mta %d is read as %+v, not as %+v", test.path, test.macro, m, got, test.want)
			}
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
		s.facts.SetRecipientAddress(s.address(path, ""))
		if v, _ := rules.FieldByID(rules.FieldRecipient).Read(&s.facts); v.Text != want {
			t.Errorf("%s is compared as %s, not %s", path, v.Text, want)
		}
	}
}
