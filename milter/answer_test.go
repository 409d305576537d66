package milter

import (
	"net/netip"
	"strings"
	"testing"

	"tlswarden/rules"
)

// TestAnswer shows the frames of each verdict, well-formed and readable.
func TestAnswer(t *testing.T) {
	const (
		rcpt = "RCPT: SMFIR_CONTINUE c"
		tag  = "SMFIR_INSHEADER i 0 X-TLS-Policy fail; none; own text"
	)
	for action, want := range map[rules.Action]string{
		rules.Accept:     rcpt + "|end of message: SMFIR_CONTINUE c",
		rules.Tag:        rcpt + "|end of message: " + tag + ", SMFIR_CONTINUE c",
		rules.Quarantine: rcpt + "|end of message: SMFIR_QUARANTINE q tlswarden: r: no encryption, " + tag + ", SMFIR_CONTINUE c",
		rules.Defer:      "RCPT: SMFIR_REPLYCODE 450 4.7.0 no encryption, 100%",
		rules.Reject:     "RCPT: SMFIR_REPLYCODE 530 5.7.0 no encryption, 100%",
	} {
		reply, err := rules.ParseTemplate("{shortfall}, 100%")
		if err != nil {
			t.Fatal(err)
		}
		p := rules.New(rules.Config{Rules: []*rules.Rule{
			{Name: "r", Require: &rules.Profile{Name: "any-tls"}, Otherwise: action, Reply: reply, Tag: "own text"},
		}})
		var s rules.Session
		s.SetClient(netip.MustParseAddr("192.0.2.1"))
		s.SetPlaintext()
		s.ListenerTLSSeen = rules.Known(true)
		d := p.Decide(&s, 0, "x")
		events, err := Answer(&d, &s, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := renderEvents(t, events); got != want {
			t.Errorf("%s:\n%s, want\n%s", action, got, want)
		}
	}
}

func renderEvents(t *testing.T, events []Event) string {
	var out []string
	for _, e := range events {
		var frames []string
		for _, f := range e.Frames {
			text, err := render(f[lengthSize], string(f[headSize:]))
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, f.Name()+" "+text)
		}
		out = append(out, e.Name+": "+strings.Join(frames, ", "))
	}
	return strings.Join(out, "|")
}

// TestAnswerHeads shows that the length of each frame is that which it says.
func TestAnswerHeads(t *testing.T) {
	p := rules.New(rules.Config{StampAll: true})
	var s rules.Session
	s.SetTLS(rules.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"})
	d := p.Decide(&s, 0, "x")
	events, err := Answer(&d, &s, p)
	if err != nil || len(events) != 2 {
		t.Fatal(events, err)
	}
	want := "\x00\x00\x00\x3bi\x00\x00\x00\x00X-TLS-Policy\x00pass; TLSv1.3 TLS_AES_128_GCM_SHA256\x00"
	if got := string(events[1].Frames[0]); len(got) != int(got[3])+lengthSize || got[headSize:] != want[headSize:] {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAnswerWaits shows what is answered where the verdict waits for the message.
func TestAnswerWaits(t *testing.T) {
	const wait = "RCPT: SMFIR_CONTINUE c|end of message: "
	p := policyFrom(t, encryptedItself)
	for _, test := range []struct {
		message rules.MessageFacts
		want    string
	}{
		{rules.MessageFacts{Encrypted: rules.Known("smime")}, wait + "SMFIR_CONTINUE c"},
		{rules.MessageFacts{Encrypted: rules.Known("no")}, wait + "SMFIR_REPLYCODE " + noTLS},
		{rules.MessageFacts{}, wait + "SMFIR_REPLYCODE 450 4.7.0 no encryption; this mail needs TLS, use STARTTLS"},
	} {
		var s rules.Session
		s.SetClient(netip.MustParseAddr("192.0.2.1"))
		s.SetPlaintext()
		s.ListenerTLSSeen, s.Message = rules.Known(true), test.message
		d := p.Decide(&s, 0, "x")
		events, err := Answer(&d, &s, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := renderEvents(t, events); got != test.want {
			t.Errorf("%+v: %s, want %s", test.message, got, test.want)
		}
		if s.Message != test.message {
			t.Error("the session was changed")
		}
	}
}
