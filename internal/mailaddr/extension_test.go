package mailaddr

import "testing"

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
