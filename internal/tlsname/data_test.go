package tlsname

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"
)

// sharedNames are the names that stand for two suites of one family: the lower
// code point has the name.
var sharedNames = map[string]uint32{
	"SSL_RSA_FIPS_WITH_DES_CBC_SHA":      0xFEFE, // and 0xFFE1
	"SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA": 0xFEFF, // and 0xFFE0
}

// ssl2Too are the names of SSLv2 suites that later protocols have as well.
var ssl2Too = map[string]bool{
	"RC4-MD5": true, "EXP-RC4-MD5": true, "EXP-RC2-CBC-MD5": true, "NULL-MD5": true,
	"NULL": true, "DES-CBC-SHA": true, "DES-CBC3-SHA": true,
}

func readData(t *testing.T) [][]string {
	t.Helper()
	f, err := os.Open("data/suites.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// hexOf writes the code point as the registry does.
func hexOf(s *Suite) string {
	if s.Family == SSLv2 {
		return fmt.Sprintf("0x%02X,0x%02X,0x%02X", s.ID>>16, s.ID>>8&0xFF, s.ID&0xFF)
	}
	return fmt.Sprintf("0x%02X,0x%02X", s.ID>>8, s.ID&0xFF)
}

// TestEveryName looks up every name of every row under every version.
func TestEveryName(t *testing.T) {
	rows := readData(t)
	if len(rows) != len(suites) {
		t.Errorf("%d rows make %d suites", len(rows), len(suites))
	}
	for _, row := range rows {
		names := append(strings.Split(row[3], "|"), row[1], row[2], row[0])
		for _, name := range names {
			if name == "" {
				continue
			}
			for v := VersionUnknown; v <= TLSv1_3; v++ {
				checkName(t, name, row[0], row[4], v)
			}
		}
	}
}

// checkName checks one name under one version, against the rules of Lookup.
func checkName(t *testing.T, name, hex, family string, v Version) {
	t.Helper()
	ssl2 := family == "SSLv2"
	s := Lookup(name, v)
	switch {
	case ssl2 && v == VersionUnknown && ssl2Too[name]:
		if s == nil || s.Family == SSLv2 {
			t.Errorf("Lookup(%q, %v) = %v, want the suite of later protocols", name, v, s)
		}
	case ssl2 && v != SSLv2 && v != VersionUnknown, !ssl2 && v == SSLv2:
		if s != nil && hexOf(s) == hex {
			t.Errorf("Lookup(%q, %v) = %v: wrong protocol", name, v, hexOf(s))
		}
	case s == nil:
		t.Errorf("Lookup(%q, %v) = nil, want %s", name, v, hex)
	case v == TLSv1_3 && s.Family == TLSv1_3 && family != "TLSv1.3":
		// Names of TLS 1.2 may stand for a suite of TLS 1.3: TestTLS13Names.
	case sharedNames[name] != 0:
		if s.ID != sharedNames[name] {
			t.Errorf("Lookup(%q, %v) = %#x, want the lower code point", name, v, s.ID)
		}
	case hexOf(s) != hex:
		t.Errorf("Lookup(%q, %v) = %s, want %s", name, v, hexOf(s), hex)
	}
}

// TestSharedNames shows that the suites behind a shared name do not differ.
func TestSharedNames(t *testing.T) {
	other := map[uint32]string{0xFEFE: "0xFFE1", 0xFEFF: "0xFFE0"}
	for name, id := range sharedNames {
		a, b := Lookup(name, VersionUnknown), Lookup(other[id], VersionUnknown)
		if a == b || a.Bits != b.Bits || a.BCP195 != b.BCP195 || properties(a) != properties(b) {
			t.Errorf("%s: %+v and %+v", name, a, b)
		}
	}
}

// TestNamesDoNotCollide shows that folding makes no name ambiguous.
func TestNamesDoNotCollide(t *testing.T) {
	seen := make(map[string]*Suite)
	longest := 0
	for s := range Suites() {
		for n := range s.names() {
			longest = max(longest, len(n))
			key := fmt.Sprint(s.Family == SSLv2, string(foldName(nil, n)))
			if first := seen[key]; first != nil && first != s && sharedNames[n] != first.ID {
				t.Errorf("%q stands for %s and %s", n, hexOf(first), hexOf(s))
			} else if first == nil {
				seen[key] = s
			}
		}
	}
	if longest > 64 {
		t.Errorf("a name has %d bytes, and Sendmail cuts at 64", longest)
	}
}

// TestConsistent checks what must hold whatever the data says.
func TestConsistent(t *testing.T) {
	var last *Suite
	for s := range Suites() {
		if last != nil && (s.ID < last.ID || s.ID == last.ID && s.Family == last.Family) {
			t.Errorf("%v follows %v", hexOf(s), hexOf(last))
		}
		last = s
		weak := s.Null() || s.Export() || s.RC4() || s.Family == SSLv2
		broken := map[string]bool{
			"has no name":                    s.String() == "",
			"is AEAD and CBC":                s.AEAD() && s.CBC(),
			"is NULL and AEAD":               s.Null() && s.AEAD(),
			"has bits and is NULL, or not":   s.Null() != (s.Bits == 0),
			"is 3DES without 112 bits":       s.TripleDES() && s.Bits != 112,
			"is export above 56 bits":        s.Export() && s.Bits > 56,
			"is weak but not MUST NOT":       weak && s.BCP195 != MustNot,
			"is CBC and tolerated":           s.CBC() && s.BCP195 < ShouldNot,
			"has below 128 bits, tolerated":  s.Bits < 128 && s.BCP195 < ShouldNot,
			"is recommended without FS+AEAD": s.BCP195 == Recommended && !(s.AEAD() && s.ForwardSecrecy()),
			"has an unknown family":          s.Family != SSLv2 && s.Family != SSLv3 && s.Family != TLSv1_2 && s.Family != TLSv1_3,
			"is TLS 1.3 without FS":          s.Family == TLSv1_3 && !s.ForwardSecrecy(),
		}
		for what, is := range broken {
			if is {
				t.Errorf("%s %v %s", hexOf(s), s, what)
			}
		}
	}
}
