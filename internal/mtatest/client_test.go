package mtatest

import (
	"fmt"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/d--j/go-milter"
)

// TestMilterClient holds sessions by a milter client of other authors, which
// sends the macros that the daemon asked for and no others.
func TestMilterClient(t *testing.T) {
	rules, err := os.ReadFile("testdata/miltertest/rules.toml")
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := StartDaemon(t.Context(), DaemonConfig{Program: buildDaemon(t), Dir: t.TempDir(), Front: FrontMilter,
		Files: map[string]string{"rules.toml": string(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	macros := milter.NewMacroBag()
	for name, value := range map[string]string{"j": HostName, "{client_port}": "40000", "{daemon_addr}": "192.0.2.1", "{daemon_port}": "25"} {
		macros.Set(name, value)
	}
	session, err := milter.NewClient("tcp", daemon.Hooks.Milter).Session(macros)
	if err != nil {
		t.Fatal(err)
	}
	expectReply(t, "connect", "continue")(session.Conn("client.example.org", milter.FamilyInet, 40000, "198.51.100.7"))
	expectReply(t, "helo", "continue")(session.Helo("client.example.org"))
	macros.Set("i", "4bT1x0")

	for _, message := range foreignMessages() {
		macros.Set(milter.MacroTlsVersion, message.version)
		macros.Set(milter.MacroCipher, message.cipher)
		message.send(t, session)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if err := daemon.Stop(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Log(daemon.Log())
	}
}

// foreignMessage is a message from a sender to recipients, each with the reply
// expected, and what becomes of it in the end.
type foreignMessage struct {
	version, cipher string
	sender          string
	recipients      [][2]string
	changes         string // "" if it is given up before DATA
}

// foreignMessages are sent on one connection. Their rules are those of the
// scripts for miltertest.
func foreignMessages() []foreignMessage {
	return []foreignMessage{
		{"TLSv1.1", "ECDHE-RSA-AES256-SHA", "a@reject.example",
			[][2]string{{"b@example.com", "554 5.7.0 TLSv1.1 is below TLSv1.2"}, {"c@example.com", "554 5.7.0"}}, ""},
		{"TLSv1.3", "TLS_AES_256_GCM_SHA384", "a@reject.example",
			[][2]string{{"b@example.com", "continue"}}, "-X-Tls-Policy:1"},
		{"TLSv1.1", "ECDHE-RSA-AES256-SHA", "a@defer.example",
			[][2]string{{"b@example.com", "451 4.7.0 TLSv1.1 is below TLSv1.2"}}, ""},
		{"TLSv1.1", "ECDHE-RSA-AES256-SHA", "a@tag.example",
			[][2]string{{"b@example.com", "continue"}, {"strict@example.com", "554 5.7.0"}, {"c@example.com", "continue"}},
			"-X-Tls-Policy:1 +X-Tls-Policy:0=fail"},
		{"TLSv1.1", "ECDHE-RSA-AES256-SHA", "a@quarantine.example",
			[][2]string{{"b@example.com", "continue"}}, "quarantine -X-Tls-Policy:1"},
	}
}

func (m foreignMessage) send(t *testing.T, session *milter.ClientSession) {
	t.Helper()
	name := m.sender + " " + m.version
	expectReply(t, name, "continue")(session.Mail(m.sender, ""))
	for _, recipient := range m.recipients {
		expectReply(t, name+" "+recipient[0], recipient[1])(session.Rcpt(recipient[0], ""))
	}
	if m.changes == "" {
		if err := session.Abort(nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return
	}
	expectReply(t, name, "continue")(session.DataStart())
	expectReply(t, name, "continue")(session.HeaderField("X-TLS-Policy", "pass; forged", nil))
	expectReply(t, name, "continue")(session.HeaderField("Subject", "test", nil))
	expectReply(t, name, "continue")(session.HeaderEnd())
	modifications, action, err := session.BodyReadFrom(strings.NewReader("text\r\n"))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if action.StopProcessing() {
		t.Errorf("%s: %v at its end", name, action)
	}
	var changes []string
	for _, modification := range modifications {
		changes = append(changes, describe(modification))
	}
	if got := strings.Join(changes, " "); got != m.changes {
		t.Errorf("%s: changes %q, expected %q", name, got, m.changes)
	}
}

// describe shortens a change: "-Name:1" removes the first field of that name,
// "+Name:0=word" puts one above all others whose value begins so.
func describe(m milter.ModifyAction) string {
	name := textproto.CanonicalMIMEHeaderKey(m.HeaderName)
	value, _, _ := strings.Cut(strings.TrimSpace(m.HeaderValue), ";")
	switch m.Type {
	case milter.ActionInsertHeader:
		return fmt.Sprintf("+%s:%d=%s", name, m.HeaderIndex, value)
	case milter.ActionChangeHeader:
		return fmt.Sprintf("-%s:%d%s", name, m.HeaderIndex, value)
	case milter.ActionQuarantine:
		return "quarantine"
	}
	return fmt.Sprintf("%+v", m)
}

// expectReply checks the daemon's answer to one step: "continue", or a reply
// that begins as the text expected.
func expectReply(t *testing.T, step, want string) func(*milter.Action, error) {
	t.Helper()
	return func(action *milter.Action, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		got := "continue"
		if action.Type != milter.ActionContinue {
			got = action.SMTPReply
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, expected %q", step, got, want)
		}
	}
}
