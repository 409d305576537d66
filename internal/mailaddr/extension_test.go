package mailaddr

import (
	"slices"
	"testing"
)

// TestExtension holds the parting of local parts against Postfix's split_addr.
func TestExtension(t *testing.T) {
	for _, c := range []struct{ local, delimiters, want string }{
		{"user", "+", "user"},
		{"user+ext", "+", "user"},
		{"user+", "+", "user"},
		{"user+a+b", "+", "user"},
		{"+ext", "+", "+ext"},
		{"user-ext", "+", "user-ext"},
		{"user-a+b", "+-", "user"},
		{"user+a-b", "-+", "user"},
		{"user+ext", "", "user+ext"},
		{"owner-list", "-", "owner-list"},
		{"owner-list+x", "+-", "owner-list+x"},
		{"owner-list+x", "+", "owner-list"},
		{"list-request", "-", "list-request"},
		{"mailer-daemon", "-", "mailer-daemon"},
		{"double-bounce", "-", "double-bounce"},
		{"", "+", ""},
	} {
		got := c.local
		if i := Extension(c.local, c.delimiters); i >= 0 {
			got = c.local[:i]
		}
		if got != c.want {
			t.Errorf("%q by %q gives %q, want %q", c.local, c.delimiters, got, c.want)
		}
	}
}

// TestAlso shows under which other forms tables are searched for an address.
func TestAlso(t *testing.T) {
	for _, c := range []struct {
		address, delimiters string
		want                []string
	}{
		{"", "+", nil},
		{"legal@example.com", "+", nil},
		{"legal@example.com", "", nil},
		{"legal+x@example.com", "", nil},
		{"Legal+X@Example.com", "+", []string{"legal@example.com"}},
		{"legal-x+y@example.com", "+-", []string{"legal@example.com"}},
		{"+x@example.com", "+", nil},
		{"a@b+x@example.com", "+", []string{"a@b@example.com"}},
		{"x@cla\u00df.example", "+", []string{"x@xn--cla-7ka.example"}},
		{"x+y@cla\u00df.example", "+", []string{"x@class.example", "x+y@xn--cla-7ka.example", "x@xn--cla-7ka.example"}},
		{"x+y@m\u00fcnchen.example", "+", []string{"x@xn--mnchen-3ya.example"}},
	} {
		if got := Also(Normal(c.address), OtherNormal(c.address), c.delimiters); !slices.Equal(got, c.want) {
			t.Errorf("%s by %q is searched for under %q, too, not %q", c.address, c.delimiters, got, c.want)
		}
	}
}

func TestAddressesWithoutOtherFormsCostNothing(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if Also("legal@example.com", "", "+-") != nil {
			t.Error("it has other forms")
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
