package rules

// Replies are the texts for refusals by rules that have no text of their own, by
// the kind of shortfall. Where one is nil, the reply says what was seen and what
// is needed.
type Replies struct {
	Plaintext   *Template // the session is not encrypted
	Weak        *Template // version or cipher suite
	Certificate *Template // nothing but the client certificate
	Unknown     *Template // nothing is known to be wrong, but a fact is missing
}

// template is the text that a verdict is answered with, nil for the default.
func (p *Policy) template(v *Verdict, s *Session) *Template {
	switch {
	case v.Rule == nil:
		return nil
	case v.Rule.Reply != nil:
		return v.Rule.Reply
	case v.Rule.Require != nil:
		return p.replies.forGrade(v.grade)
	}
	return p.replies.forRule(v.Rule, s)
}

func (r *Replies) forGrade(g grade) *Template {
	switch {
	case g.short == 0:
		return r.Unknown
	case g.short.has(lackTLS):
		return r.Plaintext
	case g.short&^certLacks == 0:
		return r.Certificate
	}
	return r.Weak
}

// forRule is the text of a rule without a requirement. One that does not look at
// TLS refuses for a reason of its own.
func (r *Replies) forRule(rule *Rule, s *Session) *Template {
	looks := rule.Needs() & tlsFields
	if looks == 0 {
		return nil
	}
	if all(rule.When, s).truth == Unknown {
		return r.Unknown
	}
	if used, known := s.tls.used.Get(); known && !used {
		return r.Plaintext
	}
	if looks&certFields != 0 && looks&^certFields&^SetOf(FieldTLS) == 0 {
		return r.Certificate
	}
	return r.Weak
}
