package tlsname

import (
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	spellings := map[Version][]string{
		Plaintext: {"none", "plaintext"},
		SSLv2:     {"SSLv2"},
		SSLv3:     {"SSLv3", "SSL3", "SSL3.0", "SSL3.0-PKIX"},
		TLSv1:     {"TLSv1", "TLS1", "TLS1.0", "TLS1.0-PKIX", "TLS1_0"},
		TLSv1_1:   {"TLSv1.1", "TLS1.1", "TLS1.1-PKIX", "TLS1_1"},
		TLSv1_2:   {"TLSv1.2", "TLS1.2", "TLS1.2-PKIX", "TLS1_2"},
		TLSv1_3:   {"TLSv1.3", "TLS1.3", "TLS1_3"},
	}
	for want, all := range spellings {
		for _, s := range all {
			for _, in := range []string{s, strings.ToLower(s), strings.ToUpper(s), " " + s + "\t"} {
				if got, ok := ParseVersion(in); got != want || !ok {
					t.Errorf("ParseVersion(%q) = %v, %t, want %v", in, got, ok, want)
				}
			}
		}
	}
	unknown := []string{
		"", "unknown", "UNKNOWN", "TLSv1/SSLv3", "TLSv1.4", "TLS12", "TLSv12", "TLSv1_2", "TLSv1.0", "TLS", "SSL2",
		"TLS1.3-PKIX", "DTLSv1.2", "TLSv1.2 TLSv1.3", "TLSv1.2\x00", "tlſv1", strings.Repeat("TLSv1.2", 1000),
	}
	for _, in := range unknown {
		if got, ok := ParseVersion(in); got != VersionUnknown || ok {
			t.Errorf("ParseVersion(%.20q) = %v, %t, want unknown", in, got, ok)
		}
	}
}

func TestVersionNames(t *testing.T) {
	want := []string{"none", "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
	if got := Versions(); !slices.Equal(got, want) {
		t.Errorf("Versions() = %q, want %q", got, want)
	}
	for v := Plaintext; v <= TLSv1_3; v++ {
		if got, ok := ParseVersion(v.String()); got != v || !ok {
			t.Errorf("ParseVersion(%q) = %v, %t", v.String(), got, ok)
		}
	}
	for _, v := range []Version{VersionUnknown, TLSv1_3 + 1, 255} {
		if got := v.String(); got != "unknown" {
			t.Errorf("Version(%d) is called %q", v, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { ParseVersion("TLSv1.2") }); n != 0 {
		t.Errorf("ParseVersion allocates %v times", n)
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range append(Versions(), "", "TLS1_2", "TLS1.0-PKIX", "ssl3.0", "TLSv1/SSLv3", "UNKNOWN", " TLSv1.1\n") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := ParseVersion(s)
		if ok != (v != VersionUnknown) || v > TLSv1_3 {
			t.Fatalf("ParseVersion(%q) = %d, %t", s, v, ok)
		}
		again, ok := ParseVersion(v.String())
		if again != v || ok != (v != VersionUnknown) {
			t.Fatalf("ParseVersion(%q) = %v, which parses as %v", s, v, again)
		}
		if ok && strings.TrimSpace(strings.Trim(strings.ToUpper(s), "-._0123VLSTPKIXNOEA \t\n\v\f\r\u0085\u00a0")) != "" {
			t.Fatalf("ParseVersion(%q) took letters of no version", s)
		}
	})
}
