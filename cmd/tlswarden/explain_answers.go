package main

import (
	"encoding/hex"

	"tlswarden/milter"
	"tlswarden/policyd"
	"tlswarden/rules"
)

// answer is what one front end tells the mail server.
type answer struct {
	Front  string   `json:"front"`  // "policy" or "milter"
	Unseen []string `json:"unseen"` // facts that rules look at and that this front end cannot see
	Action string   `json:"action"` // its verdict, without those facts
	Rule   *ruleRef `json:"rule"`
	Judged bool     `json:"judged"` // false: in this protocol_state nothing is decided
	Waits  bool     `json:"waits"`  // what is sent leaves the verdict to the milter, at the end of the message
	Sent   []sent   `json:"sent"`
}

// sent is what goes over the wire in one piece.
type sent struct {
	At   string `json:"at"`   // the event that is answered
	Name string `json:"name"` // of the frame, "" in the policy protocol
	Text string `json:"text"`
	Hex  string `json:"hex"`
}

// answers asks both front ends, or those that the configuration enables.
func answers(src ruleSource, in subject) ([]answer, error) {
	var out []answer
	if src.policd {
		out = append(out, policyAnswer(src, in))
	}
	if src.milter {
		a, err := milterAnswer(src.policy, in)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// policyAnswer is what the policy service says: by itself, or where the verdict
// waits for the end of the message, with a milter on the same connection.
func policyAnswer(src ruleSource, in subject) answer {
	p := src.policy
	a, d, s := newAnswer("policy", p, in.session, rules.Supply.Policy)
	a.Judged = policyd.Judged(in.state)
	if a.Waits = a.Judged && src.milter && waitsOf(p, in.session) != nil; a.Waits {
		d = &rules.Decision{}
	}
	for i, reply := range policyd.Answer(in.state, d, s, src.asks) {
		at := in.state
		if i > 0 {
			at = "the next request of the message"
		}
		a.Sent = append(a.Sent, sent{At: at, Text: string(reply), Hex: hex.EncodeToString(reply)})
	}
	return a
}

func milterAnswer(p *rules.Policy, in subject) (answer, error) {
	a, d, s := newAnswer("milter", p, in.session, rules.Supply.Milter)
	a.Judged = true
	events, err := milter.Answer(d, s, p)
	for _, e := range events {
		for _, f := range e.Frames {
			a.Sent = append(a.Sent, sent{At: e.Name, Name: f.Name(), Text: string(f), Hex: hex.EncodeToString(f)})
		}
	}
	return a, err
}

// newAnswer judges what a front end can see of a session.
func newAnswer(front string, p *rules.Policy, full *rules.Session, sees func(rules.Supply) bool) (answer, *rules.Decision, *rules.Session) {
	a := answer{Front: front, Unseen: []string{}, Sent: []sent{}}
	var hidden rules.FieldSet
	for _, f := range rules.Fields() {
		if _, known := f.Read(full); known && !sees(f.Supply) {
			hidden |= rules.SetOf(f.ID)
		}
	}
	s := without(full, hidden)
	for _, f := range rules.Fields() {
		if _, known := f.Read(s); !known && hidden.Has(f.ID) && p.Needs().Has(f.ID) {
			a.Unseen = append(a.Unseen, f.Name)
		}
	}
	d := p.Decide(s, 0, explainID)
	a.Action, a.Rule = d.Action.String(), refOf(d.Rule)
	return a, &d, s
}

// without copies a session, and leaves out facts that one front end alone
// supplies. Plaintext says by itself that all other facts of TLS are empty.
func without(full *rules.Session, hidden rules.FieldSet) *rules.Session {
	s := *full
	hide(&s.DaemonName, hidden, rules.FieldDaemonName)
	hide(&s.PolicyContext, hidden, rules.FieldPolicyContext)
	hide(&s.RequireTLS, hidden, rules.FieldRequireTLS)
	hide(&s.Message.Encrypted, hidden, rules.FieldMessageEncrypted)
	hide(&s.Message.TLSRequiredNo, hidden, rules.FieldMessageTLSRequiredNo)
	hide(&s.Message.SPF, hidden, rules.FieldMessageSPF)
	hide(&s.Message.DKIM, hidden, rules.FieldMessageDKIM)
	hide(&s.Message.DMARC, hidden, rules.FieldMessageDMARC)
	if used, known := s.TLSUsed().Get(); !known || !used {
		return &s
	}
	t := rules.TLS{
		Cipher: s.Cipher().Or(""), Bits: s.CipherBits(), SNI: textFact(&s, rules.FieldTLSSNI),
		CertPresented: s.CertPresented(), CertVerified: s.CertVerified(),
		CertSubject: textFact(&s, rules.FieldCertSubject), CertDN: textFact(&s, rules.FieldCertDN),
		CertIssuer: textFact(&s, rules.FieldCertIssuer), CertFingerprint: textFact(&s, rules.FieldCertFingerprint),
		CertKeyFingerprint: textFact(&s, rules.FieldCertKeyFingerprint),
	}
	if v, known := s.TLSVersion().Get(); known {
		t.Version = v.String()
	}
	hide(&t.CertDN, hidden, rules.FieldCertDN)
	hide(&t.CertFingerprint, hidden, rules.FieldCertFingerprint)
	hide(&t.CertKeyFingerprint, hidden, rules.FieldCertKeyFingerprint)
	s.SetTLS(t)
	return &s
}

func hide[T any](f *rules.Fact[T], hidden rules.FieldSet, id rules.FieldID) {
	if hidden.Has(id) {
		*f = rules.Fact[T]{}
	}
}

// textFact reads a fact of TLS as the session keeps it.
func textFact(s *rules.Session, id rules.FieldID) rules.Fact[string] {
	if v, known := rules.FieldByID(id).Read(s); known {
		return rules.Known(v.Text)
	}
	return rules.Fact[string]{}
}
