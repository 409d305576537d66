package mailaddr

import (
	"net/netip"
	"testing"
)

// TestRead shows which mailboxes Postfix takes addresses for: the same as its
// postmap and sendmail -bv show.
func TestRead(t *testing.T) {
	var told Server // nothing, beyond that it is a Postfix
	full := Server{Origin: "Example.com", MyDomain: "example.org", AppendDotMyDomain: Yes}
	as := Server{Origin: "example.com", AppendDotMyDomain: No}
	plain := Server{Origin: "example.com", KeepBangpath: true, KeepPercent: true}
	known := func(mailbox string) Address { return Address{Mailbox: mailbox, Known: true} }
	local := func(local string) Address { return Address{Local: local} }
	for _, test := range []struct {
		server  *Server
		written string
		want    Address
	}{
		{&told, "", known("")},
		{&told, "a@example.net", known("a@example.net")},
		{&told, "a@Example.net.", known("a@Example.net.")},
		{&told, "strict", local("strict")},
		{&full, "strict", known("strict@Example.com")},
		{&full, "strict+x", known("strict+x@Example.com")},

		{&told, "strict@mx", local("strict")},
		{&full, "strict@mx", known("strict@mx.example.org")},
		{&full, "strict@mx.", known("strict@mx.")},
		{&full, "mx.!strict", known("strict@mx.")},
		{&full, "strict%mx.", Address{}},
		{&full, "strict%example.com.", Address{}},
		{&as, "strict@mx", known("strict@mx")},
		{&told, "strict@", local("strict")},
		{&full, "strict@", local("strict")},
		{&full, "strict@.", local("strict")},

		{&told, "example.com!strict", known("strict@example.com")},
		{&told, "mx!strict", local("strict")},
		{&full, "mx!strict", known("strict@mx.example.org")},
		{&told, "strict%example.com", known("strict@example.com")},
		{&told, "a%b.example%c.example", Address{}}, // c.example may be local
		{&told, "a.example!b.example!c", Address{}},
		{&full, "example.com!b.example!c", Address{}}, // Origin need not be
		{&plain, "example.com!strict", known("example.com!strict@example.com")},
		{&plain, "strict%example.net", known("strict%example.net@example.com")},
		{&plain, "strict%example.net@example.org", known("strict%example.net@example.org")},

		{&told, "strict%example.com@[127.0.0.1]", known("strict@example.com")},
		{&told, "example.com!strict@[127.0.0.1]", known("strict@example.com")},
		{&told, "strict@example.com@[127.0.0.1]", known("strict@example.com")},
		{&told, "strict@[127.0.0.1]@[IPv6:::1]", local("strict")},
		{&told, "strict@[127.0.0.1]", local("strict")},
		{&full, "strict@[127.0.0.1]", local("strict")},
		{&told, "strict@127.0.0.1", local("strict")},
		{&told, "strict%example.com@127.0.0.1", known("strict@example.com")},
		{&told, "strict%example.com@example.net", Address{}},
		{&full, "strict%example.net@example.com", Address{}},
		{&told, "strict%example.com@[192.0.2.25]", known("strict@example.com")},
		{&told, "strict%example.com@[::FFFF:192.0.2.25]", known("strict@example.com")},
		{&told, "strict%example.com@[192.0.2.26]", Address{}}, // perhaps another of its own
		{&told, "strict@[192.0.2.26]", local("strict")},
		{&told, "a@b@c.example", Address{}},

		{&told, "@a.example,@b.example:strict@example.com", known("strict@example.com")},
		{&told, "@example.com", Address{}},
		{&told, "@", Address{}},
		{&told, "!", Address{}},
		{&told, "%", Address{}},
		{&told, "!strict", local("strict")},
		{&told, "strict%", local("strict")},
		{&told, "example.com!", Address{}},
		{&told, "strict@[", local("strict")},
	} {
		test.want.Written = test.written
		if got := test.server.Read(test.written, netip.MustParseAddr("192.0.2.25")); got != test.want {
			t.Errorf("%s is read by %+v as %+v, not as %+v", test.written, *test.server, got, test.want)
		}
	}
}

// FuzzRead shows that each address has an end, which is within it but for the
// domain that is appended.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", "a", "a@b.example", "b!a", "a%b", "a%b@[x]", "@a:b%c!d@e", "a@b@c@[d]", "%%%@[]", "!!!@[]", "@@[x]@[x]"} {
		f.Add(s, "example.com", true)
	}
	f.Fuzz(func(t *testing.T, written, origin string, yes bool) {
		s := Server{Origin: origin, MyDomain: origin}
		if yes {
			s.AppendDotMyDomain = Yes
		}
		a := s.Read(written, netip.Addr{})
		switch {
		case a.Written != written:
			t.Fatalf("%q was written, not %q", written, a.Written)
		case len(a.Mailbox) > len(written)+len(origin)+1 || len(a.Local) > len(written):
			t.Fatalf("%q becomes %+v", written, a)
		case a.Known && a.Local != "" || !a.Known && a.Mailbox != "":
			t.Fatalf("%q is known and unknown: %+v", written, a)
		case !a.Same(a):
			t.Fatalf("%q is not the same as itself", written)
		}
	})
}
