package tlsname

import (
	"strings"
	"testing"
)

func TestLookupForms(t *testing.T) {
	tests := []struct {
		name string
		v    Version
		want string // IANA name, or empty for nil
	}{
		// Without regard to blanks and case.
		{" ECDHE-RSA-AES256-GCM-SHA384\n", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"ecdhe-rsa-aes256-gcm-sha384", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"tls_dh_ANON_with_aes_256_cbc_sha", TLSv1, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
		{"rc4-md5", SSLv2, "SSL_CK_RC4_128_WITH_MD5"},
		// SSLv2.
		{"RC2-CBC-MD5", SSLv2, "SSL_CK_RC2_128_CBC_WITH_MD5"},
		{"RC2-CBC-MD5", VersionUnknown, "SSL_CK_RC2_128_CBC_WITH_MD5"},
		{"rc2-cbc-md5", VersionUnknown, "SSL_CK_RC2_128_CBC_WITH_MD5"},
		{"RC2-CBC-MD5", TLSv1, ""},
		{"AES128-SHA", SSLv2, ""},
		// Schannel with the curve.
		{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256_P256", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
		{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384_P384", TLSv1_2, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
		{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA_P521", TLSv1, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
		{"P256", TLSv1, ""},
		{"_P256", TLSv1, ""},
		// Java and mbed TLS.
		{"SSL_RSA_WITH_3DES_EDE_CBC_SHA", TLSv1, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"},
		{"SSL_DH_anon_WITH_RC4_128_MD5", TLSv1, "TLS_DH_anon_WITH_RC4_128_MD5"},
		{"TLS-ECDHE-RSA-WITH-CHACHA20-POLY1305-SHA256", TLSv1_2, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
		// Exim with GnuTLS, older.
		{"ECDHE_RSA_AES_128_GCM_SHA256", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{"RSA_ARCFOUR_128_MD5", TLSv1, "TLS_RSA_WITH_RC4_128_MD5"},
		{"DHE_RSA_AES_256_CBC_SHA1", TLSv1, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"},
		{"AES_256_GCM_SHA384", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		// No suite of TLS 1.3 by a prefix that nobody wrote.
		{"AES_256_GCM_SHA384", TLSv1_2, ""},
		{"AES-256-GCM-SHA384", VersionUnknown, ""},
		{"SSL_AES_256_GCM_SHA384", TLSv1_2, ""},
		// Code points, RFC 8314 section 4.3 and the registry.
		{"0xC02F", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{"0xc0,0x2f", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{"0x0000", VersionUnknown, "TLS_NULL_WITH_NULL_NULL"},
		{"0x000000", VersionUnknown, "SSL_CK_NULL_WITH_MD5"},
		{"0x01,0x00,0x80", SSLv2, "SSL_CK_RC4_128_WITH_MD5"},
		{"0x010080", TLSv1, ""},
		{"0x0004", SSLv2, ""},
		{"0xC02", TLSv1_2, ""},
		{"0xC02G", TLSv1_2, ""},
		{"0xC0,0x2", TLSv1_2, ""},
		{"0xC,0x02F", TLSv1_2, ""},
		{"C02F", TLSv1_2, ""},
		{"0xFFFF", TLSv1_2, ""},
		{"0x00FF", TLSv1_2, ""}, // a signalling value
		// Unknown.
		{"", TLSv1_2, ""},
		{"OTHER", VersionUnknown, ""},
		{"(NONE)", TLSv1, ""},
		{"ECDHE-RSA-something", TLSv1_2, ""},
		{"ECDHE-RSA-AES256-GCM-SHA38", TLSv1_2, ""}, // cut
		{"TLS_EMPTY_RENEGOTIATION_INFO_SCSV", TLSv1_2, ""},
		{"AES128-SHA AES256-SHA", TLSv1, ""},
		{strings.Repeat(" ", 119) + "AES128-SHA", TLSv1, ""}, // 129 bytes
		{strings.Repeat(" ", 118) + "AES128-SHA", TLSv1, "TLS_RSA_WITH_AES_128_CBC_SHA"},
	}
	for _, tt := range tests {
		checkIANA(t, tt.name, tt.v, tt.want)
	}
}

// TestDescriptions has the texts of gnutls_session_get_desc as Exim logs them.
func TestDescriptions(t *testing.T) {
	tests := []struct {
		name string
		v    Version
		want string
	}{
		{"ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_128_GCM", TLSv1_3, "TLS_AES_128_GCM_SHA256"},
		{"ECDHE_SECP256R1__RSA_PSS_RSAE_SHA256__CHACHA20_POLY1305", TLSv1_3, "TLS_CHACHA20_POLY1305_SHA256"},
		{"ECDHE_PSK_X25519__AES_256_GCM", TLSv1_3, "TLS_AES_256_GCM_SHA384"}, // resumed
		{"DHE_FFDHE2048__RSA_PSS_RSAE_SHA256__AES_128_CCM_8", TLSv1_3, "TLS_AES_128_CCM_8_SHA256"},
		{"RSA__AES_256_GCM", TLSv1_3, ""},
		{"ECDHE_X25519__RSA_SHA256__AES_256_GCM", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"ECDHE_X25519__RSA_SHA256__AES_256_GCM", VersionUnknown, ""}, // TLS 1.2 or 1.3
		{"ECDHE_X25519__RSA_SHA256__AES_256_CBC__SHA1", VersionUnknown, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
		{"ECDHE_SECP256R1__ECDSA_SHA256__AES_128_CBC__SHA256", TLSv1_2, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"},
		{"ECDHE_X25519__EDDSA_ED25519__CHACHA20_POLY1305", TLSv1_2, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
		{"ECDHE_X25519__AES_256_GCM", TLSv1_2, ""},           // resumed: RSA or ECDSA
		{"ECDHE_X25519__RSA_SHA256__AES_256_CBC", TLSv1, ""}, // the MAC was cut
		{"DHE_CUSTOM2048__DSA_SHA256__AES_128_CBC__SHA1", TLSv1_2, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA"},
		{"DHE_FFDHE2048__RSA_SHA256__CAMELLIA_256_GCM", TLSv1_2, "TLS_DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"},
		{"ECDHE_RSA_SECP256R1__AES_256_GCM", TLSv1_2, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
		{"DHE_RSA_2048__3DES_CBC__SHA1", TLSv1, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
		{"RSA__AES_128_GCM__AEAD", TLSv1_2, "TLS_RSA_WITH_AES_128_GCM_SHA256"},
		{"RSA__ARCFOUR_128__MD5", SSLv3, "TLS_RSA_WITH_RC4_128_MD5"},
		{"RSA__NULL__SHA1", TLSv1, "TLS_RSA_WITH_NULL_SHA"},
		{"RSA_PSK__AES_128_CBC__SHA1", TLSv1, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA"},
		{"ANON_DH_2048__AES_256_CBC__SHA1", TLSv1_2, "TLS_DH_anon_WITH_AES_256_CBC_SHA"},
		{"ANON_ECDH__AES_128_CBC__SHA1", TLSv1_2, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"},
		{"RSA__AES_128_GCM__AEAD", SSLv2, ""},
		{"SRP__AES_128_CBC__SHA1", TLSv1, ""},
		{"__", TLSv1_2, ""},
		{"RSA__RSA__AES_128_GCM__AEAD__AEAD", TLSv1_2, ""},
		{"SHA1", TLSv1_2, ""},
	}
	for _, tt := range tests {
		checkIANA(t, tt.name, tt.v, tt.want)
	}
}

// TestTLS13Names has names of TLS 1.2 that stand for suites of TLS 1.3.
func TestTLS13Names(t *testing.T) {
	tests := []struct{ name, want string }{
		{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"}, // Exim's Received header
		{"ECDHE_RSA_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},          // Exim's log, older GnuTLS
		{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
		{"TLS_RSA_WITH_AES_128_CCM", "TLS_AES_128_CCM_SHA256"},
		{"TLS_RSA_WITH_AES_128_CCM_8", "TLS_AES_128_CCM_8_SHA256"},
		// TLS 1.3 has no such suite: what was reported stays.
		{"AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"},
		{"RC4-MD5", "TLS_RSA_WITH_RC4_128_MD5"},
		{"NULL-SHA256", "TLS_RSA_WITH_NULL_SHA256"},
		{"TLS_RSA_WITH_AES_256_CCM", "TLS_RSA_WITH_AES_256_CCM"},
	}
	for _, tt := range tests {
		checkIANA(t, tt.name, TLSv1_3, tt.want)
	}
}

func checkIANA(t *testing.T, name string, v Version, want string) {
	t.Helper()
	got := ""
	if s := Lookup(name, v); s != nil {
		got = s.IANA
	}
	if got != want {
		t.Errorf("Lookup(%q, %v) = %q, want %q", name, v, got, want)
	}
}

func TestNearestSuite(t *testing.T) {
	tests := []struct{ name, want string }{
		{"ECDHE-RSA-AES256-GCM-SHA38", "ECDHE-RSA-AES256-GCM-SHA384"},
		{"ecdhe_rsa_aes265_gcm_sha384", "ECDHE-RSA-AES256-GCM-SHA384"},
		{"AES-256-GCM-SHA384", "AES256-GCM-SHA384"},
		{"TLS_AES256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"},
		{"DES-CBC3-SHA1", "DES-CBC3-SHA"},
		{"AES128-SHA", "AES128-SHA"},
		{"ECDHE-RSA-something", ""},
		{"OTHER", ""},
		{"NONE", ""},
		{"", ""},
		{strings.Repeat("A", 129), ""},
	}
	for _, tt := range tests {
		if got := NearestSuite(tt.name); got != tt.want {
			t.Errorf("NearestSuite(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLookupAllocates(t *testing.T) {
	for _, name := range []string{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"} {
		if n := testing.AllocsPerRun(100, func() { Lookup(name, TLSv1_2) }); n != 0 {
			t.Errorf("Lookup(%q) allocates %v times", name, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, bb := range []struct {
		what, name string
		v          Version
	}{
		{"hit", "ECDHE-RSA-AES256-GCM-SHA384", TLSv1_2},
		{"hit13", "TLS_AES_256_GCM_SHA384", TLSv1_3},
		{"normalised", "ecdhe-rsa-aes256-gcm-sha384", TLSv1_2},
		{"gnutls", "ECDHE_RSA_AES_256_GCM_SHA384", TLSv1_2},
		{"description", "ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM", TLSv1_3},
		{"miss", "ECDHE-RSA-something", TLSv1_2},
	} {
		b.Run(bb.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Lookup(bb.name, bb.v)
			}
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newIndex()
	}
}

func BenchmarkParseVersion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseVersion("TLSv1.2")
	}
}

func BenchmarkNearestSuite(b *testing.B) {
	for b.Loop() {
		NearestSuite("ECDHE-RSA-AES265-GCM-SHA38")
	}
}
