package tlsname

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestOpenSSL compares the table with what the openssl(1) of this machine says
// of every suite that it knows.
func TestOpenSSL(t *testing.T) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl program on this machine")
	}
	out, err := exec.CommandContext(t.Context(), path, "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").Output()
	if err != nil {
		t.Skipf("openssl ciphers: %v", err)
	}
	// 0xC0,0x30 - ECDHE-RSA-AES256-GCM-SHA384 TLSv1.2 Kx=ECDH Au=RSA Enc=AESGCM(256) Mac=AEAD
	line := regexp.MustCompile(`^ *(0x[0-9A-Fx,]+) +- +(\S+) +(\S+) +Kx=(\S+) +Au=(\S+) +Enc=([^ (]+)(?:\((\d+)\))? +Mac=(\S+)`)
	count := 0
	for l := range strings.Lines(string(out)) {
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("cannot read %q", l)
			continue
		}
		if strings.HasSuffix(m[2], "_SCSV") {
			continue
		}
		count++
		compare(t, m)
	}
	if count == 0 {
		t.Error("openssl lists no suites")
	}
}

// compare compares one line, in its fields, with the table.
func compare(t *testing.T, m []string) {
	t.Helper()
	code, name, proto, kx, au, enc, bits, mac := m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]
	v, _ := ParseVersion(proto)
	s := Lookup(name, v)
	if s == nil || s != Lookup(code, v) {
		t.Errorf("%s %s: Lookup gives %v by name and %v by code point", code, name, s, Lookup(code, v))
		return
	}
	family := v
	if v == TLSv1 || v == TLSv1_1 {
		family = SSLv3
	}
	ephemeral := v == TLSv1_3 || strings.HasPrefix(kx, "DH") || strings.HasPrefix(kx, "ECDH") || kx == "SRP"
	ephemeral = ephemeral && !strings.Contains(kx, "/") // DH/RSA and ECDH/ECDSA are static
	for what, differs := range map[string]bool{
		"family":          s.Family != family,
		"forward secrecy": s.ForwardSecrecy() != ephemeral,
		"anonymous":       s.Anonymous() != (au == "None"),
		"null":            s.Null() != (enc == "None"),
		"AEAD":            s.AEAD() != (mac == "AEAD"),
		"RC4":             s.RC4() != (enc == "RC4"),
		"3DES":            s.TripleDES() != (enc == "3DES"),
		"bits":            bits != "" && !s.RC4() && !s.TripleDES() && bits != strconv.Itoa(int(s.Bits)),
	} {
		if differs {
			t.Errorf("%s %s: %s is wrong: %d bits, %s; openssl: %q", code, name, what, s.Bits, properties(s), m[0])
		}
	}
}
