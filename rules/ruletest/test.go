package ruletest

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/tlsname"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// Test is one [[test]] table.
type Test struct {
	Name   string
	Pos    tomlfile.Pos
	Facts  Facts
	Expect Expect
}

// Expect is what a test expects; members that are not given are not looked at.
type Expect struct {
	Action    rules.Fact[rules.Action]
	Rule      rules.Fact[string] // "" is: no rule
	Would     rules.Fact[rules.Action]
	WouldRule rules.Fact[string]
	Code      rules.Fact[int64]
	Status    rules.Fact[string]
	Reply     rules.Fact[string] // the text, or a regular expression between slashes
	Tag       rules.Fact[string] // the tag header's value, or a regular expression between slashes
	Results   rules.Fact[string] // the same of Authentication-Results
}

// Parse reads [[test]] tables. The policy, if there is one, tells whether the
// rules that tests expect exist.
func Parse(tables []*tomlfile.Table, policy *rules.Policy, found *tomlfile.Diagnostics) []Test {
	var tests []Test
	for i, t := range tables {
		name := "test " + strconv.Itoa(i+1)
		if e, ok := t.Get("name"); ok {
			if s, ok := e.Value.(string); ok {
				name = "test " + strconv.Quote(s)
			}
		}
		r := tomlfile.Read(t, name+": ", found)
		test := Test{Pos: t.Pos, Facts: Facts{}}
		if test.Name, _, _ = r.String("name"); test.Name == "" {
			test.Name = strconv.Itoa(i + 1)
		}
		if st, _, ok := r.Table("session"); ok {
			test.Facts = parseFacts(r, st, policy)
		}
		if et, _, ok := r.Table("expect"); ok {
			test.Expect = parseExpect(et, name, policy, found)
		} else {
			r.Errorf(t.Pos, "add expect = { action = ... }", "nothing is expected, so nothing is tested")
		}
		r.Done()
		tests = append(tests, test)
	}
	return tests
}

// parseFacts reads the session of a test, each fact by the kind of its field.
func parseFacts(r *tomlfile.Reader, t *tomlfile.Table, policy *rules.Policy) Facts {
	facts := Facts{}
	for _, e := range rulefile.Flatten("", t) {
		f := fieldOf(policy, e.Key)
		if f == nil {
			if _, _, _, ok := rulefile.CutPlugin(e.Key); ok {
				ofPlugin(r, e, policy, facts)
				continue
			}
			r.Errorf(e.Pos, rulefile.FieldHint(e.Key), "there is no field %q", e.Key)
			continue
		}
		v, want := factValue(policy, f, e.Value)
		if want != "" {
			r.Errorf(e.Pos, "", "%s takes %s", e.Key, want)
			continue
		}
		if s, ok := v.(string); ok && f.Values() != nil && !slices.Contains(f.Values(), s) {
			r.Errorf(e.Pos, tomlfile.DidYouMean(s, f.Values()), "%s takes one of %s, not %q", e.Key, strings.Join(f.Values(), ", "), s)
			continue
		}
		facts[e.Key] = v
	}
	contradictions(r, facts)
	return facts
}

// ofTLS are the facts that only an encrypted session has.
var ofTLS = [...]string{"cipher", "cipher_bits", "tls_sni", "cert_presented", "cert_verified", "cert_subject", "cert_dn", "cert_issuer", "cert_fingerprint", "cert_key_fingerprint"}

// contradictions refuses a session that cannot be, and facts that would say
// nothing.
func contradictions(r *tomlfile.Reader, f Facts) {
	used, known := f.Encrypted().Get()
	for _, name := range ofTLS {
		switch _, given := f[name]; {
		case given && !known:
			r.Errorf(r.Pos(), "add tls = true", "%s says nothing while it is not known whether the session is encrypted", name)
		case given && !used:
			r.Errorf(r.Pos(), "", "a session in plaintext has no %s", name)
		}
	}
	for _, name := range [...]string{"cert_subject", "cert_issuer"} {
		if _, told := f["cert_verified"]; !told && used && f.text(name) != "" {
			r.Errorf(r.Pos(), "add cert_verified = true", "%s is given, and cert_verified is not", name)
		}
	}
	if v, given := f["tls_version"]; given && used == (v == "none") {
		r.Errorf(r.Pos(), "", "tls_version and tls contradict each other")
	}
	for _, name := range [...]string{"sender", "recipient"} {
		_, given := f[name]
		if _, also := f[name+"_domain"]; given && also && domainOf(f.address(name)) != domainOf("someone@"+f.text(name+"_domain")) {
			r.Errorf(r.Pos(), "leave "+name+"_domain out", "%s_domain is not the domain of %s", name, name)
		}
	}
	for _, name := range [...]string{"client_port", "server_port"} {
		if f.number(name) > 65535 {
			r.Errorf(r.Pos(), "", "%s takes a port from 1 to 65535", name)
		}
	}
}

// domainOf is the domain of an address as conditions compare it.
func domainOf(address string) string {
	var s rules.Session
	s.SetSender(address)
	v, _ := rules.FieldByID(rules.FieldSenderDomain).Read(&s)
	return v.Text
}

// factValue checks a value; want says what the kind takes if it is wrong.
func factValue(p *rules.Policy, f *rules.Field, v any) (value any, want string) {
	switch f.Kind {
	case rules.KindBool:
		if b, ok := v.(bool); ok {
			return b, ""
		}
		return nil, "true or false"
	case rules.KindNumber:
		if n, ok := v.(int64); ok && (n >= 0 || isSupplied(f)) {
			return n, ""
		}
		return nil, "a number"
	case rules.KindTime:
		return factTime(v, zoneOf(p))
	}
	s, ok := v.(string)
	if !ok {
		return nil, "a string"
	}
	switch f.Kind {
	case rules.KindMailbox:
		var several *rules.SeveralError
		if errors.As(rules.NewSet(f.Kind).Add(s), &several) {
			return nil, "one address; give one session for each"
		}
	case rules.KindAddress:
		if _, err := netip.ParseAddr(s); err != nil {
			return nil, "an IP address"
		}
	case rules.KindVersion:
		v, ok := tlsname.ParseVersion(s)
		if !ok && s != "" && s != "TLSv1/SSLv3" {
			return nil, "a TLS version: " + strings.Join(tlsname.Versions(), ", ")
		}
		if ok {
			return v.String(), ""
		}
	}
	return s, ""
}

// zoneOf is the time zone of a policy's dates. The policy may be nil.
func zoneOf(p *rules.Policy) *time.Location {
	if p == nil {
		return time.Local
	}
	return p.Zone()
}

func factTime(v any, zone *time.Location) (any, string) {
	switch t := v.(type) {
	case time.Time:
		return t, ""
	case tomlfile.LocalDate:
		return t.In(zone), ""
	case tomlfile.LocalDateTime:
		return t.In(zone), ""
	}
	return nil, "a date such as 2027-01-31 or 2027-01-31T12:00:00Z"
}

func parseExpect(t *tomlfile.Table, name string, policy *rules.Policy, found *tomlfile.Diagnostics) Expect {
	r := tomlfile.Read(t, name+": expect: ", found)
	e := Expect{
		Action: expectAction(r, "action"), Would: expectAction(r, "would"),
		Rule: expectRule(r, "rule", policy), WouldRule: expectRule(r, "would_rule", policy),
		Status: expectText(r, "status"), Reply: expectText(r, "reply"), Tag: expectText(r, "tag"),
		Results: expectText(r, "results"),
	}
	if n, _, ok := r.Int("code"); ok {
		e.Code = rules.Known(n)
	}
	if len(t.Entries) == 0 {
		r.Errorf(t.Pos, "", "nothing is expected, so nothing is tested")
	}
	r.Done()
	return e
}

func expectAction(r *tomlfile.Reader, key string) (f rules.Fact[rules.Action]) {
	s, pos, ok := r.String(key)
	if !ok {
		return f
	}
	a, ok := rules.ParseAction(s)
	if !ok {
		r.Errorf(pos, tomlfile.DidYouMean(s, rules.ActionNames()), "%s must be one of %s, not %q", key, strings.Join(rules.ActionNames(), ", "), s)
		return f
	}
	return rules.Known(a)
}

func expectRule(r *tomlfile.Reader, key string, policy *rules.Policy) (f rules.Fact[string]) {
	s, pos, ok := r.String(key)
	if !ok {
		return f
	}
	if policy != nil && s != "" {
		var names []string
		for _, rule := range policy.Rules() {
			if rule.Name == s {
				return rules.Known(s)
			}
			names = append(names, rule.Name)
		}
		hint := ""
		if near := tomlfile.Suggest(s, names); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		r.Errorf(pos, hint, "there is no rule %q", s)
	}
	return rules.Known(s)
}

func expectText(r *tomlfile.Reader, key string) (f rules.Fact[string]) {
	s, pos, ok := r.String(key)
	if !ok {
		return f
	}
	if p, is := pattern(s); is {
		if _, err := regexp.Compile(p); err != nil {
			r.Errorf(pos, "", "%s: %v", key, err)
		}
	}
	return rules.Known(s)
}

// pattern returns the regular expression between slashes.
func pattern(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '/' && s[len(s)-1] == '/' {
		return s[1 : len(s)-1], true
	}
	return "", false
}
