package mailaddr

import "testing"

// TestIsLiteral shows which texts in brackets are addresses.
func TestIsLiteral(t *testing.T) {
	for text, want := range map[string]bool{
		"[192.0.2.1]": true, "[IPv6:2001:db8::1]": true, "[ipv6:::1]": true, "[2001:db8::1]": true,
		"[192.0.2.300]": false, "[192.0.2.1": false, "[IPv6:x]": false, "[IPv6:]": false, "[]": false, "[mx.example.org]": false,
	} {
		if IsLiteral(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}
