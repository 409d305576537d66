package policyd

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"tlswarden/internal/mailaddr"
	"tlswarden/rules"
)

// oneRule is a policy with one rule that bites for plaintext. It has
// Authentication-Results under an authserv-id, if that is not empty.
func oneRule(otherwise rules.Action, authserv string) *rules.Policy {
	return rules.New(rules.Config{AuthservID: authserv, Rules: []*rules.Rule{
		{Name: "r", Require: &rules.Profile{Name: "any-tls"}, Otherwise: otherwise, Tag: "own text"},
	}})
}

// inPlaintext is a session that the rule bites.
func inPlaintext() *rules.Session {
	s := fullSession()
	s.SetPlaintext()
	s.ListenerTLSSeen = rules.Known(true)
	return s
}

func TestAnswer(t *testing.T) {
	const (
		tag  = "action=PREPEND X-TLS-Policy: fail; none; own text\n\n"
		more = "action=PREPEND Authentication-Results: mx.example; x-tls=fail\n\n"
		hold = "action=HOLD tlswarden: no encryption, id=x\n\n"
	)
	for _, c := range []struct {
		state    string
		action   rules.Action
		authserv string
		want     []string
	}{
		{"RCPT", rules.Tag, "mx.example", []string{tag, more}},
		{"RCPT", rules.Quarantine, "mx.example", []string{hold, tag, more}},
		{"END-OF-MESSAGE", rules.Quarantine, "mx.example", []string{hold}},
		{"RCPT", rules.Tag, "", []string{tag}},
		{"RCPT", rules.Quarantine, "", []string{hold, tag}},
		{"RCPT", rules.Defer, "", []string{"action=450 4.7.0 no encryption; this mail needs TLS, use STARTTLS\n\n"}},
		{"RCPT", rules.Reject, "", []string{"action=530 5.7.0 no encryption; this mail needs TLS, use STARTTLS\n\n"}},
		{"DATA", rules.Tag, "", []string{tag}},
		{"END-OF-MESSAGE", rules.Tag, "", []string{"action=DUNNO\n\n"}},
		{"END-OF-MESSAGE", rules.Quarantine, "", []string{hold}},
		{"MAIL", rules.Reject, "", []string{"action=DUNNO\n\n"}},
		{"", rules.Reject, "", []string{"action=DUNNO\n\n"}},
	} {
		p, s := oneRule(c.action, c.authserv), inPlaintext()
		d := p.Decide(s, 0, "x")
		var got []string
		for _, b := range Answer(c.state, &d, s, Postfix{}) {
			got = append(got, string(b))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s at %q: %q, want %q", c.action, c.state, got, c.want)
		}
	}
}

// realGate judges by a policy, under the id x, on a listener that has seen TLS.
type realGate struct{ policy *rules.Policy }

func (g realGate) Open() Transaction     { return g }
func (g realGate) Policy() *rules.Policy { return g.policy }
func (g realGate) Begin()                {}
func (g realGate) End(string)            {}
func (g realGate) Close()                {}
func (g realGate) Decide(s *rules.Session, later rules.FieldSet, _ string) (rules.Decision, error) {
	s.ListenerTLSSeen = rules.Known(true)
	return g.policy.Decide(s, later, "x"), nil
}

// TestAnswerIsTheServers asks a server the same questions, each message twice.
func TestAnswerIsTheServers(t *testing.T) {
	for a := rules.Accept + 1; a <= rules.Reject; a++ {
		p := oneRule(a, "mx.example")
		text := requestOf(inPlaintext(), "RCPT", "1.2.3")
		s, state, err := ParseRequest(text, mailaddr.Server{})
		if err != nil {
			t.Fatal(err)
		}
		s.ListenerTLSSeen = rules.Known(true)
		d := p.Decide(s, 0, "x")
		client := serveCase(t, realGate{p})
		in := bufio.NewReader(client)
		for _, want := range Answer(state, &d, s, Postfix{}) {
			if _, err := io.WriteString(client, text); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(in, got); err != nil || string(got) != string(want) {
				t.Errorf("%s: the server says %q (%v), not %q", a, got, err, want)
			}
		}
	}
}

func TestParseRequest(t *testing.T) {
	text := requestOf(fullSession(), "RCPT", "1.2.3")
	s, state, err := ParseRequest("\n"+text+"\n\n", mailaddr.Server{})
	if err != nil || state != "RCPT" || known(s) != known(fullSession()) {
		t.Errorf("state %q, error %v, session\n%s", state, err, known(s))
	}
	for bad, want := range map[string]string{
		"":                                     "the first attribute is not request=smtpd_access_policy",
		"client_address=192.0.2.1\n":           "the first attribute is not request=smtpd_access_policy",
		text + text:                            "more than one request: text follows the empty line",
		strings.ReplaceAll(text, "\n", "\r\n"): "line 1: the line ends in CR LF, not in LF",
		"request=smtpd_access_policy\nx\n":     "line 2: not of the form name=value",
		"request=smtpd_access_policy\nx=" + strings.Repeat("x", maxRequest): "longer than 65536 bytes",
	} {
		if _, _, err := ParseRequest(bad, mailaddr.Server{}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%.60q: error %v, want %q", bad, err, want)
		}
	}
}

// FuzzParseRequest shows that what is read here is read by a server alike.
func FuzzParseRequest(f *testing.F) {
	f.Add(requestOf(fullSession(), "RCPT", "1.2.3"))
	f.Add(requestOf(inPlaintext(), "END-OF-MESSAGE", ""))
	f.Add("\n\nrequest=smtpd_access_policy\nsize=0\n\n\n")
	f.Add("request=smtpd_access_policy\n\nrequest=smtpd_access_policy\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, state, err := ParseRequest(text, mailaddr.Server{})
		if err != nil {
			if s != nil || state != "" {
				t.Fatal("a session in spite of an error")
			}
			return
		}
		again := session(t, strings.Trim(text, "\n")+"\n\n")
		if known(s) != known(again) {
			t.Errorf("read as\n%s\nand by a server as\n%s", known(s), known(again))
		}
	})
}
