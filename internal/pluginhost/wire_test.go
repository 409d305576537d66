package pluginhost

import (
	"slices"
	"strings"
	"testing"

	protobuf "google.golang.org/protobuf/proto"

	"tlswarden/plugins"
	"tlswarden/plugins/proto"
	"tlswarden/rules"
)

// TestWireValues shows how plugins are told the facts of a session.
func TestWireValues(t *testing.T) {
	s := sessionOf("Example.ORG.")
	s.SetClient(client)
	s.SetRecipient(`"b"@example.net`)
	s.SetTLS(rules.TLS{Version: "TLSv1.2", Cipher: "ECDHE-RSA-AES128-SHA", CertFingerprint: rules.Known("AB:CD")})
	s.Size = rules.Known(int64(9))
	s.SASLUser = rules.Known("\xffuser")
	s.Helo = rules.Known("")
	s.RequireTLS = rules.Known(true)
	for name, want := range map[string]string{
		"sender_domain": `text:"example.org"`, "recipient": `text:"b@example.net"`, "client": `text:"192.0.2.7"`, "tls_version": `text:"TLSv1.2"`,
		"cipher": `text:"ECDHE-RSA-AES128-SHA"`, "cert_fingerprint": `text:"abcd"`, "size": "number:9", "sasl_user": "text:\"\uFFFDuser\"",
		"helo": `text:""`, "requiretls": "flag:true", "tls": "flag:true",
	} {
		f := rules.FieldByName(name)
		v, known := f.Read(s)
		if got := wireValue(rules.New(rules.Config{}), f, v).String(); !known || got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestWireForms shows that plugins are told the other forms of addresses and domains
// under which rules would find them, and that answers are remembered by these.
func TestWireForms(t *testing.T) {
	d, err := newDescription(&proto.DescribeResponse{
		Facts: []*proto.Fact{{Key: "a", Type: proto.Type_TEXT}}, Needs: []*proto.Need{{Name: "sender"}, {Name: "sender_domain"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, c := range []struct {
		sender     string
		delimiters rules.Fact[string]
		address    []string
		domain     []string
	}{
		{"", rules.Fact[string]{}, []string{""}, []string{""}},
		{"Legal@Example.com", rules.Fact[string]{}, []string{"legal@example.com"}, []string{"example.com"}},
		{`"Legal+X"@Example.com`, rules.Fact[string]{}, []string{"legal+x@example.com", "legal@example.com"}, []string{"example.com"}},
		{"legal-x+y@example.com", rules.Fact[string]{}, []string{"legal-x+y@example.com", "legal-x@example.com"}, []string{"example.com"}},
		{"legal-x+y@example.com", rules.Known("-"), []string{"legal-x+y@example.com", "legal@example.com"}, []string{"example.com"}},
		{"legal-x+y@example.com", rules.Known(""), []string{"legal-x+y@example.com"}, []string{"example.com"}},
		{"legal-x@example.com", rules.Fact[string]{}, []string{"legal-x@example.com"}, []string{"example.com"}},
		{"\u017ftrict+x@example.com", rules.Fact[string]{}, []string{"strict+x@example.com", "strict@example.com"}, []string{"example.com"}},
		{"a+b@cla\u00df.example", rules.Fact[string]{}, []string{"a+b@class.example", "a@class.example", "a+b@xn--cla-7ka.example", "a@xn--cla-7ka.example"},
			[]string{"class.example", "xn--cla-7ka.example"}},
		{"a+b@class.example", rules.Fact[string]{}, []string{"a+b@class.example", "a@class.example"}, []string{"class.example"}},
		{"\xff+b@example.com", rules.Fact[string]{}, []string{"\uFFFD+b@example.com", "\uFFFD@example.com"}, []string{"example.com"}},
	} {
		s := &rules.Session{}
		s.SetSender(c.sender)
		by := rules.New(rules.Config{Delimiters: c.delimiters})
		facts := d.request(by, s).Facts
		for name, want := range map[string][]string{"sender": c.address, "sender_domain": c.domain} {
			if got := append([]string{facts[name].GetText()}, facts[name].Also...); !slices.Equal(got, want) {
				t.Errorf("%s of %s by %v: %q, want %q", name, c.sender, c.delimiters, got, want)
			}
		}
		told, key := strings.Join(append(c.address, c.domain...), " "), string(d.appendKey(nil, by, s))
		if other, there := keys[key]; there && other != told {
			t.Errorf("%q and %q are one question", told, other)
		}
		keys[key] = told
	}
}

// TestUndescribed shows the descriptions that are refused.
func TestUndescribed(t *testing.T) {
	fact := func(key string, t proto.Type) *proto.Fact { return &proto.Fact{Key: key, Type: t} }
	one := []*proto.Fact{fact("a", proto.Type_TEXT)}
	many := make([]*proto.Fact, plugins.MaxFacts+1)
	for i := range many {
		many[i] = fact("a"+string(rune('a'+i)), proto.Type_TEXT)
	}
	for want, r := range map[string]*proto.DescribeResponse{
		"it offers 0 facts; 1 to 32 are possible":                         {},
		"it offers 33 facts; 1 to 32 are possible":                        {Facts: many},
		`it offers the fact "A", which is no key`:                         {Facts: []*proto.Fact{fact("A", proto.Type_TEXT)}},
		"its fact a has the type 99, which this daemon does not know":     {Facts: []*proto.Fact{fact("a", 99)}},
		"it offers the fact a twice":                                      {Facts: append(one, one...)},
		`it needs the fact "plugin.x.y", which does not exist`:            {Facts: one, Needs: []*proto.Need{{Name: "plugin.x.y"}}},
		"it needs the fact sender twice":                                  {Facts: one, Needs: []*proto.Need{{Name: "sender"}, {Name: "sender", Optional: true}}},
		`its answers depend on the fact "client", which it does not need`: {Facts: one, Needs: []*proto.Need{{Name: "sender"}}, CacheKey: []string{"client"}},
	} {
		if _, err := newDescription(r); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// FuzzHandshake shows that a line that is let through is one that go-plugin can
// take, with a socket in the plugin's own directory.
func FuzzHandshake(f *testing.F) {
	for _, line := range []string{"", "1|1|unix|/d/s|grpc|", "1|1|unix|/d/s|grpc|AAAA\n", "1|1|unix|/d/../e|grpc", "1|2|tcp|:1|netrpc", "||||||", "1|1|unix|/d/s|grpc|x|true"} {
		f.Add(line, true)
		f.Add(line, false)
	}
	f.Fuzz(func(t *testing.T, line string, mtls bool) {
		if err := checkHandshake(line, "/d", mtls); err != nil {
			if len(err.Error()) > 5000 {
				t.Error("a long error")
			}
			return
		}
		parts := strings.Split(strings.TrimSpace(line), "|")
		if !strings.HasPrefix(parts[3], "/d/") || strings.Contains(parts[3], "..") && strings.Count(parts[3], "/") > 2 || mtls != (len(parts) > 5 && parts[5] != "") {
			t.Errorf("%q was let through", line)
		}
	})
}

// FuzzAnswer shows that of any answer only facts that were offered are taken, in
// their types, and that what is kept is bounded.
func FuzzAnswer(f *testing.F) {
	d, err := newDescription(&proto.DescribeResponse{Facts: []*proto.Fact{
		{Key: "text", Type: proto.Type_TEXT}, {Key: "flag", Type: proto.Type_BOOLEAN}, {Key: "address", Type: proto.Type_ADDRESS}, {Key: "time", Type: proto.Type_TIME},
	}})
	if err != nil {
		f.Fatal(err)
	}
	for _, facts := range []map[string]*proto.Value{
		{"text": {Kind: &proto.Value_Text{Text: "x"}}}, {"flag": {Kind: &proto.Value_Text{Text: "x"}}}, {"address": {Kind: &proto.Value_Text{Text: "::1%eth0"}}},
		{"time": {Kind: &proto.Value_Number{Number: -1 << 63}}}, {"other": {}, "flag": {Kind: &proto.Value_Flag{Flag: true}}},
	} {
		data, _ := protobuf.Marshal(&proto.LookupResponse{Facts: facts, CacheSeconds: -1 << 63, Error: "e"})
		f.Add(data)
	}
	kinds := map[string]rules.Kind{"text": rules.KindText, "flag": rules.KindBool, "address": rules.KindAddress, "time": rules.KindTime}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r proto.LookupResponse
		if protobuf.Unmarshal(data, &r) != nil {
			return
		}
		c := Config{Name: "a", Path: "/a"}
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		p := newSupervisor(&c, Options{Log: discard()}, "", brisk())
		a := p.accept(d, &r)
		var all rules.SuppliedFields
		for key, v := range a.facts {
			field, err := all.Field("a", key, kinds[key], "")
			if _, offered := kinds[key]; !offered || err != nil {
				t.Errorf("%q was taken", key)
				continue
			}
			if err := new(rules.Session).SetSupplied(field, v); err != nil {
				t.Error(err)
			}
			if text, ok := v.(string); ok && len(text) > plugins.MaxText {
				t.Errorf("a text of %d octets", len(text))
			}
		}
		if held := ttl(r.CacheSeconds, d.TTL); held < 0 || held > longestTTL {
			t.Error(held)
		}
	})
}

// FuzzOutput shows that lines in the log are short and whole, however a stream comes
// in parts.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("a\nb\n"), 1)
	f.Add([]byte(strings.Repeat("x", 3000)+"\n\xff\n"), 700)
	f.Fuzz(func(t *testing.T, data []byte, part int) {
		var j journal
		w := &lineWriter{out: &output{log: logTo(&j)}, stream: "stderr"}
		if len(data) > 10_000 || part < 1 {
			return
		}
		for rest := data; len(rest) > 0; {
			n := min(part, len(rest))
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		w.flush()
		if cap(w.line) > 4*maxLine {
			t.Errorf("%d octets are held", cap(w.line))
		}
		want := 0
		for line := range strings.SplitSeq(string(data), "\n") {
			cut := line[:min(len(line), maxLine)]
			if strings.TrimRight(cut, "\r \t") != "" || len(line) > maxLine {
				want++
			}
		}
		if got := j.count("plugin writes"); got != min(want, maxLines) {
			t.Errorf("%d lines, want %d", got, want)
		}
	})
}
