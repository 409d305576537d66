package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
)

// allTypes are columns of each type, by its name.
func allTypes(t testing.TB) columns {
	facts := map[string]string{}
	for name := range types() {
		facts[name] = name
	}
	c, err := newColumns(facts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantQuotes is what is said of quotes that are not in order.
const wantQuotes = ` has a double quote without its pair, or within a value that does not begin with one; write a value with a double quote in it between double quotes, and that one twice: "the ""best"" partner"`

// TestParse shows which files are in order.
func TestParse(t *testing.T) {
	tier, err := newColumns(map[string]string{"tier": "name", "n": "number"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	domain := []string{"sender_domain"}
	for name, c := range map[string]struct {
		key       []string
		file, err string
	}{
		"no rows":            {domain, "sender_domain,tier,n", ""},
		"others, and a mark": {domain, "\ufeffx,n,tier,sender_domain\r\n#\r\n\r\ny,1,gold,a.example\r\n", ""},
		"empty":              {domain, "", "no first line with the names of the columns: EOF"},
		"a column missing":   {domain, "sender_domain,n", `the first line must name the column "tier" once; it names ["sender_domain" "n"]`},
		"a key missing":      {domain, "tier,n", `the first line must name the column "sender_domain" once; it names ["tier" "n"]`},
		"a column twice":     {domain, "sender_domain,tier,n,tier", `the first line must name the column "tier" once; it names ["sender_domain" "tier" "n" "tier"]`},
		"a field missing":    {domain, "sender_domain,tier,n\n\na.example,gold", "line 3: has 2 values for 3 columns; a value with the separator in it stands between double quotes"},
		"no end of quotes":   {domain, "sender_domain,tier,n\n\"a.example,gold,1", `line 2: "\"a.example,gold,1"` + wantQuotes},
		"a row twice":        {domain, "sender_domain,tier,n\na.example,gold,1\nA.Example.,gold,1", `line 3: sender_domain "A.Example.": line 2 has the same key; remove one of them`},
		"no key":             {domain, "sender_domain,tier,n\n,gold,1", `line 2: sender_domain "" is empty; write what the row is for, or remove the row`},
		"no domain":          {domain, "sender_domain,tier,n\nbank example,gold,1", `line 2: sender_domain "bank example" is not a valid domain name; write one such as example.org`},
		"no A-label":         {domain, "sender_domain,tier,n\n\u202ebank.example,gold,1", "line 2: sender_domain \"\\u202ebank.example\" has a character that is not visible, U+202E; write it without"},
		"two of its names":   {domain, "sender_domain,tier,n\nxn--cla-7ka.example,gold,1\nclaß.example,gold,1", `line 3: sender_domain "claß.example": line 2 has the same key; remove one of them`},
		"its own name":       {domain, "sender_domain,tier,n\nclass.example,gold,1\nclaß.example,gold,1", ""},
		"a bare quote":       {domain, "sender_domain,tier,n\na.example,the \"best\",1", `line 2: "a.example,the \"best\",1"` + wantQuotes},
		"a quote, and lines": {domain, "sender_domain,tier,n\na.example,\"x\ny,1\n", `line 2: "a.example,\"x"` + wantQuotes},
		"all that is wrong": {domain, "sender_domain,tier,n\n.a.example," + "a\u00adb" + ",one", "line 2: sender_domain \".a.example\" is of subdomains, and a row stands for one domain; write a row for each, or a list of the rule files, which knows subdomains\n" +
			`line 2: n: "one" is not a whole number; write a whole number in digits alone, such as 1500` + "\n" + `line 2: tier: "a\u00adb" has a character that is not visible, U+00AD; write it without`},
		"a point":          {domain, "sender_domain,tier,n\na.example,gold,7.00", `line 2: n: "7.00" is not a whole number; write 7`},
		"a point, or more": {domain, "sender_domain,tier,n\na.example,gold,1.000", `line 2: n: "1.000" is not a whole number; write 1 or 1000`},
		"no names":         {domain, ",,\na.example,gold,1", `the first line must name the column "sender_domain" once; it names ["" "" ""]; write there sender_domain,n,tier`},
		"another case":     {domain, "Sender_Domain,tier,n\na.example,gold,1", `the first line must name the column "sender_domain" once; it names ["Sender_Domain" "tier" "n"]; write sender_domain in the place of "Sender_Domain"`},
		"another sign":     {domain, "sender domain;TIER;N\na.example;gold;1", `the first line must name the column "sender_domain" once; it names ["sender domain" "TIER" "N"]; write sender_domain in the place of "sender domain"`},
		"bars":             {domain, "sender_domain|tier|n\na.example|gold|1", ""},
		"two spellings":    {[]string{"sender"}, "sender,tier,n\n\"\"\"a b\"\"@c.example\",gold,1\nA B@C.example,gold,1", `line 3: sender "A B@C.example": line 2 has the same key; remove one of them`},
		"no number":        {domain, "sender_domain,tier,n\na.example,gold,one", `line 2: n: "one" is not a whole number; write a whole number in digits alone, such as 1500`},
		"a long value":     {domain, "sender_domain,tier,n\na.example," + strings.Repeat("x", 1025) + ",1", "line 2: tier: a text of 1025 octets; 1024 are the most"},
		"not UTF-8":        {domain, "sender_domain,tier,n\na.example,\xff,1", `line 2: tier: "\xff" is not in UTF-8; convert it: iconv -f WINDOWS-1252 -t UTF-8`},
		"NUL":              {domain, "sender_domain,tier,n\na.example,a\x00b,1", `line 2: tier: "a\x00b" has a NUL octet; write it without`},
		"a host":           {[]string{"client"}, "client,tier,n\n192.0.2.1,gold,1\n192.0.2.1/32,gold,1", `line 3: client "192.0.2.1/32": line 2 has the same key; remove one of them`},
		"no network":       {[]string{"client"}, "client,tier,n\nmx.example,gold,1", `line 2: client "mx.example" is no address and no network; write 192.0.2.1 or 192.0.2.0/24`},
		"bits beyond":      {[]string{"client"}, "client,tier,n\n192.0.2.1/24,gold,1", `line 2: client "192.0.2.1/24" has bits beyond its length; write 192.0.2.0/24`},
		"a zone":           {[]string{"client"}, "client,tier,n\nfe80::1%eth0,gold,1", `line 2: client "fe80::1%eth0" has a zone; write it without what follows the %`},
		"mapped":           {[]string{"client"}, "client,tier,n\n::ffff:192.0.2.0/120,gold,1", `line 2: client "::ffff:192.0.2.0/120" is an IPv4 network in IPv6 form; write 192.0.2.0/24`},
		"no fingerprint":   {[]string{"cert_fingerprint"}, "cert_fingerprint,tier,n\nSHA256:abc,gold,1", `line 2: cert_fingerprint "SHA256:abc" is no fingerprint; write its hexadecimal digits alone, as openssl x509 -fingerprint -sha256 prints them behind the "="`},
		"a long key":       {[]string{"sasl_user"}, "sasl_user,tier,n\n" + strings.Repeat("x", 1025) + ",gold,1", `line 2: sasl_user "` + strings.Repeat("x", 100) + `" has more than 1024 octets`},
	} {
		_, err := parseCSV([]byte(c.file), c.key, tier)
		if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: %v, want %s", name, err, c.err)
		}
	}
}

// TestKeys shows how rows are found.
func TestKeys(t *testing.T) {
	c, err := newColumns(map[string]string{"tier": "name"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const networks = "client,tier\n192.0.2.0/24,net\n192.0.2.128/25,half\n192.0.2.200,host\n2001:db8::/32,six\n0.0.0.0/0,all4\n"
	const both = "sender_domain,client,tier\na.example,192.0.2.0/24,one\na.example,0.0.0.0/0,rest\nb.example,192.0.2.0/24,two\n"
	const folds = "sender_domain,client,tier\nclaß.example,192.0.2.0/24,sharp\nclass.example,0.0.0.0/0,double\nstraße.example,0.0.0.0/0,street\n"
	const certs = "cert_fingerprint,tier\n61:9F:00:" + "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:0a" + ",pinned\n"
	const mail = "sender,recipient,tier\nBoss@a.example,in@b.example,one\n\"a,b@a.example\",in@b.example,two\n"
	for _, row := range []struct {
		file   string
		values []string
		want   any // nil: no row
	}{
		{networks, []string{"192.0.2.1"}, "net"},
		{networks, []string{"192.0.2.129"}, "half"},
		{networks, []string{"192.0.2.200"}, "host"},
		{networks, []string{"::ffff:192.0.2.200"}, "host"},
		{networks, []string{"198.51.100.1"}, "all4"},
		{networks, []string{"2001:db8:1::1"}, "six"},
		{networks, []string{"2001:db9::1"}, nil},
		{networks, []string{""}, nil},
		{networks, []string{"unknown"}, nil},
		{both, []string{"a.example", "192.0.2.1"}, "one"},
		{both, []string{"a.example", "203.0.113.1"}, "rest"},
		{both, []string{"b.example", "192.0.2.1"}, "two"},
		{both, []string{"b.example", "203.0.113.1"}, nil},
		{both, []string{"", "192.0.2.1"}, nil},
		{folds, []string{"xn--cla-7ka.example", "192.0.2.1"}, "sharp"},
		{folds, []string{"class.example", "192.0.2.1"}, "double"},
		{folds, []string{"strasse.example", "192.0.2.1"}, "street"},
		{folds, []string{"xn--strae-oqa.example", "192.0.2.1"}, "street"},
		{folds, []string{"xn--cla-7ka.example", "198.51.100.1"}, nil},
		{certs, []string{"619f0000112233445566778899aabbccddeeff0a"}, "pinned"},
		{certs, []string{"619f00"}, nil},
		{certs, []string{""}, nil},
		{mail, []string{"boss@a.example", "in@b.example"}, "one"},
		{mail, []string{"a,b@a.example", "in@b.example"}, "two"},
		{mail, []string{"boss@a.example", "boss@a.example"}, nil},
		{mail, []string{"", ""}, nil},
	} {
		head, _, _ := strings.Cut(row.file, "\n")
		key := strings.Split(strings.TrimSuffix(head, ",tier"), ",")
		table, err := parseCSV([]byte(row.file), key, c)
		if err != nil {
			t.Fatal(err)
		}
		got := table.find(key, row.values)
		if got["tier"] != row.want || (got == nil) != (row.want == nil) {
			t.Errorf("%s %q: %v, want %v", head, row.values, got, row.want)
		}
	}
}

// TestTypes shows a value of each type in a CSV file.
func TestTypes(t *testing.T) {
	file := write(t, "all.csv", "sasl_user,address,boolean,domain,mailbox,name,number,text,time\n"+
		"u,2001:db8::1,YES,a.example,a@b.example,n,-3,a b,2026-11-22T12:00:00Z\n"+
		"v,,,,,,,,\n"+
		"w,192.0.2.1,0,,,,9223372036854775807,,2026-11-22\n")
	facts := map[string]any{}
	for name := range types() {
		facts[name] = name
	}
	p := plugintest.Run(t, plugin(), text(t, map[string]any{"driver": "csv", "file": file, "key": []string{"sasl_user"}, "facts": facts}))
	for user, want := range map[string]plugins.Facts{
		"u": {"found": true, "address": netip.MustParseAddr("2001:db8::1"), "boolean": true, "domain": "a.example", "mailbox": "a@b.example",
			"name": "n", "number": int64(-3), "text": "a b", "time": time.Unix(1795348800, 0)},
		"v": {"found": true},
		"w": {"found": true, "address": netip.MustParseAddr("192.0.2.1"), "boolean": false, "number": int64(1<<63 - 1), "time": time.Date(2026, 11, 22, 0, 0, 0, 0, time.Local)},
	} {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sasl_user": user})
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", user, got, err, want)
		}
	}
}

// watched is a CSV file of which each look is one anew.
func watched(t *testing.T, content string) (*csvFile, *bytes.Buffer) {
	t.Helper()
	c, err := newColumns(map[string]string{"tier": "name"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openCSV(write(t, "partners.csv", content), []string{"sender_domain"}, c)
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	f.log = log
	return f, log
}

func (f *csvFile) tier(domain string) any {
	f.looked = time.Time{}
	row, _ := f.find(context.Background(), []string{domain})
	return row["tier"]
}

// TestReread shows that a file which changed is read again, that one which is
// broken or gone is told of once, and that the rows from before stay then.
func TestReread(t *testing.T) {
	const head = "sender_domain,tier\n"
	f, log := watched(t, head+"a.example,gold\n")
	at := time.Now().Add(-time.Hour)
	for i, step := range []struct {
		content string // empty: the file is gone
		old     bool   // it looks as if it had changed an hour ago
		want    any
		logged  string
	}{
		{head + "a.example,gold\n", true, "gold", ""},
		{head + "a.example,iron\n", true, "gold", ""}, // the same time and size: as before
		{head + "a.example,silver\n", true, "silver", ""},
		{head + "a.example,s1lver\n", false, "s1lver", ""}, // the same size, and just now
		{head + "a.example,s2lver\n", false, "s2lver", ""},
		{head + "a.example,gold,x\n", false, "s2lver", f.path + ": line 2: has 3 values for 2 columns; a value with the separator in it stands between double quotes; the rows that were read before stay\n"},
		{head + "a.example,gold,y\n", true, "s2lver", ""}, // told before
		{head + "a.example,gold,y\n", true, "s2lver", ""},
		{"", false, "s2lver", "stat " + f.path + ": no such file or directory; the rows that were read before stay\n"},
		{"", false, "s2lver", ""},
		{head + "a.example,gold\n", true, "gold", ""},
		{head, false, nil, ""},
		{"oops\n" + strings.Repeat("x", maxFile), false, nil, f.path + " has more than 16777216 octets; the rows that were read before stay\n"},
	} {
		log.Reset()
		if step.content == "" {
			_ = os.Remove(f.path)
		} else {
			write(t, f.path, step.content)
		}
		if step.old {
			if err := os.Chtimes(f.path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.tier("a.example"); got != step.want || log.String() != step.logged {
			t.Errorf("step %d: %v, %q; want %v, %q", i, got, log, step.want, step.logged)
		}
	}
}

// TestTogether shows that lookups go on while the file changes, by renaming, and
// that each sees one whole version.
func TestTogether(t *testing.T) {
	f, _ := watched(t, "sender_domain,tier\na.example,0\nb.example,0\n")
	f.log = io.Discard
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				f.refresh()
				table := f.table.Load()
				a, b := table.find(f.key, []string{"a.example"}), table.find(f.key, []string{"b.example"})
				if a == nil || a["tier"] != b["tier"] {
					t.Errorf("%v beside %v", a, b)
					return
				}
			}
		})
	}
	for i := range 100 {
		next := write(t, filepath.Join(filepath.Dir(f.path), "next"), fmt.Sprintf("sender_domain,tier\na.example,%d\nb.example,%d\n", i, i))
		if err := os.Rename(next, f.path); err != nil {
			t.Fatal(err)
		}
		f.reading.Lock()
		f.looked = time.Time{}
		f.reading.Unlock()
	}
	close(stop)
	wg.Wait()
	if got := f.tier("a.example"); got != "99" {
		t.Errorf("in the end %v", got)
	}
}

// TestManyRows looks up ten thousand keys in a table of as many.
func TestManyRows(t *testing.T) {
	var content strings.Builder
	content.WriteString("sender_domain,client,tier\n")
	for i := range 10_000 {
		fmt.Fprintf(&content, "d%d.example,10.%d.%d.0/24,t%d\n", i, i/256, i%256, i)
	}
	p := plugintest.Run(t, plugin(), text(t, map[string]any{"driver": "csv", "file": write(t, "many.csv", content.String()),
		"key": []string{"sender_domain", "client"}, "facts": map[string]any{"tier": "name"}}))
	for i := range 10_000 {
		got, err := p.Lookup(t.Context(), plugins.Facts{"sender_domain": fmt.Sprintf("d%d.example", i), "client": fmt.Sprintf("10.%d.%d.7", i/256, i%256)})
		if err != nil || got["tier"] != fmt.Sprintf("t%d", i) {
			t.Fatalf("%d: %v, %v", i, got, err)
		}
	}
}

// FuzzCSV shows that each row that is taken can be found, and has values of the
// types of its columns, whatever the file is.
func FuzzCSV(f *testing.F) {
	const head = "sender_domain,client,address,boolean,domain,mailbox,name,number,text,time\n"
	f.Add(head + "a.example,192.0.2.0/24,::1,yes,b,a@b,n,1,t,2026-11-22\n")
	f.Add(head + "#\n\"a\nb\",::/0,,,,,,,,\n")
	f.Add("sep=;\r" + strings.ReplaceAll(head, ",", ";") + "a.example;192.0.2.0/24;;;;;;;;\r;;;\r")
	f.Add("")
	key := []string{"sender_domain", "client"}
	f.Fuzz(func(t *testing.T, text string) {
		c := allTypes(t)
		table, err := parseCSV([]byte(text), key, c)
		if err != nil {
			return
		}
		if lines := strings.Count(text, "\n") + strings.Count(text, "\r"); len(table.rows) > lines {
			t.Errorf("%d rows of %d lines", len(table.rows), lines)
		}
		for k := range table.rows {
			_, name, _ := strings.Cut(k.texts, ":")
			row := table.find(key, []string{name, k.network.Addr().String()})
			if row == nil {
				t.Errorf("no row for %q %v", name, k.network)
			}
			if facts, err := c.facts(row); err != nil || facts["found"] != true {
				t.Errorf("%v, %v", facts, err)
			}
		}
	})
}
