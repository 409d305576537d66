package tlsname

import (
	"strings"
	"testing"
)

// properties renders what a suite says of itself.
func properties(s *Suite) string {
	words := []string{s.Family.String()}
	for _, p := range []struct {
		has  bool
		word string
	}{
		{s.ForwardSecrecy(), "fs"}, {s.AEAD(), "aead"}, {s.Anonymous(), "anon"}, {s.Null(), "null"},
		{s.Export(), "export"}, {s.RC4(), "rc4"}, {s.TripleDES(), "3des"}, {s.CBC(), "cbc"},
	} {
		if p.has {
			words = append(words, p.word)
		}
	}
	return strings.Join(words, " ")
}

// TestProperties has rows written by hand from the RFCs, not from the data.
func TestProperties(t *testing.T) {
	tests := []struct {
		name   string
		v      Version
		id     uint32
		bits   uint16
		want   string
		bcp195 Level
	}{
		{"ECDHE-RSA-AES256-GCM-SHA384", TLSv1_2, 0xC030, 256, "TLSv1.2 fs aead", Recommended},
		{"ECDHE-ECDSA-AES128-GCM-SHA256", TLSv1_2, 0xC02B, 128, "TLSv1.2 fs aead", Recommended},
		{"ECDHE-RSA-CHACHA20-POLY1305", TLSv1_2, 0xCCA8, 256, "TLSv1.2 fs aead", NotMentioned},
		{"ECDHE-RSA-AES128-SHA", TLSv1, 0xC013, 128, "SSLv3 fs cbc", ShouldNot},
		{"ECDHE-RSA-AES256-SHA384", TLSv1_2, 0xC028, 256, "TLSv1.2 fs cbc", ShouldNot},
		{"DHE-RSA-AES256-GCM-SHA384", TLSv1_2, 0x009F, 256, "TLSv1.2 fs aead", MustNot},
		{"DHE-DSS-AES256-SHA", TLSv1, 0x0038, 256, "SSLv3 fs cbc", MustNot},
		{"AES128-SHA", TLSv1, 0x002F, 128, "SSLv3 cbc", MustNot},
		{"AES256-GCM-SHA384", TLSv1_2, 0x009D, 256, "TLSv1.2 aead", MustNot},
		{"DES-CBC3-SHA", TLSv1, 0x000A, 112, "SSLv3 3des cbc", MustNot},
		{"DES-CBC3-SHA", SSLv2, 0x0701C0, 112, "SSLv2 3des cbc", MustNot},
		{"EDH-RSA-DES-CBC3-SHA", TLSv1, 0x0016, 112, "SSLv3 fs 3des cbc", MustNot},
		{"DHE-RSA-DES-CBC3-SHA", TLSv1, 0x0016, 112, "SSLv3 fs 3des cbc", MustNot},
		{"DES-CBC-SHA", TLSv1, 0x0009, 56, "SSLv3 cbc", MustNot},
		{"AECDH-AES256-SHA", TLSv1_2, 0xC019, 256, "SSLv3 fs anon cbc", ShouldNot},
		{"ADH-AES256-SHA", TLSv1, 0x003A, 256, "SSLv3 fs anon cbc", MustNot},
		{"RC4-SHA", TLSv1_2, 0x0005, 80, "SSLv3 rc4", MustNot},
		{"RC4-MD5", SSLv3, 0x0004, 80, "SSLv3 rc4", MustNot},
		{"RC4-MD5", VersionUnknown, 0x0004, 80, "SSLv3 rc4", MustNot},
		{"RC4-MD5", SSLv2, 0x010080, 80, "SSLv2 rc4", MustNot},
		{"EXP-RC4-MD5", TLSv1, 0x0003, 40, "SSLv3 export rc4", MustNot},
		{"EXP-RC4-MD5", SSLv2, 0x020080, 40, "SSLv2 export rc4", MustNot},
		{"NULL-SHA", TLSv1, 0x0002, 0, "SSLv3 null", MustNot},
		{"AECDH-NULL-SHA", TLSv1, 0xC015, 0, "SSLv3 fs anon null", MustNot},
		{"ECDHE-ECDSA-AES128-CCM8", TLSv1_2, 0xC0AE, 128, "TLSv1.2 fs aead", NotMentioned},
		{"CAMELLIA128-SHA", TLSv1, 0x0041, 128, "SSLv3 cbc", MustNot},
		{"TLS_AES_256_GCM_SHA384", TLSv1_3, 0x1302, 256, "TLSv1.3 fs aead", NotMentioned},
		{"TLS_CHACHA20_POLY1305_SHA256", TLSv1_3, 0x1303, 256, "TLSv1.3 fs aead", NotMentioned},
		{"TLS_ASCONAEAD128_SHA256", TLSv1_3, 0x006F, 128, "TLSv1.3 fs aead", NotMentioned},
		{"TLS_SHA256_SHA256", TLSv1_3, 0xC0B4, 0, "TLSv1.3 fs null", MustNot},
		{"AEAD-AES256-GCM-SHA384", TLSv1_3, 0x1302, 256, "TLSv1.3 fs aead", NotMentioned},            // LibreSSL
		{"TLS13-AES-128-GCM-SHA256", TLSv1_3, 0x1301, 128, "TLSv1.3 fs aead", NotMentioned},          // drafts of TLS 1.3
		{"TLS_ECDHE_RSA_AES_128_CBC_SHA1", TLSv1, 0xC013, 128, "SSLv3 fs cbc", ShouldNot},            // GnuTLS
		{"TLS_RSA_ARCFOUR_128_SHA1", TLSv1, 0x0005, 80, "SSLv3 rc4", MustNot},                        // GnuTLS
		{"TLS_DH_ANON_AES_256_CBC_SHA1", TLSv1, 0x003A, 256, "SSLv3 fs anon cbc", MustNot},           // GnuTLS
		{"TLS_ECDHE_ECDSA_CHACHA20_POLY1305", TLSv1_2, 0xCCA9, 256, "TLSv1.2 fs aead", NotMentioned}, // GnuTLS
		{"GOST2001-GOST89-GOST89", TLSv1, 0x0081, 256, "SSLv3", NotMentioned},
	}
	for _, tt := range tests {
		s := Lookup(tt.name, tt.v)
		if s == nil {
			t.Errorf("Lookup(%q, %v) = nil", tt.name, tt.v)
			continue
		}
		if s.ID != tt.id || s.Bits != tt.bits || properties(s) != tt.want || s.BCP195 != tt.bcp195 {
			t.Errorf("Lookup(%q, %v) = %#04x, %d bits, %q, %q; want %#04x, %d bits, %q, %q", tt.name, tt.v,
				s.ID, s.Bits, properties(s), s.BCP195, tt.id, tt.bits, tt.want, tt.bcp195)
		}
	}
}

func TestLevelString(t *testing.T) {
	for level, want := range map[Level]string{
		NotMentioned: "not mentioned", Recommended: "RECOMMENDED", ShouldNot: "SHOULD NOT", MustNot: "MUST NOT", 9: "not mentioned",
	} {
		if got := level.String(); got != want {
			t.Errorf("Level(%d) is called %q, want %q", level, got, want)
		}
	}
}

func TestSuiteString(t *testing.T) {
	for code, want := range map[string]string{
		"0xC030": "ECDHE-RSA-AES256-GCM-SHA384",
		"0xC0B0": "TLS_ECCPWD_WITH_AES_128_GCM_SHA256", // OpenSSL has no name for it
		"0xFF02": "GOST-GOST89MAC",                     // IANA has none
	} {
		if got := Lookup(code, VersionUnknown).String(); got != want {
			t.Errorf("%s is called %q, want %q", code, got, want)
		}
	}
}
