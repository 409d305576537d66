package rules

import (
	"strings"
	"testing"

	"tlswarden/internal/tlsname"
)

func on(field FieldID, values ...any) Condition {
	f := FieldByID(field)
	set := NewSet(f.Kind)
	for _, v := range values {
		if err := set.Add(v); err != nil {
			panic(err)
		}
	}
	return Condition{Field: f, Set: set, Text: "test"}
}

func required(name string) *Profile {
	for _, p := range BuiltinProfiles() {
		if p.Name == name {
			return p
		}
	}
	panic(name)
}

// TestPending shows that a fact which is still to come postpones the verdict,
// and that one which is not to come does not.
func TestPending(t *testing.T) {
	size := &Rule{Name: "big", When: []Condition{on(FieldSize, ">= 10")}, Action: Reject}
	tls := &Rule{Name: "tls", Require: required("any-tls"), Otherwise: Defer}
	p := New(Config{Rules: []*Rule{size, tls}, JudgeLocal: true})
	var s Session
	s.SetPlaintext()

	v := p.Evaluate(&s, SetOf(FieldSize))
	if !v.Pending || v.Rule != size || v.Action != Accept {
		t.Errorf("with size to come: %+v", v)
	}
	if v := p.Evaluate(&s, SetOf(FieldRequireTLS)); v.Pending || v.Action != Defer {
		t.Errorf("with another fact to come: %+v", v)
	}
	s.Size = Known(int64(3))
	if v := p.Evaluate(&s, SetOf(FieldSize)); v.Pending || v.Rule != tls {
		t.Errorf("with size known: %+v", v)
	}
}

func TestPendingRequirement(t *testing.T) {
	rule := &Rule{Name: "r", Require: &Profile{Name: "p", MinVersion: tlsname.TLSv1_2, ClientCert: CertTrusted}, Otherwise: Reject}
	p := New(Config{Rules: []*Rule{rule}, JudgeLocal: true})
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"})
	if v := p.Evaluate(&s, SetOf(FieldCertVerified)); !v.Pending {
		t.Errorf("a certificate to come: %+v", v)
	}
	s.SetTLS(TLS{Version: "TLSv1", Cipher: "AES128-SHA"})
	if v := p.Evaluate(&s, SetOf(FieldCertVerified)); v.Pending || v.Action != Reject {
		t.Errorf("a known shortfall decides whatever is to come: %+v", v)
	}
}

// TestObservedSoftensNothing shows that a skipped exemption under observe leaves
// a later reject as it is.
func TestObservedSoftensNothing(t *testing.T) {
	exempt := &Rule{Name: "e", When: []Condition{on(FieldSize, ">= 10")}, Action: Accept}
	reject := &Rule{Name: "r", Action: Reject}
	p := New(Config{Rules: []*Rule{exempt, reject}, JudgeLocal: true})
	s := Session{}
	s.SetTLS(TLS{Version: "TLSv1.3"})
	if v := p.Evaluate(&s, 0); v.Action != Defer || v.Softened != SoftExemption {
		t.Errorf("a skipped exemption: %v %v", v.Action, v.Softened)
	}
	exempt.Observe = true
	if v := p.Evaluate(&s, 0); v.Action != Reject {
		t.Errorf("a skipped exemption under observe: %v", v.Action)
	}
}

func TestOutcomes(t *testing.T) {
	var list []*Rule
	for range 20 {
		list = append(list, &Rule{Name: "met", Require: required("any-tls"), Otherwise: Reject})
	}
	list[3].When = []Condition{on(FieldTLS, false)}
	list[4].Require = &Profile{ClientCert: CertAny}
	list[4].Observe = true
	list[19] = &Rule{Name: "last", Action: Tag}
	p := New(Config{Rules: list, JudgeLocal: true})
	s := Session{}
	s.SetTLS(TLS{Version: "TLSv1.3", CertPresented: Known(false)})
	v := p.Evaluate(&s, 0)
	var got []string
	for r, o := range v.Outcomes() {
		if r.Index() == 3 {
			t.Error("a rule that was passed over is reported")
		}
		got = append(got, o.String())
	}
	want := "met met met observed" + strings.Repeat(" met", 14) + " applied"
	if strings.Join(got, " ") != want {
		t.Errorf("outcomes %q, want %q", strings.Join(got, " "), want)
	}
}

func TestExplain(t *testing.T) {
	rule := &Rule{Name: "old", When: []Condition{on(FieldSenderDomain, "x.example")}, Require: required("rfc8996"), Otherwise: Reject}
	other := &Rule{Name: "other", When: []Condition{on(FieldSenderDomain, "y.example")}, Action: Reject}
	unknown := &Rule{Name: "unknown", When: []Condition{on(FieldSize, "> 1")}, Action: Reject}
	p := New(Config{Rules: []*Rule{other, unknown, rule}, JudgeLocal: true})
	s := Session{ListenerTLSSeen: Known(true)}
	s.SetSender("a@x.example")
	s.SetTLS(TLS{Version: "TLSv1", Cipher: "AES128-SHA"})
	e := p.Explain(&s, 0)
	if len(e.Steps) != 3 {
		t.Fatalf("%d steps", len(e.Steps))
	}
	if st := e.Steps[0]; st.Outcome != PassedOver || st.Condition == nil || st.Value != "x.example" || !st.Known {
		t.Errorf("passed over: %+v", st)
	}
	if st := e.Steps[1]; st.Outcome != Undecided || st.Known {
		t.Errorf("unknown: %+v", st)
	}
	if st := e.Steps[2]; st.Outcome != NotMet || strings.Join(st.Shortfalls, "|") != "TLSv1 is below TLSv1.2" {
		t.Errorf("not met: %+v", st)
	}
}

// TestReplyBounds shows that nothing from outside makes a reply longer than its
// bound, or other than one line of printable ASCII.
func TestReplyBounds(t *testing.T) {
	nasty := strings.Repeat("x\r\n250 OK é%s", 100)
	tmpl, err := ParseTemplate("{shortfall} {seen} {required} {rule} {id} {url} {client} {sender_domain}")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Rule{
		{Name: nasty, Require: required("bcp195"), Otherwise: Reject, Reply: tmpl},
		{Name: nasty, Action: Reject, Reply: tmpl, Tag: "t"},
		{Name: nasty, Require: required("bcp195"), Otherwise: Defer},
		{Name: nasty, Action: Defer},
	} {
		p := New(Config{Rules: []*Rule{r}, JudgeLocal: true, URL: "https://example.com/"})
		s := Session{ListenerTLSSeen: Known(true)}
		s.SetTLS(TLS{Version: nasty, Cipher: nasty})
		s.SetSender("a@" + nasty)
		d := p.Decide(&s, 0, "id")
		if len(d.Reply.Text) > MaxReply || d.Reply.Text == "" || d.Action < Defer {
			t.Errorf("%v: %d bytes", d.Action, len(d.Reply.Text))
		}
		for _, c := range []byte(d.Reply.String()) {
			if c < ' ' || c > '~' {
				t.Errorf("byte %#x in %q", c, d.Reply)
				break
			}
		}
	}
}

// TestCodes shows which code and status a verdict gets from its rule.
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		code   int
		status string
		action Action
		plain  bool
		want   string
	}{
		{0, "", Reject, true, "530 5.7.0"},
		{0, "", Defer, true, "450 4.7.0"},
		{0, "", Reject, false, "554 5.7.0"},
		{0, "", Defer, false, "451 4.7.0"},
		{550, "5.7.10", Reject, true, "550 5.7.10"},
		{550, "5.7.10", Defer, true, "450 4.7.10"},
		{554, "", Defer, false, "451 4.7.0"},
		{530, "", Defer, false, "450 4.7.0"},
		{452, "4.5.3", Defer, false, "452 4.5.3"},
		{0, "5.7.1", Reject, false, "554 5.7.1"},
		{0, "4.7.5", Defer, false, "451 4.7.5"},
		{421, "", Defer, false, "421 4.7.0"},
	} {
		s := Session{ListenerTLSSeen: Known(true)}
		if s.SetPlaintext(); !c.plain {
			s.SetTLS(TLS{Version: "TLSv1"})
		}
		rule := &Rule{Name: "r", Action: c.action, Code: c.code, Status: c.status}
		d := New(Config{Rules: []*Rule{rule}, JudgeLocal: true}).Decide(&s, 0, "")
		if got := itoa(d.Reply.Code) + " " + d.Reply.Status; got != c.want {
			t.Errorf("%d %s %v: %s, want %s", c.code, c.status, c.action, got, c.want)
		}
	}
}

// TestVerifiedIsPresented shows that a verified certificate was presented, which
// is all that a Postfix milter tells.
func TestVerifiedIsPresented(t *testing.T) {
	p := &Profile{ClientCert: CertAny}
	s := Session{}
	for verified, want := range map[bool]Truth{true: True, false: Unknown} {
		s.SetTLS(TLS{Version: "TLSv1.3", CertVerified: Known(verified)})
		g := p.grade(&s)
		if got := g.truth(); got != want {
			t.Errorf("verified %v: %v, want %v", verified, got, want)
		}
	}
}

// TestUnheardSuite shows that a suite which the table lacks is neither among
// those agreed on nor among those forbidden, as far as is known.
func TestUnheardSuite(t *testing.T) {
	list := func(names ...any) *Set { c := on(FieldCipher, names...); return c.Set }
	for _, c := range []struct {
		profile *Profile
		version string
		cipher  string
		want    Truth
	}{
		{&Profile{Ciphers: list("ECDHE-RSA-AES256-GCM-SHA384")}, "TLSv1.2", "SOME-NEW-NAME", Unknown},
		{&Profile{Ciphers: list("ECDHE-RSA-AES256-GCM-SHA384")}, "TLSv1.2", "AES128-SHA", False},
		{&Profile{Ciphers: list("/^SOME-/")}, "TLSv1.2", "SOME-NEW-NAME", True},
		{&Profile{ForbidCiphers: list("RC4-SHA")}, "TLSv1.2", "SOME-NEW-NAME", Unknown},
		{&Profile{ForbidCiphers: list("RC4-SHA")}, "TLSv1.3", "TLS_NEW_GCM", True},
		{&Profile{ForbidCiphers: list("RC4-SHA")}, "TLSv1.2", "AES128-SHA", True},
		{&Profile{ForbidCiphers: list("/^SOME-/")}, "TLSv1.2", "SOME-NEW-NAME", False},
	} {
		s := Session{}
		s.SetTLS(TLS{Version: c.version, Cipher: c.cipher})
		g := c.profile.grade(&s)
		if got := g.truth(); got != c.want {
			t.Errorf("%s %s: %v, want %v", c.version, c.cipher, got, c.want)
		}
	}
}

// TestDefaultTextIsShort shows that a text of ours is cut where MTAs cut bounces.
func TestDefaultTextIsShort(t *testing.T) {
	var s Session
	s.SetTLS(TLS{Version: "TLSv1", Cipher: strings.Repeat("X", 79)})
	p := New(Config{JudgeLocal: true, Rules: []*Rule{{Name: "r", Require: &Profile{MinVersion: tlsname.TLSv1_2, MinBits: 200, ForwardSecrecy: true, AEAD: true, ClientCert: CertTrusted}, Otherwise: Reject}, {Name: "s", Action: Reject}}})
	d := p.Decide(&s, 0, "")
	if n := len(d.Reply.Text); n > maxDefault || !strings.HasPrefix(d.Reply.Text, "TLSv1 is below TLSv1.2") {
		t.Errorf("%d bytes: %s", n, d.Reply.Text)
	}
	long := Session{}
	long.SetTLS(TLS{Version: "TLSv1", Cipher: strings.Repeat("X", 79), CertVerified: Known(true), CertSubject: Known(strings.Repeat("Y", 79))})
	names := on(FieldCertSubject, "mx.example.org")
	p = New(Config{JudgeLocal: true, Rules: []*Rule{{Name: "r", Require: &Profile{MinVersion: tlsname.TLSv1_2, CertNames: names.Set}, Otherwise: Reject}}})
	d = p.Decide(&long, 0, "")
	if n := len(d.Reply.Text); n != maxDefault || !strings.HasSuffix(d.Reply.Text, "...") {
		t.Errorf("%d bytes: %s", n, d.Reply.Text)
	}
}

// TestTagText shows that the first rule that tags gives the text, that a rule
// which quarantines may, and that under enforce = "observe" no header is made.
func TestTagText(t *testing.T) {
	rs := []*Rule{
		{Name: "hold", Action: Quarantine, Tag: "held"},
		{Name: "tag", Action: Tag, Tag: "tagged"},
		{Name: "silent", Action: Tag},
	}
	var s Session
	s.SetTLS(TLS{Version: "TLSv1.3"})
	for first, want := range []string{"fail; TLSv1.3 unknown; held", "fail; TLSv1.3 unknown; tagged", "fail; TLSv1.3 unknown"} {
		p := New(Config{JudgeLocal: true, Rules: rs[first:], StampAll: true})
		if d := p.Decide(&s, 0, ""); d.Stamp != want || d.Quarantined != (first == 0) {
			t.Errorf("%d: %q, quarantined %v", first, d.Stamp, d.Quarantined)
		}
		if d := p.WithEnforce(EnforceObserve).Decide(&s, 0, ""); d.Stamp != "" || d.Would == Accept {
			t.Errorf("%d: under observe %q, would %v", first, d.Stamp, d.Would)
		}
	}
	if New(Config{Rules: []*Rule{{Name: "r", Action: Reject, Tag: "never seen"}}}).Stamps() {
		t.Error("a policy that never tags stamps")
	}
}

// TestCaughtBehindADefer shows that the safety catch is told of even where an
// earlier rule's defer decides, and that an observed reject is recorded as the
// defer that it would be.
func TestCaughtBehindADefer(t *testing.T) {
	var s Session
	s.SetPlaintext()
	reject := &Rule{Name: "r", Action: Reject}
	p := New(Config{JudgeLocal: true, Rules: []*Rule{{Name: "d", Action: Defer}, reject}})
	if v := p.Evaluate(&s, 0); v.RuleName() != "d" || v.Softened != 0 || v.Caught != SoftNoTLSSeen {
		t.Errorf("%s, softened %v, caught %v", v.RuleName(), v.Softened, v.Caught)
	}
	reject.Observe = true
	if v := p.Evaluate(&s, 0); v.Would != Defer || v.Caught != 0 {
		t.Errorf("would %v, caught %v", v.Would, v.Caught)
	}
}

// TestCaughtCert shows that a reject for a missing certificate is a defer unless it
// is known that one was seen; not to know is as if none was.
func TestCaughtCert(t *testing.T) {
	p := New(Config{JudgeLocal: true, Rules: []*Rule{{Name: "r", Require: &Profile{Name: "p", ClientCert: CertAny}, Otherwise: Reject}}})
	for _, c := range []struct {
		seen   Fact[bool]
		action Action
		caught Softening
	}{
		{Fact[bool]{}, Defer, SoftNoCertSeen},
		{Known(false), Defer, SoftNoCertSeen},
		{Known(true), Reject, 0},
	} {
		s := Session{ListenerTLSSeen: Known(true), ListenerCertSeen: c.seen}
		s.SetTLS(TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", CertPresented: Known(false)})
		if v := p.Evaluate(&s, 0); v.Action != c.action || v.Caught != c.caught {
			t.Errorf("seen %v: %v, caught %v", c.seen, v.Action, v.Caught)
		}
	}
}
