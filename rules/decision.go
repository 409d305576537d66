package rules

// Decision is a verdict made out for one transaction: what the front ends carry
// out.
type Decision struct {
	Verdict
	ID     string // of the transaction; the log and replies carry it
	Reply  Reply  // to the client, if the action is Defer or Reject
	Stamp  string // value of the tag header, "" if the mail gets none
	Header string // name of the tag header, if there is a Stamp

	// Results is the value of the Authentication-Results header that goes with
	// the tag header, "" if the mail gets none.
	Results string
}

// Decide makes a verdict out: it evaluates the session and renders what the
// front ends need of the result.
func (p *Policy) Decide(s *Session, later FieldSet, id string) Decision {
	d := Decision{Verdict: p.Evaluate(s, later), ID: id}
	if d.Pending {
		return d
	}
	if d.Action >= Defer {
		d.Reply = p.Reply(&d.Verdict, s, id)
	}
	d.Stamp = p.Stamp(&d.Verdict, s)
	if d.Stamp != "" {
		d.Header = p.header
		d.Results = p.results(&d.Verdict, s)
	}
	return d
}
