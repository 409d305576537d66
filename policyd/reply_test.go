package policyd

import (
	"regexp"
	"strings"
	"testing"

	"tlswarden/rules"
)

// replyForm is what Postfix can read: never empty, never digits alone, never OK.
var replyForm = regexp.MustCompile(`^action=(DUNNO|DEFER_IF_PERMIT 4\.3\.0 [ -~]+|[45][0-9][0-9] [45]\.[0-9]{1,3}\.[0-9]{1,3} [ -~]+|HOLD [ -~]+|PREPEND [!-9;-~]+: [ -~]+)\n\n$`)

func TestAppendReply(t *testing.T) {
	for _, action := range []string{dunno, failed} {
		got := string(appendReply([]byte("left over")[:0], action))
		if got != "action="+action+"\n\n" || !replyForm.MatchString(got) {
			t.Errorf("got %q", got)
		}
	}
}

func TestRefusal(t *testing.T) {
	long := strings.Repeat("long ", 200)
	const otherwise = "refused by the encryption policy of this site"
	cases := []struct {
		action rules.Action
		reply  rules.Reply
		want   string
	}{
		{rules.Reject, rules.Reply{Code: 530, Status: "5.7.0", Text: "Must issue a STARTTLS command first"}, "530 5.7.0 Must issue a STARTTLS command first"},
		{rules.Defer, rules.Reply{Code: 451, Status: "4.7.0", Text: "TLSv1 is below TLSv1.2"}, "451 4.7.0 TLSv1 is below TLSv1.2"},
		{rules.Defer, rules.Reply{Code: 421, Status: "4.7.0", Text: "go away"}, "421 4.7.0 go away"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.999", Text: "a\tb\x00c\r\nd\xc3\xa4"}, "550 5.7.999 a?b?c??d??"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: "  blanks around  "}, "550 5.7.1 blanks around"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: "action=OK"}, "550 5.7.1 action=OK"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: long}, ("550 5.7.1 " + long)[:maxReply-len("action=")]},
		// What no policy should give, made harmless.
		{rules.Reject, rules.Reply{}, "554 5.7.0 " + otherwise},
		{rules.Defer, rules.Reply{}, "450 4.7.0 " + otherwise},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1", Text: "   "}, "550 5.7.1 " + otherwise},
		{rules.Defer, rules.Reply{Code: 550, Status: "5.7.1", Text: "x"}, "450 4.7.0 x"},
		{rules.Reject, rules.Reply{Code: 250, Status: "2.0.0", Text: "x"}, "554 5.7.0 x"},
		{rules.Reject, rules.Reply{Code: 5500, Status: "5.7.1", Text: "x"}, "554 5.7.1 x"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7", Text: "x"}, "550 5.7.0 x"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1234", Text: "x"}, "550 5.7.0 x"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5..1", Text: "x"}, "550 5.7.0 x"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1.", Text: "x"}, "550 5.7.0 x"},
		{rules.Reject, rules.Reply{Code: 550, Status: "5.7.1 x", Text: "x"}, "550 5.7.0 x"},
	}
	for _, c := range cases {
		got := refusal(c.action, c.reply)
		if got != c.want {
			t.Errorf("%v %+v:\ngot  %q\nwant %q", c.action, c.reply, got, c.want)
		}
		if !replyForm.Match(appendReply(nil, got)) {
			t.Errorf("%q is not in the form of a reply", got)
		}
	}
}

func TestAnswerOf(t *testing.T) {
	policy := rules.New(rules.Config{Header: "X-Seen"})
	rule := &rules.Rule{Name: "hold it"}
	long := strings.Repeat("0123456789", 60)
	verdict := func(a rules.Action) rules.Verdict { return rules.Verdict{Action: a, Rule: rule} }
	cases := []struct {
		name     string
		decision rules.Decision
		policy   *rules.Policy
		want     answer
	}{
		{"accept", rules.Decision{}, policy, answer{passes: true}},
		{"a pass", rules.Decision{Stamp: "pass; TLSv1.3"}, policy, answer{passes: true, tag: "PREPEND X-Seen: pass; TLSv1.3", rank: 1}},
		{"a fail", rules.Decision{Verdict: verdict(rules.Tag), Stamp: "fail; none"}, policy,
			answer{passes: true, tag: "PREPEND X-Seen: fail; none", rank: 2}},
		{"results", rules.Decision{Stamp: "pass; TLSv1.3", Results: "mx.example; x-tls=pass\r\nBcc: b"}, policy, answer{passes: true, rank: 1,
			tag: "PREPEND X-Seen: pass; TLSv1.3", results: "PREPEND Authentication-Results: mx.example; x-tls=pass??Bcc: b"}},
		{"long results", rules.Decision{Stamp: "pass", Results: long}, policy, answer{passes: true, rank: 1,
			tag: "PREPEND X-Seen: pass", results: ("PREPEND Authentication-Results: " + long)[:maxReply-len("action=")]}},
		{"without a policy", rules.Decision{Stamp: "fail; none"}, nil, answer{passes: true, tag: "PREPEND X-TLS-Policy: fail; none", rank: 2}},
		{"one line", rules.Decision{Stamp: "fail; a\n\nBcc: b"}, policy, answer{passes: true, tag: "PREPEND X-Seen: fail; a??Bcc: b", rank: 2}},
		{"a long tag", rules.Decision{Stamp: "fail; " + long}, policy,
			answer{passes: true, tag: ("PREPEND X-Seen: fail; " + long)[:maxReply-len("action=")], rank: 2}},
		{"quarantine", rules.Decision{Verdict: verdict(rules.Quarantine), ID: "abc"}, policy,
			answer{passes: true, hold: "HOLD tlswarden: rule hold it, id=abc"}},
		{"reject", rules.Decision{Verdict: verdict(rules.Reject), Reply: rules.Reply{Code: 554, Status: "5.7.0", Text: "no"}}, policy,
			answer{final: "554 5.7.0 no"}},
	}
	for _, c := range cases {
		if c.policy != nil {
			c.decision.Header = c.policy.Header()
		}
		got := answerOf(&c.decision, &rules.Session{})
		if got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
		for _, action := range []string{got.final, got.hold, got.tag, got.results} {
			if action != "" && !replyForm.Match(appendReply(nil, action)) {
				t.Errorf("%s: %q is not in the form of a reply", c.name, action)
			}
		}
	}
}

// TestHoldTellsTheShortfall checks the text that Postfix logs.
func TestHoldTellsTheShortfall(t *testing.T) {
	var s rules.Session
	s.SetPlaintext()
	p := rules.New(rules.Config{Rules: []*rules.Rule{{Name: "all", Require: rules.BuiltinProfiles()[0], Otherwise: rules.Quarantine}}})
	d := p.Decide(&s, 0, "abc")
	if got, want := hold(&d, &s), "HOLD tlswarden: no encryption, id=abc"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	p.Rules()[1].Name = strings.Repeat("n", 300)
	d = rules.Decision{Verdict: rules.Verdict{Action: rules.Quarantine, Rule: p.Rules()[1]}, ID: "abc"}
	if got := hold(&d, &rules.Session{}); len(got) > 300 || !strings.HasSuffix(got, ", id=abc") {
		t.Errorf("got %q", got)
	}
}
