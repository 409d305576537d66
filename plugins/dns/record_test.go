package main

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// texts are TXT records; "|" stands between the strings of one.
func texts(records ...string) []dns.RR {
	var list []dns.RR
	for _, r := range records {
		list = append(list, &dns.TXT{Hdr: dns.RR_Header{Rrtype: dns.TypeTXT}, Txt: strings.Split(r, "|")})
	}
	return list
}

// TestSTS shows which records say that there is an MTA-STS policy.
func TestSTS(t *testing.T) {
	for text, want := range map[string]bool{
		"v=STSv1; id=20160831085700Z;":           true, // the example of RFC 8461
		"v=STSv1; id=20160831085700Z":            true,
		"v=STSv1;id=1":                           true,
		"v=STSv1;\t id=1 \t;\t ":                 true,
		"v=STSv1; id=1; a=b; c.d-e_f=g:/+":       true,
		"v=STSv1; a=b; id=1":                     true,
		"v=STSv1; id=1; id=-":                    true, // the first one counts
		"v=STSv1; id=" + strings.Repeat("a", 32): true,
		"v=STSv1|; id=1|2":                       true,
		"v=STSv1; id=" + strings.Repeat("a", 33): false,
		"":                                       false,
		"v=STSv1":                                false,
		"v=STSv1;":                               false,
		"v=STSv1; ;":                             false,
		"v=STSv1; a=b":                           false,
		"v=STSv1; id=":                           false,
		"v=STSv1; id=a-b":                        false,
		"v=STSv1; id=1; x":                       false,
		"v=STSv1; id=1; x=":                      false,
		"v=STSv1; id=1; =x":                      false,
		"v=STSv1; id=1;; a=b":                    false,
		"v=STSv1; id=1; a=b=c":                   false,
		"v=STSv1; id=1; a=b c":                   false,
		"v=STSv1; id=1; a=\x00":                  false,
		"v=STSv1; id=1; _a=b":                    false,
		"v=STSv1; id=1; " + strings.Repeat("a", 33) + "=b": false,
		"v=STSv1; id = 1": false,
		"v=STSv1; ID=1":   false,
		"v=stsv1; id=1":   false,
		"V=STSv1; id=1":   false,
		"v=STSv1 ; id=1":  false, // section 3.1: it must begin with "v=STSv1;"
		" v=STSv1; id=1":  false,
		"v=STSv10; id=1":  false,
		"id=1; v=STSv1;":  false,
		"v=STSv1, id=1":   false,
	} {
		if got := hasSTS(texts(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestTLSRPT shows which records ask for reports.
func TestTLSRPT(t *testing.T) {
	for text, want := range map[string]bool{
		"v=TLSRPTv1;rua=mailto:reports@example.com":                          true, // the examples of RFC 8460
		"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt":            true,
		"v=TLSRPTv1; rua=mailto:a@example.com , https://example.com/v1?x=y;": true,
		"v=TLSRPTv1; rua=xmpp:a@example.com,MAILTO:a@example.com; ext=1":     true,
		"v=TLSRPTv1; rua=xmpp:a@example.com":                                 false,
		"v=TLSRPTv1; rua=":                                                   false,
		"v=TLSRPTv1; rua=mailto:":                                            false,
		"v=TLSRPTv1; rua=reports@example.com":                                false,
		"v=TLSRPTv1; rua=mailto:a@example.com,":                              false,
		"v=TLSRPTv1; rua=mailto:a b@example.com":                             false,
		"v=TLSRPTv1; ext=1":                                                  false,
		"v=TLSRPTv1":                                                         false,
		"v=TLSRPTv1; rua=ma\x00lto:a@b,https:/":                              false,
		"v=TLSRPTv2; rua=mailto:a@example.com":                               false,
	} {
		if got := hasTLSRPT(texts(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestSeveral shows that of several records one must count.
func TestSeveral(t *testing.T) {
	for name, c := range map[string]struct {
		records []dns.RR
		want    bool
	}{
		"none":              {nil, false},
		"one beside others": {texts("v=spf1 -all", "v=STSv1; id=1", "", "v=STSv1"), true},
		"two":               {texts("v=STSv1; id=1", "v=STSv1; id=2"), false},
		"the same twice":    {texts("v=STSv1; id=1", "v=STSv1; id=1"), false},
		"one of two is bad": {texts("v=STSv1; id=1", "v=STSv1; bad"), false},
		"no TXT":            {[]dns.RR{&dns.MX{}}, false},
	} {
		if got := hasSTS(c.records); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzRecord shows that records which count have the parts that the RFCs want.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{"v=STSv1; id=1; a=b;", "v=TLSRPTv1; rua=mailto:a@b,https://c", "v=STSv1;", ";;", "v=STSv1; id=1|2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		records := texts(text)
		joined := strings.ReplaceAll(text, "|", "")
		if hasSTS(records) && (!strings.HasPrefix(joined, "v=STSv1;") || !strings.Contains(joined, "id=") || !all(joined, printable)) {
			t.Errorf("%q counts as MTA-STS", joined)
		}
		if hasTLSRPT(records) && (!strings.HasPrefix(joined, "v=TLSRPTv1;") || !strings.Contains(joined, "rua=") || !all(joined, printable)) {
			t.Errorf("%q counts as TLSRPT", joined)
		}
		if hasSTS(records) && hasTLSRPT(records) {
			t.Errorf("%q counts as both", joined)
		}
	})
}

func printable(c byte) bool { return visible(c) || c == ' ' || c == '\t' }
