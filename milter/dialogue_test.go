package milter

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-milter"
	"golang.org/x/tools/txtar"

	"tlswarden/internal/mailaddr"
	"tlswarden/internal/testkit"
	"tlswarden/rules"
)

var update = flag.Bool("update", false, "write the transcripts of the dialogues")

// TestDialogues plays the dialogues of testdata. A dialogue is what the MTA
// sends (>), what comes back (<), how the gate was used and what changed among
// the facts that it saw (=), and at the end what was logged (!). A section
// "gate" before it says what the gate answers.
func TestDialogues(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		gate := ""
		for i, f := range a.Files {
			if f.Name == "gate" {
				gate = string(f.Data)
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+f.Name, func(t *testing.T) {
				got := playDialogue(t, gate, string(f.Data))
				if *update {
					a.Files[i].Data = []byte(got)
				} else if got != string(f.Data) {
					t.Errorf("the transcript is\n%s\nnot\n%s", got, f.Data)
				}
			})
			gate = ""
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// dialogue is one under way.
type dialogue struct {
	t    *testing.T
	w    *wire
	gate *scriptGate
	out  strings.Builder
}

func playDialogue(t *testing.T, script, lines string) string {
	var log logBuffer
	gate, config := parseScript(t, script)
	config.Log = log.logger()
	s, ln := New(config), newPipes()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, mailaddr.Server{}) }()
	d := &dialogue{t: t, w: newWire(t, ln.dial()), gate: gate}
	for _, line := range strings.Split(lines, "\n") {
		if command, ok := strings.CutPrefix(line, "> "); ok {
			fmt.Fprintln(&d.out, line)
			d.say(fields(t, command))
		} else if strings.HasPrefix(line, "#") {
			fmt.Fprintln(&d.out, line)
		}
	}
	d.w.conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	d.calls()
	if log.String() != "" {
		d.out.WriteString("! " + strings.ReplaceAll(strings.TrimSuffix(log.String(), "\n"), "\n", "\n! ") + "\n")
	}
	return d.out.String() + "\n"
}

// calls writes down how the gate was used meanwhile.
func (d *dialogue) calls() {
	for _, c := range d.gate.take() {
		fmt.Fprintln(&d.out, "=", c)
	}
}

// say sends one command and waits for its reply, if there is to be one.
func (d *dialogue) say(f []string) {
	d.t.Helper()
	command := f[0][0]
	if f[0] == "raw" {
		d.w.write([]byte(f[1]))
		d.w.closed()
		fmt.Fprintln(&d.out, "< closed")
		return
	}
	if command == cmdNegotiate {
		d.w.negotiate(terms{version: uint32(number(d.t, f[1])), actions: milter.OptAction(number(d.t, f[2])), protocol: milter.OptProtocol(number(d.t, f[3]))})
		fmt.Fprintf(&d.out, "< O %d %#x %#x %s\n", d.w.agreed.version, d.w.agreed.actions, d.w.agreed.protocol, listNames(d.w.lists))
		d.calls()
		return
	}
	d.w.send(command, content(d.t, command, f[1:]))
	switch command {
	case cmdMacro, cmdAbort, cmdQuitNC:
		return
	case cmdQuit:
		d.w.closed()
		return
	case cmdHeader:
		if d.w.agreed.protocol&milter.OptNoHeaderReply != 0 {
			return
		}
	}
	a := d.w.await()
	d.calls()
	for _, c := range a.changes {
		fmt.Fprintln(&d.out, "<", c)
	}
	fmt.Fprintln(&d.out, "<", a.reply)
}

// content builds what follows a command.
func content(t testing.TB, command byte, f []string) string {
	switch command {
	case cmdMacro:
		s := f[0]
		for _, m := range f[1:] {
			name, value, ok := strings.Cut(m, "=")
			if s += name + "\x00"; ok {
				s += value + "\x00"
			}
		}
		return s
	case cmdConnect:
		s := f[0] + "\x00" + f[1]
		if len(f) > 2 {
			port := number(t, f[2])
			s += string([]byte{byte(port >> 8), byte(port)}) + cstrings(f[3:]...)
		}
		return s
	case cmdBody:
		return strings.Join(f, "")
	case cmdUnknown, cmdHelo, cmdMail, cmdRcpt, cmdHeader:
		return cstrings(f...)
	}
	return ""
}

func number(t testing.TB, s string) uint64 {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fields splits a line at blanks; a field may be, or hold after its "=", a
// string with quotes.
func fields(t testing.TB, line string) []string {
	var all []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		end := strings.IndexAny(line, ` "`)
		if end < 0 {
			end = len(line)
		}
		field := line[:end]
		if line = line[end:]; strings.HasPrefix(line, `"`) {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			text, _ := strconv.Unquote(quoted)
			field += text
			line = line[len(quoted):]
		}
		all = append(all, field)
	}
	return all
}

// parseScript reads what the gate answers: "can ACTION..." names what its
// policy can do, "id NAME" its authserv-id, "on_failure accept" configures the
// server, all other lines are a recipient and what becomes of it. A script with a
// [[rule]] is a rule file, which decides.
func parseScript(t *testing.T, script string) (*scriptGate, Config) {
	g := &scriptGate{answers: make(map[string]func(rules.FieldSet) (rules.Decision, error))}
	c := Config{Gate: g, OnFailure: rules.Defer}
	if strings.Contains(script, "[[rule]]") {
		g.policy, g.judges = policyFrom(t, script), true
		return g, c
	}
	var policy rules.Config
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		f := fields(t, line)
		switch {
		case len(f) == 0:
		case f[0] == "can":
			for _, name := range f[1:] {
				a, ok := rules.ParseAction(name)
				if !ok {
					t.Fatalf("no action %q", name)
				}
				policy.Rules = append(policy.Rules, ruleOf(name+" plaintext", &rules.Profile{Name: "any-tls"}, a))
			}
			g.policy = rules.New(policy)
		case f[0] == "id":
			policy.AuthservID = f[1]
			g.policy = rules.New(policy)
		case f[0] == "on_failure":
			c.OnFailure, _ = rules.ParseAction(f[1])
		default:
			g.answers[f[0]] = parseAnswer(t, f[1:])
		}
	}
	return g, c
}

// parseAnswer reads an action with its details, or "pending RULE" followed by
// what is decided when asked again.
func parseAnswer(t *testing.T, f []string) func(rules.FieldSet) (rules.Decision, error) {
	rule := &rules.Rule{Name: "test"}
	d := rules.Decision{Verdict: rules.Verdict{Rule: rule}}
	switch f[0] {
	case "error":
		return func(rules.FieldSet) (rules.Decision, error) { return rules.Decision{}, errNoVerdict }
	case "panic":
		return func(rules.FieldSet) (rules.Decision, error) { panic("the gate is on fire") }
	case "local":
		d.Rule = rules.New(rules.Config{}).Rules()[0]
	case "accept":
		d.Stamp, d.Results = optional(f, 1), optional(f, 2)
	case "tag":
		d.Action, d.Tagged, d.Stamp, d.Results = rules.Tag, true, f[1], optional(f, 2)
	case "hold":
		d.Action, d.Quarantined, rule.Name = rules.Quarantine, true, f[1]
		d.Stamp, d.Results = optional(f, 2), optional(f, 3)
	case "defer", "reject":
		d.Action, _ = rules.ParseAction(f[0])
		d.Reply = rules.Reply{Code: int(number(t, f[1])), Status: f[2], Text: f[3]}
	case "pending":
		then := parseAnswer(t, f[2:])
		wait := rules.Decision{Verdict: rules.Verdict{Pending: true, Rule: &rules.Rule{Name: f[1]}}}
		asked := false
		return func(later rules.FieldSet) (rules.Decision, error) {
			if asked = !asked; !asked {
				return then(later)
			}
			return wait, nil
		}
	default:
		t.Fatalf("no answer %q", f[0])
	}
	return func(rules.FieldSet) (rules.Decision, error) { return d, nil }
}

func optional(f []string, i int) string {
	if i < len(f) {
		return f[i]
	}
	return ""
}
