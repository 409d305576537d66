package plugins_test

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tlswarden/plugins"
	"tlswarden/plugins/plugintest"
	"tlswarden/plugins/proto"
)

func returning(a plugins.Answer, err error) func(context.Context, plugins.Session) (plugins.Answer, error) {
	return func(context.Context, plugins.Session) (plugins.Answer, error) { return a, err }
}

var everyType = []plugins.Fact{
	{Key: "text", Type: plugins.Text}, {Key: "name", Type: plugins.Name}, {Key: "domain", Type: plugins.Domain},
	{Key: "number", Type: plugins.Number}, {Key: "flag", Type: plugins.Boolean}, {Key: "address", Type: plugins.Address},
	{Key: "mailbox", Type: plugins.Mailbox}, {Key: "time", Type: plugins.Time},
}

// TestUnfit shows what keeps a plugin from starting.
func TestUnfit(t *testing.T) {
	lookup := returning(plugins.Answer{}, nil)
	one := []plugins.Fact{{Key: "a", Type: plugins.Text}}
	for want, p := range map[string]plugins.Plugin{
		"the plugin has no name":                           {Facts: one, Lookup: lookup},
		"the plugin has no Lookup":                         {Name: "x", Facts: one},
		"the plugin offers 0 facts; it must offer 1 to 32": {Name: "x", Lookup: lookup},
		`"Day.x" is no key of a fact`:                      {Name: "x", Facts: []plugins.Fact{{Key: "Day.x", Type: plugins.Text}}, Lookup: lookup},
		`the fact "a" is there twice`:                      {Name: "x", Facts: append(one, one...), Lookup: lookup},
		`the fact "b" has no type`:                         {Name: "x", Facts: []plugins.Fact{{Key: "b"}}, Lookup: lookup},
		`the need "sender" is there twice`:                 {Name: "x", Facts: one, Needs: []string{"sender"}, Optional: []string{"sender"}, Lookup: lookup},
		`answers depend on "client", which is not needed`:  {Name: "x", Facts: one, CacheKey: []string{"client"}, Lookup: lookup},
	} {
		if _, err := plugins.NewServer(p); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestDescribe shows that all that a plugin says of itself is passed on.
func TestDescribe(t *testing.T) {
	s, err := plugins.NewServer(plugins.Plugin{
		Name: "x", Version: "1.0", Facts: everyType, Needs: []string{"sender_domain"}, Optional: []string{"client"},
		CacheKey: []string{"client"}, TTL: time.Hour, Lookup: returning(plugins.Answer{}, nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := s.Describe(t.Context(), &proto.DescribeRequest{})
	if d.Name != "x" || d.Version != "1.0" || len(d.Facts) != 8 || d.Facts[7].Type != proto.Type_TIME || d.CacheSeconds != 3600 ||
		len(d.Needs) != 2 || d.Needs[0].Optional || !d.Needs[1].Optional || d.CacheKey[0] != "client" {
		t.Error(d)
	}
}

// TestAnswers shows which values pass, and that what does not is an error and
// leaves the others.
func TestAnswers(t *testing.T) {
	noon := time.Unix(43200, 0)
	addr := netip.MustParseAddr("2001:db8::1")
	for _, c := range []struct {
		name   string
		answer plugins.Facts
		err    error
		want   plugins.Facts
		wrong  string
	}{
		{"every type", plugins.Facts{"text": "", "name": "n", "domain": "d", "number": 3, "flag": false, "address": addr, "mailbox": "a@b", "time": noon}, nil,
			plugins.Facts{"text": "", "name": "n", "domain": "d", "number": int64(3), "flag": false, "address": addr, "mailbox": "a@b", "time": noon}, ""},
		{"nil is unknown", plugins.Facts{"text": nil}, nil, plugins.Facts{}, ""},
		{"nothing", nil, nil, plugins.Facts{}, ""},
		{"a fact and an error", plugins.Facts{"flag": true}, errors.New("the rest\nis away"), plugins.Facts{"flag": true}, "the rest; is away"},
		{"another type", plugins.Facts{"flag": "yes", "text": "x"}, nil, plugins.Facts{"text": "x"}, `the fact "flag" takes no string`},
		{"a number for a time", plugins.Facts{"time": 5}, nil, plugins.Facts{}, `the fact "time" takes no int`},
		{"not offered", plugins.Facts{"other": 1}, nil, plugins.Facts{}, `"other" is no fact that the plugin offers`},
		{"too long", plugins.Facts{"text": strings.Repeat("x", 1025)}, nil, plugins.Facts{}, `the fact "text" has 1025 octets; 1024 are the most`},
		{"not UTF-8", plugins.Facts{"text": "\xff"}, nil, plugins.Facts{}, `the fact "text" is not UTF-8`},
		{"no address", plugins.Facts{"address": netip.Addr{}}, nil, plugins.Facts{}, `the fact "address" takes no netip.Addr`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plugintest.Run(t, plugins.Plugin{Name: "x", Facts: everyType, Lookup: returning(plugins.Answer{Facts: c.answer}, c.err)}, "")
			got, err := p.Lookup(t.Context(), nil)
			if !maps.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
				t.Errorf("%v, want %s", err, c.wrong)
			}
		})
	}
}

// TestSession shows that facts are read in their own type only, and that empty is
// not unknown.
func TestSession(t *testing.T) {
	noon := time.Unix(43200, 0)
	var s plugins.Session
	p := plugintest.Run(t, plugins.Plugin{Name: "x", Facts: everyType, Lookup: func(_ context.Context, got plugins.Session) (plugins.Answer, error) {
		s = got
		return plugins.Answer{}, nil
	}}, "")
	if _, err := p.Lookup(t.Context(), plugins.Facts{"text": "", "number": 3, "flag": true, "addr": netip.MustParseAddr("::1"), "time": noon, "bad": "1.2.3"}); err != nil {
		t.Fatal(err)
	}
	type all struct {
		text, number, flag, addr, time bool
	}
	for name, want := range map[string]all{
		"text": {text: true, addr: true}, "number": {number: true, time: true}, "flag": {flag: true},
		"addr": {text: true, addr: true}, "time": {number: true, time: true}, "bad": {text: true}, "missing": {},
	} {
		var got all
		_, got.text = s.Text(name)
		_, got.number = s.Number(name)
		_, got.flag = s.Bool(name)
		_, got.addr = s.Addr(name)
		_, got.time = s.Time(name)
		if got != want || s.Known(name) != (want != all{}) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	a, _ := s.Addr("addr")
	at, _ := s.Time("time")
	flag, _ := s.Bool("flag")
	if n, _ := s.Number("number"); n != 3 || !flag || a != netip.IPv6Loopback() || !at.Equal(noon) {
		t.Error(n, flag, a, at)
	}
}

// TestForms shows that a plugin is told addresses and domains in all forms under
// which rules find them.
func TestForms(t *testing.T) {
	var forms []string
	var ok bool
	p := plugintest.Run(t, plugins.Plugin{Name: "x", Facts: everyType, Lookup: func(_ context.Context, s plugins.Session) (plugins.Answer, error) {
		forms, ok = s.Forms("fact")
		return plugins.Answer{}, nil
	}}, "")
	for fact, want := range map[any][]string{
		plugintest.Mailbox(""):                      {""},
		plugintest.Mailbox("Legal@Example.com"):     {"legal@example.com"},
		plugintest.Mailbox(`"Legal+X"@Example.com`): {"legal+x@example.com", "legal@example.com"},
		plugintest.Mailbox("x+y@cla\u00df.example"): {"x+y@class.example", "x@class.example", "x+y@xn--cla-7ka.example", "x@xn--cla-7ka.example"},
		plugintest.Domain("M\u00dcNCHEN.example."):  {"xn--mnchen-3ya.example"},
		plugintest.Domain("cla\u00df.example"):      {"class.example", "xn--cla-7ka.example"},
		"Legal+X@Example.com":                       {"Legal+X@Example.com"}, // a text of another kind
		7:                                           nil,
	} {
		if _, err := p.Lookup(t.Context(), plugins.Facts{"fact": fact}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(forms, want) || ok != (want != nil) {
			t.Errorf("%v: %q, %v; want %q", fact, forms, ok, want)
		}
	}
}

type settings struct {
	Table   string           `json:"table"`
	Timeout plugins.Duration `json:"timeout"`
	Limit   int              `json:"limit"`
	Strict  bool             `json:"strict"`
	Columns []string         `json:"columns"`
	Query   struct {
		Column  string           `json:"column"`
		Timeout plugins.Duration `json:"timeout"`
	} `json:"query"`
	Names map[string]string `json:"names"`
}

// TestSettings shows the problems that an admin is told.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		name, json, want string
	}{
		{"none", ``, ""},
		{"empty", `{}`, ""},
		{"all", `{"table": "t", "timeout": "2s", "limit": 3, "strict": true, "columns": ["a"], "query": {"column": "c"}, "names": {"any": "key"}}`, ""},
		{"unknown", `{"tabel": "t", "query": {"colum": "c"}}`, "query.colum: unknown key\ntabel: unknown key"},
		{"another case", `{"Table": "t"}`, "Table: unknown key"},
		{"a number", `{"table": 3}`, "table: takes a string, not number"},
		{"a string", `{"limit": "3"}`, "limit: takes a whole number, not string"},
		{"a fraction", `{"limit": 1.5}`, "limit: takes a whole number, not number 1.5"},
		{"no list", `{"columns": "a"}`, "columns: takes a list, not string"},
		{"no table", `{"query": "a"}`, "query: takes a table, not string"},
		{"no flag", `{"strict": "yes"}`, "strict: takes true or false, not string"},
		{"within", `{"query": {"column": true}}`, "query.column: takes a string, not bool"},
		{"duration", `{"timeout": "2 s", "query": {"timeout": "x"}}`, "query.timeout: \"x\" is no duration such as \"2s\"\ntimeout: \"2 s\" is no duration such as \"2s\""},
		{"no duration", `{"timeout": 2}`, "timeout: takes a duration such as \"2s\", not number"},
		{"both", `{"a": 1, "limit": "3"}`, "a: unknown key\nlimit: takes a whole number, not string"},
		{"own", `{"table": "none"}`, "table: there is no such table"},
		{"not of a key", `{"table": "away"}`, ": the server is away"},
		{"panic", `{"table": "panic"}`, ": panic: oh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := settings{Table: "as it was"}
			p := plugins.Plugin{Name: "x", Facts: everyType, Lookup: returning(plugins.Answer{}, nil), Configure: func(s plugins.Settings) error {
				if err := s.Decode(&got); err != nil {
					return err
				}
				switch got.Table {
				case "none":
					return plugins.Problem("table", "there is no such table")
				case "away":
					return errors.New("the server is away")
				case "panic":
					panic("oh")
				}
				return nil
			}}
			err := plugintest.Configure(t, p, c.json)
			if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if c.name == "none" && !reflect.DeepEqual(got, settings{Table: "as it was"}) {
				t.Error("what the settings lack was changed")
			}
		})
	}
}

// TestSetup shows that settings can make the plugin, and that nothing is looked up
// before, and that what they make must be fit.
func TestSetup(t *testing.T) {
	p := plugins.Plugin{Name: "x", Version: "1", Setup: func(s plugins.Settings) (plugins.Plugin, error) {
		set := struct{ Key string }{}
		err := s.Decode(&set)
		return plugins.Plugin{
			Name: "y", Facts: []plugins.Fact{{Key: set.Key, Type: plugins.Number}}, Needs: []string{"client"}, TTL: time.Hour,
			Lookup: returning(plugins.Answer{Facts: plugins.Facts{set.Key: 1}}, nil),
		}, err
	}}
	if got, err := plugintest.Run(t, p, `{"Key": "one"}`).Lookup(t.Context(), nil); err != nil || got["one"] != int64(1) {
		t.Error(got, err)
	}
	for settings, want := range map[string]string{`{"Key": "No"}`: `: "No" is no key of a fact`, `{"key": "one"}`: "key: unknown key"} {
		if err := plugintest.Configure(t, p, settings); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	s, err := plugins.NewServer(p)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Lookup(t.Context(), &proto.LookupRequest{}); err == nil {
		t.Error(r)
	}
	if _, err := s.Configure(t.Context(), &proto.ConfigureRequest{Settings: []byte(`{"Key": "one"}`)}); err != nil {
		t.Fatal(err)
	}
	d, _ := s.Describe(t.Context(), &proto.DescribeRequest{})
	if d.Name != "x" || d.Version != "1" || len(d.Facts) != 1 || d.Facts[0].Key != "one" || d.Needs[0].Name != "client" || d.CacheSeconds != 3600 {
		t.Error(d)
	}
}

// TestNoSettings shows that settings which nobody takes are told.
func TestNoSettings(t *testing.T) {
	p := plugins.Plugin{Name: "x", Facts: everyType, Lookup: returning(plugins.Answer{}, nil)}
	if err := plugintest.Configure(t, p, `{"a": 1}`); err == nil || err.Error() != "a: unknown key" {
		t.Error(err)
	}
}

// TestPanic shows that a panic of one call is an error of that call.
func TestPanic(t *testing.T) {
	p := plugintest.Run(t, plugins.Plugin{Name: "x", Facts: everyType, Lookup: func(_ context.Context, s plugins.Session) (plugins.Answer, error) {
		if s.Known("sender") {
			panic("odd")
		}
		return plugins.Answer{Facts: plugins.Facts{"flag": true}}, nil
	}}, "")
	if _, err := p.Lookup(t.Context(), plugins.Facts{"sender": ""}); err == nil || err.Error() != "panic: odd" {
		t.Error(err)
	}
	if got, err := p.Lookup(t.Context(), nil); err != nil || got["flag"] != true {
		t.Error(got, err)
	}
}

// FuzzSettings shows that whatever the settings are, each problem has a message,
// and that nothing panics.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{``, `{}`, `[]`, `{"table": 3}`, `{"query": {"column": {}}}`, `{"timeout": "1h", "query": null}`, `{"limit": 1e99}`, `{"\u0000": 1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := plugins.Plugin{Name: "x", Facts: everyType, Lookup: returning(plugins.Answer{}, nil), Configure: func(s plugins.Settings) error { return s.Decode(&settings{}) }}
		s, err := plugins.NewServer(p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Configure(t.Context(), &proto.ConfigureRequest{Settings: data})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Problems {
			if p.Message == "" || strings.Contains(p.Message, "\n") || strings.Contains(p.Message, "panic") {
				t.Errorf("%q: %q", p.Key, p.Message)
			}
		}
	})
}
