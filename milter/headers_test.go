package milter

import (
	"fmt"
	"testing"

	"tlswarden/rules"
)

// stamping is a policy that adds both headers to all mail.
func stamping() *rules.Policy {
	return rules.New(rules.Config{StampAll: true, AuthservID: "tls.example.com"})
}

// TestTooMany shows that a message with more to be removed than is removed is
// refused, and that nothing is changed in it. Results of others do not count.
func TestTooMany(t *testing.T) {
	const refused = "554 5.6.0 The message has too many header fields of one name"
	for _, test := range []struct {
		tags, forged, others int
		client, want         string
	}{
		{maxCopies, 0, 0, "198.51.100.7", "c"},
		{0, maxCopies, 0, "198.51.100.7", "c"},
		{maxCopies / 2, maxCopies / 2, 1000, "198.51.100.7", "c"},
		{maxCopies + 1, 0, 0, "198.51.100.7", refused},
		{0, maxCopies + 1, 0, "198.51.100.7", refused},
		{0, 5000, 0, "198.51.100.7", refused},
		{maxCopies, 1, 0, "198.51.100.7", refused},
		{maxCopies, 1, 0, "127.0.0.1", "c"},
	} {
		w := dialServer(t, Config{Gate: policyGate{stamping()}})
		s := encrypted(postfix)
		s.client = test.client
		for range test.tags {
			s.headers = append(s.headers, "x-tls-policy: forged")
		}
		for range test.others {
			s.headers = append(s.headers, "Authentication-Results: mx.example.com; none")
		}
		for range test.forged {
			s.headers = append(s.headers, "Authentication-Results: tls.example.com; x-tls=pass")
		}
		want := 0
		if test.want == "c" && test.client != "127.0.0.1" {
			want = test.tags + test.forged + 2
		}
		if o := w.play(s); o.end != test.want || len(o.changes) != want {
			t.Errorf("%+v: %d changes, then %q", test, len(o.changes), o.end)
		}
	}
}

// TestRemovals shows that all that is forged is removed, from the last to the
// first, before anything is inserted, and which header stands on top.
func TestRemovals(t *testing.T) {
	const pairs = maxCopies / 2
	w := dialServer(t, Config{Gate: policyGate{stamping()}})
	s := encrypted(postfix)
	var want []string
	for i := range pairs {
		s.headers = append(s.headers, "X-TLS-Policy: forged", "Authentication-Results: mx.example.com; none", "Authentication-Results: tls.example.com; none")
		want = append(want, fmt.Sprintf("m %d X-TLS-Policy ", pairs-i))
	}
	for i := range pairs {
		want = append(want, fmt.Sprintf("m %d Authentication-Results ", 2*(pairs-i)))
	}
	want = append(want, "i 0 Authentication-Results tls.example.com; x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_GCM_SHA384 smtp.bits=256",
		"i 0 X-TLS-Policy pass; TLSv1.3 TLS_AES_256_GCM_SHA384 256")
	o := w.play(s)
	if o.end != "c" || len(o.changes) != len(want) {
		t.Fatalf("%d changes, then %q", len(o.changes), o.end)
	}
	for i, c := range o.changes {
		if c != want[i] {
			t.Errorf("change %d is %q, not %q", i, c, want[i])
		}
	}
}
