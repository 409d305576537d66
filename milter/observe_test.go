package milter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tlswarden/rules"
)

// The parts of random rules: conditions, what a rule does, and the ways in which
// one that says so only records. The time of the gate is 2026-11-22.
var (
	someWhens = []string{``, `message.encrypted = "pgp"`, `message.tls_required_no = true`, `message.spf = "pass"`,
		`recipient = ["b@example.com", "c@example.com"]`, `recipient_domain = "example.com", message.encrypted = "no"`, `sender_domain = "example.net"`, `tls = false`}
	someDoes    = []string{`action = "accept"`, `action = "tag"`, `action = "quarantine"`, `action = "reject"`, "require = \"any-tls\"\notherwise = \"defer\"", "require = \"bcp195\"\notherwise = \"reject\""}
	waysToWatch = []string{"observe = true", "rollout = [{ from = 2027-01-01 }]", "rollout = [{ from = 2026-01-01, observe = true }]",
		"rollout = [{ from = 2026-01-01, percent = 1 }]", "expires = 2026-11-01"}
)

// someRules are random rules, and the same without those that only record.
func someRules(g *rand.Rand) (with, without string) {
	pick := func(from []string) string { return from[g.IntN(len(from))] }
	const head = "judge_local = true\nmessage.trusted_authserv_ids = [\"mx.example.com\"]\n"
	with, without = head, head
	for i := range 1 + g.IntN(4) {
		rule := fmt.Sprintf("[[rule]]\nname = \"r%d\"\nwhen = { %s }\n%s\n", i, pick(someWhens), pick(someDoes))
		rule = strings.Replace(rule, "when = {  }\n", "", 1)
		if g.IntN(3) > 0 {
			way := pick(waysToWatch)
			if strings.Contains(rule, `"accept"`) {
				way = waysToWatch[0] // an exemption has no rollout
			}
			with += rule + way + "\n"
			continue
		}
		with, without = with+rule, without+rule
	}
	return with, without
}

// TestObservedMeansUntouched shows that rules which only record change no reply to
// any of several recipients, none to the message, and nothing of the message: it
// fares as if they were not there. Under enforce = "observe" all mail passes as it
// is.
func TestObservedMeansUntouched(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 1))
	for range 400 {
		with, without := someRules(g)
		s := base([]string{postfix, sendmail}[g.IntN(2)])
		s.proxied = s.mta == postfix && g.IntN(4) == 0
		s.recipients = []string{"b@example.com", "c@example.com", "d@example.org", "B@example.com"}[:1+g.IntN(4)]
		s.headers = []string{"Subject: x", "Authentication-Results: mx.example.com; spf=pass", "X-TLS-Policy: forged"}
		s.body = []string{"\r\nhello\r\n", "more\r\n"}
		if g.IntN(8) == 0 {
			s.headers = slices.Repeat(s.headers, 120)
		}
		if g.IntN(2) == 0 {
			s.tls, s.version, s.cipher, s.bits = true, "TLSv1.1", "ECDHE-RSA-AES256-SHA", 256
		}
		played := func(p *rules.Policy) string {
			o := dialServer(t, Config{Gate: policyGate{p}}).play(s)
			o.pieces = 0
			if s.proxied && o.end == "" { // DATA was not asked for
				o.end = "c"
			}
			return fmt.Sprintf("%+v", o)
		}
		if got, want := played(policyFrom(t, with)), played(policyFrom(t, without)); got != want {
			t.Fatalf("%+v\n%s\ncame to %s\nwithout what only records, to %s", s, with, got, want)
		}
		none := policyFrom(t, "judge_local = true\n")
		if got, want := played(policyFrom(t, with).WithEnforce(rules.EnforceObserve)), played(none); got != want {
			t.Fatalf("under enforce = \"observe\"\n%s\ncame to %s", with, got)
		}
	}
}

// finishes is a gate that writes down of whom it is asked to complete the record.
type finishes struct {
	policyGate
	seen *[]string
}

func (g finishes) Open() Transaction { return g }

func (g finishes) Finish(s *rules.Session) {
	*g.seen = append(*g.seen, s.Message.Encrypted.Or("unknown"))
}

// TestObservedSeesTheMessage shows that the message is read for rules that only
// record, and that the gate learns what it says when it is there.
func TestObservedSeesTheMessage(t *testing.T) {
	const rule = "[[rule]]\nname = \"r\"\nwhen = { message.encrypted = \"pgp\" }\naction = \"reject\"\nobserve = true\n"
	var seen []string
	gate := finishes{policyGate{policyFrom(t, rule)}, &seen}
	s := base(postfix)
	s.recipients = []string{"b@example.com", "c@example.com"}
	s.body = []string{"\r\n-----BEGIN PGP MESSAGE-----\r\n", strings.Repeat("a line\r\n", 4000)}
	w := dialServer(t, Config{Gate: gate})
	for range 2 {
		if o := w.play(s); o.end != "c" || strings.Join(o.replies, "") != "cc" {
			t.Errorf("%+v", o)
		}
	}
	s.proxied = true
	w.play(s)
	if got := strings.Join(seen, " "); got != "pgp pgp unknown" {
		t.Errorf("the gate learnt %q", got)
	}
}

// TestForgedTags holds what becomes of a message with more forged tags than are
// removed against how the rules are enforced.
func TestForgedTags(t *testing.T) {
	const tag = "[[rule]]\nname = \"r\"\naction = \"tag\"\n"
	for name, c := range map[string]struct {
		rules   string
		enforce rules.Enforce
		end     string
	}{
		"full":          {tag, rules.EnforceFull, "554 5.6.0 The message has too many header fields of one name"},
		"soft":          {tag, rules.EnforceSoft, "451 4.6.0 The message has too many header fields of one name"},
		"observe":       {tag, rules.EnforceObserve, "c"},
		"observed":      {tag + "observe = true\n", rules.EnforceFull, "c"},
		"not begun":     {tag + "rollout = [{ from = 2027-01-01 }]\n", rules.EnforceFull, "c"},
		"not begun yet": {tag + "rollout = [{ from = 2027-01-01 }]\n[[rule]]\nname = \"s\"\naction = \"tag\"\n", rules.EnforceSoft, "451 4.6.0 The message has too many header fields of one name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := base(postfix)
			s.headers = slices.Repeat([]string{"X-TLS-Policy: pass"}, maxCopies+1)
			o := dialServer(t, Config{Gate: policyGate{policyFrom(t, c.rules).WithEnforce(c.enforce)}}).play(s)
			if o.end != c.end || len(o.changes) > 0 {
				t.Errorf("%+v", o)
			}
		})
	}
}
