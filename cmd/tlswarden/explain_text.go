package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tlswarden/rules"
)

// explainText renders an explanation for people.
type explainText struct {
	w      io.Writer
	indent string
	paint  paint
	err    error // the first of the writer
}

func (t *explainText) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, t.indent+format+"\n", args...)
	}
}

func (t *explainText) title(text string) { t.line("%s", t.paint.in(bold, text)) }

func (t *explainText) test(r *testResult) {
	if r == nil {
		return
	}
	t.title("test")
	outcome := "passes"
	if !r.Passed {
		outcome = "fails"
	}
	t.line("  %s:%d: %s: %s", r.File, r.Line, clean(r.Name), outcome)
	for _, d := range r.Differences {
		t.line("    %s", clean(d))
	}
}

// session shows the facts that rules look at, and of the others those that say
// something.
func (t *explainText) session(e *explanation) {
	var shown []fact
	width := 0
	for _, f := range e.Session {
		if f.Needed || f.Value != nil && *f.Value != f.quiet() {
			shown = append(shown, f)
			width = max(width, len(f.Field))
		}
	}
	t.title("session")
	for _, f := range shown {
		assumed := ""
		if f.Assumed {
			assumed = " (assumed; --" + flagOf(f.Field) + " gives another)"
		}
		t.line("  %-*s  %s%s", width, f.Field, valueText(f.Value), assumed)
	}
}

// quiet is the value that says nothing worth a line.
func (f *fact) quiet() string {
	switch {
	case strings.HasPrefix(f.Field, "listener."):
		return "true"
	case f.kind == rules.KindBool:
		return "false"
	case f.kind == rules.KindNumber:
		return "0"
	}
	return ""
}

func valueText(v *string) string {
	switch {
	case v == nil:
		return "unknown"
	case *v == "":
		return "empty"
	}
	return clean(*v)
}

// reading shows what became of each rule.
func (t *explainText) reading(e *explanation) {
	t.title("rules")
	for i := range e.Rules {
		s := &e.Rules[i]
		t.line("  %d. %s, %s", s.Order, clean(s.Name), s.place())
		text := s.text(t.paint)
		if s.Action == "" {
			text = t.paint.in(faint, text)
		}
		t.line("     %s", text)
	}
}

// text says in a sentence what became of a rule, and why.
func (s *step) text(p paint) string {
	outcome := s.Outcome
	switch c := s.Condition; {
	case s.Expired != "":
		return outcome + ": the rule expired, " + s.Expired + " was its last day"
	case c != nil && c.open && s.Action != "" && s.OnUnknown == "":
		outcome += ": " + strings.Join(append(s.Shortfalls, "whether the rule applies is open, for "+c.Field+" is "+valueText(c.Seen)+
			", and the rule asks for "+clean(c.text())), "; ")
	case c != nil && c.Seen == nil:
		outcome = "unknown: " + c.Field + " is not known, and the rule asks for " + clean(c.text())
	case c != nil:
		outcome += ": " + c.Field + " is " + valueText(c.Seen) + ", and the rule asks for " + clean(c.text())
	case s.Require != "":
		outcome = "require " + s.Require + ": " + outcome
		if len(s.Shortfalls) > 0 {
			outcome += ": " + strings.Join(s.Shortfalls, ", ")
		}
	}
	if x := s.Open; x != nil {
		outcome += "; whether the exception at " + x.place() + " holds is not known"
	}
	if x := s.Exception; x != nil {
		outcome += "; by the exception at " + x.place() + " " + x.Does + " instead"
	}
	if s.OnUnknown != "" {
		outcome += "; on_unknown = " + s.OnUnknown
	}
	if s.Rollout != "" && s.Action != "" {
		outcome += "; by its rollout " + s.Rollout
	}
	switch {
	case s.OnUnknown != "" && s.Action == "":
		return outcome + ", so the reading goes on"
	case s.Observed:
		return outcome + "; under observe, would " + p.action(s.Action)
	case s.Action != "":
		return outcome + "; so " + p.action(s.Action)
	case s.Softens:
		return outcome + "; it might exempt this mail, so a reject below becomes a defer"
	}
	return outcome
}

func (t *explainText) verdict(v *verdict, notRead int) {
	t.title("verdict")
	t.line("  %s%s", t.paint.action(v.Action), byRule(v.Rule, v.Local))
	for _, s := range v.Softened {
		t.line("  instead of reject: %s", s.Meaning)
	}
	if note := enforceNote(v.Enforce); note != "" {
		t.line("  %s", note)
	}
	if v.Waits != nil {
		t.line("  not before the end of the message: rule %s, %s, waits for %s",
			strconv.Quote(v.Waits.Rule.Name), v.Waits.Rule.place(), strings.Join(v.Waits.Fields, ", "))
	}
	if v.Reply != "" {
		t.line("  reply: %s", clean(v.Reply))
	}
	if v.Header != "" {
		t.line("  header: %s", clean(v.Header))
	}
	if v.Results != "" {
		t.line("  header: %s", clean(v.Results))
	}
	if v.Would != "" {
		t.line("  under observe: would %s%s", t.paint.action(v.Would), byRule(v.WouldRule, false))
	}
	switch {
	case notRead == 1:
		t.line("  one more rule was not read: the reading had ended")
	case notRead > 1:
		t.line("  %d more rules were not read: the reading had ended", notRead)
	}
}

func byRule(r *ruleRef, local bool) string {
	switch {
	case r == nil:
		return ", no rule has anything against it"
	case local:
		return ", mail of this machine is not judged"
	}
	return ", by rule " + strconv.Quote(r.Name) + ", " + r.place()
}

func (t *explainText) answers(e *explanation) {
	for i := range e.Answers {
		a := &e.Answers[i]
		switch a.Front {
		case "policy":
			t.title("the policy service answers Postfix")
		case "milter":
			t.title("the milter answers Postfix or Sendmail")
		}
		t.unseen(a, &e.Verdict)
		for _, s := range a.Sent {
			if s.Name == "" {
				t.policyReply(s)
			} else {
				t.frame(s)
			}
		}
	}
}

// unseen says where a front end judges otherwise, for it cannot see everything.
func (t *explainText) unseen(a *answer, v *verdict) {
	if !a.Judged {
		t.line("  in this protocol_state nothing is decided")
	}
	if a.Waits {
		t.line("  it leaves the mail to the milter of the same connection, which decides at the end of the message")
	}
	if a.Action != v.Action || !sameRule(a.Rule, v.Rule) {
		t.line("  by itself it cannot see %s; without it: %s%s", strings.Join(a.Unseen, ", "), t.paint.action(a.Action), byRule(a.Rule, false))
	}
}

func sameRule(a, b *ruleRef) bool { return a == b || a != nil && b != nil && *a == *b }

// policyReply shows the octets as a string with escapes.
func (t *explainText) policyReply(s sent) {
	q := strconv.QuoteToASCII(s.Text)
	t.line("  %s: %s", cleanOr(s.At, "no protocol_state"), strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`))
}

func cleanOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return clean(s)
}

// frame shows a frame's octets in hexadecimal and as text.
func (t *explainText) frame(s sent) {
	t.line("  %s: %s", s.At, s.Name)
	for row := range strings.Lines(hex.Dump([]byte(s.Text))) {
		t.line("    %s", strings.TrimSuffix(row, "\n"))
	}
}

func (x *exceptionRef) place() string { return x.File + ":" + strconv.Itoa(x.Line) }
