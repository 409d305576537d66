package rules

import (
	"encoding/csv"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tlswarden/internal/tlsname"
)

// matrixRow is a suite, and what publications say of it.
type matrixRow struct {
	suite *tlsname.Suite
	says  map[string]string
}

// suiteMatrix reads testdata/suite_profiles.csv, which was made from the
// publications and not from this package.
func suiteMatrix(t *testing.T) []matrixRow {
	t.Helper()
	f, err := os.Open("testdata/suite_profiles.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []matrixRow
	for _, line := range lines[1:] {
		row := matrixRow{says: map[string]string{}}
		for i, column := range lines[0] {
			row.says[column] = line[i]
		}
		digits := strings.NewReplacer("0x", "", ",", "").Replace(row.says["hex"])
		id, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		for s := range tlsname.Suites() {
			if s.ID == uint32(id) && (s.Family == tlsname.SSLv2) == (len(digits) == 6) {
				row.suite = s
			}
		}
		if row.suite == nil {
			t.Fatalf("%s is not in the table of suites", row.says["hex"])
		}
		rows = append(rows, row)
	}
	return rows
}

// judgements are the profiles, and when the matrix says that a suite passes.
var judgements = map[string]func(says map[string]string) bool{
	"any-tls": nil, "rfc8996": nil, // they say nothing about suites
	"bcp195": func(says map[string]string) bool {
		level := says["rfc9325_level"]
		return level != "MUST NOT" && level != "SHOULD NOT" && says["rfc10015"] == "" &&
			says["forward_secrecy"] == "Y" && says["aead"] == "Y"
	},
	"mozilla-intermediate": func(says map[string]string) bool { return says["mozilla-intermediate-6.0"] != "" },
	"mozilla-modern":       func(says map[string]string) bool { return says["mozilla-modern-6.0"] != "" },
	"ncsc-nl-good":         func(says map[string]string) bool { return says["ncsc-nl-2025"] == "good" },
	"ncsc-nl-sufficient": func(says map[string]string) bool {
		return says["ncsc-nl-2025"] == "good" || says["ncsc-nl-2025"] == "sufficient"
	},
	"nist-800-52r2":  func(says map[string]string) bool { return strings.HasPrefix(says["nist-800-52r2"], "allowed") },
	"bsi-tr-02102-2": func(says map[string]string) bool { return says["bsi-tr-02102-2-2025"] != "" },
}

// TestProfilesAgreeWithTheMatrix judges a session by each known suite, under the
// newest version that has it.
func TestProfilesAgreeWithTheMatrix(t *testing.T) {
	rows := suiteMatrix(t)
	for _, p := range BuiltinProfiles() {
		want, listed := judgements[p.Name]
		if !listed {
			t.Errorf("%s is held against nothing", p.Name)
		}
		if want == nil {
			continue
		}
		passing := map[*tlsname.Suite]bool{}
		for _, g := range p.Passing() {
			for _, s := range g.Suites {
				passing[s] = true
			}
		}
		for _, row := range rows {
			var s Session
			s.SetTLS(TLS{Version: newest(row.suite.Family).String(), Cipher: row.suite.String()})
			s.tls.suite = row.suite // a few suites share their name
			g := p.grade(&s)
			if got := g.truth() == True; got != want(row.says) || g.truth() == Unknown {
				t.Errorf("%s: %s: %v, the matrix has %v", p.Name, row.suite, g.truth(), row.says)
			}
			if passing[row.suite] != want(row.says) {
				t.Errorf("%s: %s is listed as passing: %v", p.Name, row.suite, passing[row.suite])
			}
		}
	}
}

// TestProfilesHaveAllTheirSuites shows that no name in the lists is misspelt.
func TestProfilesHaveAllTheirSuites(t *testing.T) {
	for _, p := range BuiltinProfiles() {
		if p.Ciphers == nil {
			continue
		}
		n := 0
		for _, g := range p.Passing() {
			n += len(g.Suites)
		}
		if n != p.Ciphers.Len() || n == 0 {
			t.Errorf("%s: %d suites pass, and its list has %d", p.Name, n, p.Ciphers.Len())
		}
	}
	if n := suiteSet("TLS_AES_128_GCM_SHA256 TLS_NO_SUCH_SUITE").Len(); n != 1 {
		t.Errorf("a misspelt suite counts: %d", n)
	}
}

// TestProfilesAreSourced shows that each profile says where it comes from.
func TestProfilesAreSourced(t *testing.T) {
	for _, p := range BuiltinProfiles() {
		if p.About == nil {
			t.Errorf("%s says nothing about itself", p.Name)
			continue
		}
		may := []string{"Notes"}
		if p.Ciphers == nil {
			may = append(may, "Short")
		}
		if p.About.Checked == checkedOwn {
			may = append(may, "Version", "Date", "Section")
		}
		v := reflect.ValueOf(*p.About)
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && !slices.Contains(may, name) {
				t.Errorf("%s lacks %s", p.Name, name)
			}
		}
		if !slices.Contains([]string{checkedText, checkedPartly, checkedCopy, checkedOwn}, p.About.Checked) {
			t.Errorf("%s: checked is %q", p.Name, p.About.Checked)
		}
	}
}

// TestProfileReplies shows what a sender is told, and that it stays short.
func TestProfileReplies(t *testing.T) {
	want := map[string]string{
		"mozilla-modern":       "TLSv1.3 with a cipher suite of Mozilla modern 6.0",
		"mozilla-intermediate": "TLSv1.2 or newer with a cipher suite of Mozilla intermediate 6.0",
		"ncsc-nl-sufficient":   "TLSv1.2 or newer with a cipher suite of NCSC-NL 2025-05 (sufficient)",
		"ncsc-nl-good":         "TLSv1.3 with a cipher suite of NCSC-NL 2025-05 (good)",
		"nist-800-52r2":        "TLSv1.2 or newer with a cipher suite of NIST SP 800-52r2",
		"bsi-tr-02102-2":       "TLSv1.2 or newer with a cipher suite of BSI TR-02102-2 (2025-01)",
		"bcp195":               "TLSv1.2 or newer with forward secrecy and AEAD",
		"rfc8996":              "TLSv1.2 or newer",
		"any-tls":              "TLS",
	}
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.1", Cipher: "ECDHE-RSA-AES256-SHA"})
	for _, p := range BuiltinProfiles() {
		if got := p.Required(); got != want[p.Name] {
			t.Errorf("%s requires %q, want %q", p.Name, got, want[p.Name])
		}
		v := New(Config{Rules: []*Rule{{Name: "r", Require: p, Otherwise: Reject}}}).Evaluate(&s, 0)
		if text := v.text(&s); len(text) > maxDefault {
			t.Errorf("%s: the reply is cut: %q", p.Name, text)
		}
	}
}

// TestUnheardSuites shows how a closed list takes a suite that the table lacks.
func TestUnheardSuites(t *testing.T) {
	own := &Profile{Name: "own", ForbidCiphers: suiteSet("TLS_RSA_WITH_RC4_128_SHA")}
	for _, c := range []struct {
		p       *Profile
		version string
		want    Truth
	}{
		{required("mozilla-modern"), "TLSv1.3", False},
		{required("mozilla-intermediate"), "TLSv1.3", False},
		{required("mozilla-intermediate"), "TLSv1.2", Unknown},
		{required("mozilla-intermediate"), "TLSv1.1", False}, // for the version
		{required("bcp195"), "TLSv1.3", True},
		{required("bcp195"), "TLSv1.2", Unknown},
		{own, "TLSv1.3", True},
		{own, "TLSv1.2", Unknown},
	} {
		var s Session
		s.SetTLS(TLS{Version: c.version, Cipher: "SOMETHING_NEW"})
		g := c.p.grade(&s)
		if g.truth() != c.want {
			t.Errorf("%s under %s: %v, want %v", c.p.Name, c.version, g.truth(), c.want)
		}
	}
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.3", Cipher: "SOMETHING_NEW"})
	p := required("mozilla-modern")
	if got := strings.Join(p.shortfalls(&s, p.grade(&s)), ", "); got != "SOMETHING_NEW is not in Mozilla modern 6.0" {
		t.Error(got)
	}
}

func TestDemands(t *testing.T) {
	p := &Profile{MinBits: 128, ForbidCiphers: suiteSet("AES128-SHA"), ClientCert: CertTrusted, CertNames: NewSet(KindName),
		CertIssuers: NewSet(KindName), CertFingerprints: NewSet(KindFingerprint), CertKeyFingerprints: NewSet(KindFingerprint)}
	want := []string{
		"encryption: plaintext fails, and a suite known to be NULL, and 0 bits reported",
		"a key of at least 128 bits", "none of 1 cipher suites",
		"a client certificate that the server verified", "an agreed name in the client certificate",
		"an agreed issuer of the client certificate", "an agreed client certificate, by fingerprint",
		"an agreed key of the client certificate, by fingerprint",
	}
	if got := p.Demands(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := required("mozilla-modern").Demands(); !slices.Equal(got[1:], []string{"TLSv1.3", "one of 3 cipher suites"}) {
		t.Errorf("got %q", got)
	}
}
