package rules

import (
	"strings"
	"testing"
)

// TestForeignDigest shows that a fingerprint by another digest than that of the
// rules is neither right nor wrong, so that nobody is rejected for it.
func TestForeignDigest(t *testing.T) {
	sha, other, md5 := strings.Repeat("ab", 32), strings.Repeat("cd", 32), strings.Repeat("ab", 16)
	set := func(entries ...string) *Set {
		s := NewSet(KindFingerprint)
		for _, e := range entries {
			if err := s.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	listed := NewSet(KindFingerprint)
	listed.AddSet(set(sha), false)
	for _, c := range []struct {
		name  string
		set   *Set
		value Fact[string]
		want  Truth
	}{
		{"the same", set(sha), Known(sha), True},
		{"another", set(sha), Known(other), False},
		{"none", set(sha), Known(""), False},
		{"not known", set(sha), Fact[string]{}, Unknown},
		{"another digest", set(sha), Known(md5), Unknown},
		{"one of two digests", set(sha, md5), Known(md5), True},
		{"neither of two", set(sha, strings.Repeat("ef", 16)), Known(md5), False},
		{"in a list", listed, Known(sha), True},
		{"another digest than the list's", listed, Known(md5), Unknown},
		{"not this one", set("!" + sha), Known(other), True},
		{"excluded", set("!" + sha), Known(sha), False},
		{"perhaps excluded", set("!" + sha), Known(md5), Unknown},
		{"listed, and perhaps excluded", set(md5, "!"+sha), Known(md5), Unknown},
		{"not listed by this digest", set(sha, "!"+strings.Repeat("ef", 16)), Known(md5), Unknown},
		{"excluded by this digest", set(sha, "!"+md5), Known(md5), False},
		{"no certificate, none excluded", set("!" + sha), Known(""), True},
	} {
		var s Session
		s.SetTLS(TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", CertFingerprint: c.value})
		condition := Condition{Field: FieldByID(FieldCertFingerprint), Set: c.set}
		if got := condition.eval(&s); got != c.want {
			t.Errorf("%s: the condition is %v, want %v", c.name, got, c.want)
		}
		g := (&Profile{CertFingerprints: c.set}).grade(&s)
		if got := g.truth(); got != c.want {
			t.Errorf("%s: the requirement is %v, want %v", c.name, got, c.want)
		}
	}
}
