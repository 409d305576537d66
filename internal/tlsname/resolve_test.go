package tlsname

import "testing"

// TestResolve has the pairs of version and cipher that are seen in logs and
// Received headers of Postfix, Sendmail, Exim, OpenSMTPD, Google and Exchange,
// as they are spelled there.
func TestResolve(t *testing.T) {
	tests := []struct {
		version, cipher string
		want            Version
		suite           string
	}{
		{"TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384"},
		{"TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"},
		{"TLSv1.2", "ECDHE-RSA-CHACHA20-POLY1305", TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305"},
		{"TLSv1.2", "AECDH-AES256-SHA", TLSv1_2, "AECDH-AES256-SHA"},
		{"TLSv1.2", "AES256-GCM-SHA384", TLSv1_2, "AES256-GCM-SHA384"},
		{"TLSv1.2", "RC4-SHA", TLSv1_2, "RC4-SHA"},
		{"TLSv1.2", "ECDHE-RSA-something", TLSv1_2, ""},
		{"TLSv1.3", "TLS_AES_256_GCM_SHA384", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"TLSv1.3", "TLS_AES_128_GCM_SHA256", TLSv1_3, "TLS_AES_128_GCM_SHA256"},
		{"TLSv1", "DES-CBC3-SHA", TLSv1, "DES-CBC3-SHA"},
		{"TLSv1", "RC4-MD5", TLSv1, "RC4-MD5"},
		{"TLSv1", "ADH-AES256-SHA", TLSv1, "ADH-AES256-SHA"},
		{"SSLv3", "RC4-MD5", SSLv3, "RC4-MD5"},
		{"TLSv1/SSLv3", "DES-CBC3-SHA", VersionUnknown, "DES-CBC3-SHA"},
		{"TLSv1/SSLv3", "AES128-SHA", VersionUnknown, "AES128-SHA"},
		{"TLSv1/SSLv3", "DHE-DSS-AES256-SHA", VersionUnknown, "DHE-DSS-AES256-SHA"},
		{"TLSv1/SSLv3", "EDH-RSA-DES-CBC3-SHA", VersionUnknown, "DHE-RSA-DES-CBC3-SHA"},
		{"TLSv1/SSLv3", "OTHER", VersionUnknown, ""},
		{"TLS1.3", "ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"TLS1.3", "ECDHE_SECP256R1__RSA_PSS_RSAE_SHA256__AES_256_GCM", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"TLS1.3", "ECDHE_X25519__ECDSA_SECP256R1_SHA256__AES_256_GCM", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"TLS1_2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", TLSv1_2, "ECDHE-RSA-AES128-SHA256"},

		// Described by the manuals and sources of these programs.
		{"TLS1.3", "ECDHE_RSA_AES_256_GCM_SHA384", TLSv1_3, "TLS_AES_256_GCM_SHA384"},
		{"TLS1.2-PKIX", "RSA__AES_128_GCM__AEAD", TLSv1_2, "AES128-GCM-SHA256"},
		{"TLSv1.3", "AEAD-CHACHA20-POLY1305-SHA256", TLSv1_3, "TLS_CHACHA20_POLY1305_SHA256"},
		{"TLS1_2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384", TLSv1_2, "ECDHE-RSA-AES256-SHA384"},
		{"SSLv2", "RC4-MD5", SSLv2, "RC4-MD5"},
		{"unknown", "", VersionUnknown, ""},
		{"UNKNOWN", "(NONE)", VersionUnknown, ""},
		{"", "", VersionUnknown, ""},
		{"none", "", Plaintext, ""},

		// What the suite says of the version.
		{"TLSv1/SSLv3", "ECDHE-RSA-AES256-GCM-SHA384", TLSv1_2, "ECDHE-RSA-AES256-GCM-SHA384"},
		{"TLSv1/SSLv3", "ECDHE-RSA-AES128-SHA256", TLSv1_2, "ECDHE-RSA-AES128-SHA256"},
		{" tlsv1/sslv3 ", "AES128-SHA256", TLSv1_2, "AES128-SHA256"},
		{"TLSv1/SSLv3", "ECDHE-RSA-AES256-SHA", VersionUnknown, "ECDHE-RSA-AES256-SHA"},
		{"TLSv1/SSLv3", "RC2-CBC-MD5", VersionUnknown, ""}, // SSLv2 alone has it
		{"unknown", "ECDHE-RSA-AES256-GCM-SHA384", VersionUnknown, "ECDHE-RSA-AES256-GCM-SHA384"},
	}
	for _, tt := range tests {
		v, s := Resolve(tt.version, tt.cipher)
		name := ""
		if s != nil {
			name = s.String()
		}
		if v != tt.want || name != tt.suite {
			t.Errorf("Resolve(%q, %q) = %v, %q, want %v, %q", tt.version, tt.cipher, v, name, tt.want, tt.suite)
		}
	}
}
