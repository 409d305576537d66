package rulefile

import (
	"testing"

	"tlswarden/rules"
)

// checkPolicy evaluates sessions under a policy and checks what every decision
// must keep to.
func checkPolicy(t *testing.T, p *rules.Policy) {
	if p == nil {
		return
	}
	for _, set := range []func(*rules.Session){
		func(*rules.Session) {},
		func(s *rules.Session) { s.SetPlaintext() },
		func(s *rules.Session) { s.SetTLS(rules.TLS{Version: "TLSv1", Cipher: "RC4-MD5"}) },
	} {
		var s rules.Session
		set(&s)
		s.SetSender("a@example.org")
		answers(t, p, &s)
		d := p.Decide(&s, 0, "id")
		if d.Action >= rules.Defer && (len(d.Reply.Text) == 0 || len(d.Reply.Text) > rules.MaxReply || d.Reply.Code/100 != int(d.Reply.Status[0]-'0')) {
			t.Errorf("reply %q", d.Reply)
		}
		if d.Action == rules.Reject && d.Reply.Code < 500 || d.Action == rules.Defer && d.Reply.Code >= 500 {
			t.Errorf("%v with %q", d.Action, d.Reply)
		}
	}
}

// answers gives each fact of a plugin a value of its kind.
func answers(t *testing.T, p *rules.Policy, s *rules.Session) {
	for _, f := range p.Supplied() {
		v := any("example.org")
		switch f.Kind {
		case rules.KindBool:
			v = true
		case rules.KindNumber:
			v = int64(-1)
		case rules.KindTime:
			v = testNow
		case rules.KindAddress:
			v = "192.0.2.1"
		}
		if err := s.SetSupplied(f, v); err != nil {
			t.Error(err)
		}
	}
}
