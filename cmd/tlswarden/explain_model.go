package main

import (
	"slices"
	"strings"
	"time"

	"tlswarden/rules"
)

// explanation is a verdict with its reasons. It is made once and rendered for
// people or for programs.
type explanation struct {
	Test    *testResult `json:"test,omitempty"` // that it explains
	Session []fact      `json:"session"`
	Plugins []asked     `json:"plugins"`        // that rules look at
	Rules   []step      `json:"rules"`          // as far as the reading went
	NotRead int         `json:"rules_not_read"` // after its end
	Verdict verdict     `json:"verdict"`
	Answers []answer    `json:"answers,omitempty"`
}

// fact is one fact of the session.
type fact struct {
	Field  string  `json:"field"`
	Value  *string `json:"value"`  // null: unknown
	Needed bool    `json:"needed"` // some rule looks at it

	Assumed bool `json:"assumed"` // for want of a value on the command line
	kind    rules.Kind
}

// step is what became of one rule.
type step struct {
	ruleRef
	Outcome    string   `json:"outcome"`
	Condition  *settled `json:"condition"` // that settled it; null if none did
	Require    string   `json:"require"`
	Shortfalls []string `json:"shortfalls"`
	Action     string   `json:"action"`     // that the rule says, or would say; "": none
	Observed   bool     `json:"observed"`   // it is not done, only recorded
	Expired    string   `json:"expired"`    // the last day on which the rule was read
	Softens    bool     `json:"softens"`    // a skipped exemption: a reject below is a defer
	OnUnknown  string   `json:"on_unknown"` // which decided, for a fact is not known
	Rollout    string   `json:"rollout"`    // what it does to whom at that time, "" without one

	Exception *exceptionRef `json:"exception"`      // that held, and replaced what the rule does; null: none
	Open      *exceptionRef `json:"open_exception"` // the first before it of which that is not known; null: none
}

// exceptionRef is an exception of a rule.
type exceptionRef struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Does string `json:"does"` // an action, or "pass"
}

func exceptionOf(x *rules.Exception) *exceptionRef {
	if x == nil {
		return nil
	}
	return &exceptionRef{x.File, x.Line, exceptionDoes(x)}
}

// exceptionDoes is what a rule does by an exception.
func exceptionDoes(x *rules.Exception) string {
	if a, ok := x.Otherwise.Get(); ok {
		return a.String()
	}
	return "pass"
}

// settled is the condition that settled whether a rule applies.
type settled struct {
	condition
	Seen *string `json:"seen"` // null: unknown
	open bool    // the condition may hold or not
}

// verdict is what becomes of the mail.
type verdict struct {
	Action      string      `json:"action"`
	Rule        *ruleRef    `json:"rule"` // that said so; null: none
	Shortfall   string      `json:"shortfall"`
	Reply       string      `json:"reply"`   // to the client, "" if the mail is let through
	Header      string      `json:"header"`  // that it gets, "" for none
	Results     string      `json:"results"` // Authentication-Results that it gets, "" for none
	Quarantined bool        `json:"quarantined"`
	Local       bool        `json:"local"` // mail of this machine is not judged
	Waits       *waits      `json:"waits"` // it is made at the end of the message; null: at RCPT
	Softened    []softening `json:"softened"`
	Would       string      `json:"would"` // the strongest of what is under observe, "": nothing
	WouldRule   *ruleRef    `json:"would_rule"`
	Enforce     string      `json:"enforce"`
}

// waits is the first rule that needs what is known at the end of the message.
type waits struct {
	Rule   *ruleRef `json:"rule"`
	Fields []string `json:"fields"`
}

// softening is why a reject became a defer.
type softening struct {
	Reason  string `json:"reason"` // as the log has it
	Meaning string `json:"meaning"`
}

// softenings are in the order in which they are told.
var softenings = [...]struct {
	bit     rules.Softening
	meaning string
}{
	{rules.SoftUnknown, "a fact that the requirement needs is unknown, and mail is never bounced for want of a fact"},
	{rules.SoftExemption, "an exemption was passed over because a fact is unknown, so this mail might be exempt"},
	{rules.SoftAddress, "the address as the client wrote it does not settle which mailbox is meant, so this rule might not apply"},
	{rules.SoftNoTLSSeen, "no encrypted session of such clients was seen on this listener within 24 hours, so its own STARTTLS may be broken"},
	{rules.SoftNoCertSeen, "no client certificate of such clients was seen on this listener within 24 hours, so the server may not ask for them"},
	{rules.SoftTemperror, "SPF, DKIM or DMARC gave a temporary error, which may be gone by the time the sender tries again"},
	{rules.SoftException, "an exception of the rule might hold for this mail, and a fact that it looks at is unknown"},
	{rules.SoftEnforce, `the configuration says enforce = "soft"`},
}

// explain judges a session and keeps the reasons. The id in replies is a
// placeholder.
func explain(p *rules.Policy, s *rules.Session) *explanation {
	x := p.Explain(s, 0)
	d := p.Decide(s, 0, explainID)
	e := &explanation{Plugins: []asked{}, Rules: []step{}, NotRead: len(p.Rules()) - len(x.Steps), Verdict: verdictOf(&d, s, p)}
	for _, f := range slices.Concat(rules.Fields(), p.Supplied()) {
		e.Session = append(e.Session, fact{Field: f.Name, Value: seen(f, s), Needed: p.Needs().Has(f.ID), kind: f.Kind})
	}
	for i := range x.Steps {
		e.Rules = append(e.Rules, stepOf(&x.Steps[i], s))
	}
	return e
}

// explainID stands where the id of a transaction would.
const explainID = "explain"

// seen is a fact for people, nil if it is unknown. Of a mailbox the local part may be
// known alone.
func seen(f *rules.Field, s *rules.Session) *string {
	v, known := f.Read(s)
	text := f.Format(v)
	switch {
	case known:
	case f.Kind == rules.KindMailbox && text != "":
		text += " (domain unknown)"
	default:
		return nil
	}
	return &text
}

func stepOf(x *rules.Step, s *rules.Session) step {
	r := x.Rule
	st := step{ruleRef: *refOf(r), Outcome: x.Outcome.String(), Shortfalls: append([]string{}, x.Shortfalls...)}
	if r.Require != nil {
		st.Require = r.Require.Name
	}
	if c := x.Condition; c != nil {
		st.Condition = &settled{condition: condition{c.Field.Name, c.Text}}
		st.Condition.Seen = seen(c.Field, s)
		if x.Known {
			st.Condition.Seen = &x.Value
		}
		st.Condition.open = !x.Known && x.Outcome != rules.PassedOver
	}
	standing := r.Standing(s)
	if standing.Expired {
		st.Expired = lastDay(r.Expires)
		return st
	}
	if a, ok := r.OnUnknown.Get(); ok && x.Outcome == rules.Undecided {
		st.OnUnknown = a.String()
	}
	if len(r.Rollout) > 0 {
		st.Rollout = today(r, s.Now.Or(time.Time{}))
	}
	st.Exception, st.Open = exceptionOf(x.Exception), exceptionOf(x.Open)
	action, says := said(x)
	if says {
		st.Action, st.Observed = action.String(), standing.Observe
	}
	st.Softens = x.Outcome == rules.Undecided && r.Exempts() && !r.OnUnknown.Known() && !standing.Observe
	return st
}

// said is the action that a rule said, or under observe would have said.
func said(x *rules.Step) (rules.Action, bool) {
	switch x.Outcome {
	case rules.NotMet, rules.Applied, rules.Observed:
		if x.Condition != nil || x.Open != nil { // whether it applies is open
			return min(x.Does, rules.Defer), true
		}
		return x.Does, true
	case rules.Undecided:
		if a, ok := x.Rule.OnUnknown.Get(); ok {
			return a, a != rules.Accept || x.Rule.Exempts()
		}
		if x.Condition == nil { // the requirement is open
			return min(x.Does, rules.Defer), true
		}
	}
	return rules.Accept, false
}

func verdictOf(d *rules.Decision, s *rules.Session, p *rules.Policy) verdict {
	v := verdict{
		Action: d.Action.String(), Rule: refOf(d.Rule), Shortfall: d.Shortfall(s), Quarantined: d.Quarantined,
		Local: !d.Judged(), Softened: []softening{}, Enforce: p.Enforce().String(), Waits: waitsOf(p, s),
	}
	if d.Action >= rules.Defer {
		v.Reply = d.Reply.String()
	}
	if d.Stamp != "" {
		v.Header = p.Header() + ": " + d.Stamp
	}
	if d.Results != "" {
		v.Results = "Authentication-Results: " + d.Results
	}
	if d.Would > rules.Accept {
		v.Would, v.WouldRule = d.Would.String(), refOf(d.WouldRule)
	}
	for _, soft := range softenings {
		if d.Softened&soft.bit != 0 {
			v.Softened = append(v.Softened, softening{soft.bit.String(), soft.meaning})
		}
	}
	return v
}

// waitsOf says for what the verdict waits, nil if it is made at RCPT.
func waitsOf(p *rules.Policy, s *rules.Session) *waits {
	early := *s
	early.Message = rules.MessageFacts{}
	var later rules.FieldSet
	for _, f := range rules.Fields() {
		if f.Stage == rules.StageEnd {
			later |= rules.SetOf(f.ID)
		}
	}
	v := p.Evaluate(&early, later)
	if !v.Pending {
		return nil
	}
	return &waits{Rule: refOf(v.Rule), Fields: strings.Split(v.Waits.Names(), ", ")}
}
