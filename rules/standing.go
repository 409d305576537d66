package rules

// Standing is what a rule does to one session, at the time of that session.
type Standing struct {
	Expired bool   // the rule is passed over
	Observe bool   // it records what it would have done, and does nothing
	Does    Action // when it bites
}

// Standing works it out from observe, expires and rollout.
func (r *Rule) Standing(s *Session) Standing {
	st := r.stance(s)
	return Standing{Expired: st.expired, Observe: st.observe, Does: st.does}
}
