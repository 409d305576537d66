package tlsname

import (
	"strings"
	"testing"
)

func FuzzLookup(f *testing.F) {
	for _, name := range []string{
		"", "AES128-SHA", "RC4-MD5", "ecdhe-rsa-aes256-gcm-sha384", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256_P256",
		"SSL_RSA_WITH_RC4_128_SHA", "SSL_CK_RC4_128_WITH_MD5", "ECDHE_RSA_AES_128_GCM_SHA256", "0xC02F", "0x01,0x00,0x80", "0xFFE0",
		"ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM", "RSA__AES_128_GCM__AEAD", "P256", "AES-256-GCM-SHA384", "OTHER",
		strings.Repeat("A", 129),
	} {
		for v := VersionUnknown; v <= TLSv1_3; v++ {
			f.Add(name, uint8(v))
		}
	}
	f.Fuzz(func(t *testing.T, name string, version uint8) {
		v := Version(version)
		s := Lookup(name, v)
		if s == nil {
			return
		}
		if len(name) > maxName {
			t.Fatalf("Lookup took a name of %d bytes", len(name))
		}
		checkProtocol(t, name, v, s)
		for own := range s.names() {
			again := Lookup(own, s.Family)
			if shared := sharedNames[own] != 0 && again.ID == sharedNames[own]; again != s && !shared {
				t.Fatalf("Lookup(%q, %v) = %s, whose name %q gives %v", name, v, hexOf(s), own, again)
			}
		}
		if isASCII(name) && (Lookup(strings.ToUpper(name), v) != s || Lookup(strings.ToLower(name), v) != s) {
			t.Fatalf("Lookup(%q, %v) depends on the case", name, v)
		}
	})
}

// checkProtocol checks that no suite is found under a version that cannot have
// it, unless the name says so itself.
func checkProtocol(t *testing.T, name string, v Version, s *Suite) {
	t.Helper()
	if (v == SSLv2) != (s.Family == SSLv2) && v != VersionUnknown {
		t.Fatalf("Lookup(%q, %v) is a suite of %v", name, v, s.Family)
	}
	if s.Family != TLSv1_3 || v == TLSv1_3 || codePoint(strings.ToUpper(strings.TrimSpace(name)), v) == s {
		return
	}
	folded := string(foldName(nil, strings.TrimSpace(name)))
	for own := range s.names() {
		if strings.HasPrefix(folded, string(foldName(nil, own))) {
			return
		}
	}
	// GnuTLS describes a session without its version.
	if v == VersionUnknown && strings.Contains(folded, "__") {
		return
	}
	t.Fatalf("Lookup(%q, %v) = %v, a suite of TLS 1.3 that nobody named", name, v, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func FuzzNearestSuite(f *testing.F) {
	for _, name := range []string{"", "AES128SHA", "ECDHE-RSA-AES256-GCM-SHA38", strings.Repeat("-", 128), strings.Repeat("-", 129)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if n := NearestSuite(name); n != "" && Lookup(n, VersionUnknown) == nil {
			t.Fatalf("NearestSuite(%q) = %q, which is unknown", name, n)
		}
	})
}
