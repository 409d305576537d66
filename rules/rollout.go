package rules

import (
	"hash/fnv"
	"net/netip"
	"slices"
	"time"
)

// RolloutStep is a stage of a rule's rollout: from a point of time on, the rule takes
// another action, is under observe, or applies to a part of the senders.
type RolloutStep struct {
	From    time.Time
	Action  Fact[Action] // instead of the rule's own
	Observe bool
	Percent int // of the senders, 1 to 100; the others get the step before
}

// Standing is what a rule does to one session, at the time of that session.
type Standing struct {
	Expired bool   // the rule is passed over
	Observe bool   // it records what it would have done, and does nothing
	Does    Action // when it bites
	Stepped bool   // Does is the action of a step of the rollout, and not the rule's own
}

// Standing works it out from observe, expires and rollout. Before the first step
// of a rollout the rule is under observe.
func (r *Rule) Standing(s *Session) Standing {
	st := Standing{Observe: r.Observe, Does: r.Does()}
	if len(r.Rollout) == 0 && !r.Expires.known {
		return st
	}
	now := s.Now.value
	if r.Expires.known && !now.Before(r.Expires.value) {
		st.Expired = true
		return st
	}
	for i := len(r.Rollout) - 1; i >= 0; i-- {
		if step := &r.Rollout[i]; !now.Before(step.From) && r.picks(s, step.Percent) {
			st.Observe = step.Observe
			st.Does, st.Stepped = step.Action.Or(st.Does), step.Action.known
			return st
		}
	}
	st.Observe = st.Observe || len(r.Rollout) > 0
	return st
}

// onlyRecords reports whether the rule never does anything, whatever the time.
func (r *Rule) onlyRecords() bool {
	acts := func(step RolloutStep) bool { return !step.Observe }
	return r.Observe || len(r.Rollout) > 0 && !slices.ContainsFunc(r.Rollout, acts)
}

// acts reports whether the rule does more for a session than record.
func (r *Rule) acts(s *Session) bool {
	st := r.Standing(s)
	return !st.Expired && !st.Observe
}

// Expired says whether the rule is passed over for good.
func (r *Rule) Expired(now time.Time) bool { return r.Expires.known && !now.Before(r.Expires.value) }

// picks says whether a sender is among the percentage. It depends on the rule's
// name and on who sends, not on chance, so that a retry gets the same answer,
// and who is picked stays so when the percentage grows. A sender that is not
// known is not picked; one whose domain is unknown because of how the client wrote
// it goes by the client, as the null sender does.
func (r *Rule) picks(s *Session, percent int) bool {
	if percent >= 100 {
		return true
	}
	h := fnv.New64a()
	h.Write([]byte(r.Name))
	h.Write([]byte{0})
	switch domain, known := s.sender.domain.Get(); {
	case !known && !s.sender.named:
		return false
	case domain != "":
		h.Write([]byte(domain))
	default:
		network, ok := ClientNetwork(s.Client.value)
		if !ok {
			return false
		}
		b, _ := network.MarshalBinary() // never fails
		h.Write(b)
	}
	return int(mix(h.Sum64())%100) < percent
}

// mix spreads the bits of a hash, whose low ones FNV leaves alike for alike
// texts (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// The lengths of a client's network.
const (
	networkBits4 = 24
	networkBits6 = 56
)

// ClientNetwork is the network that stands for a client where its address alone
// is too narrow: /24 for IPv4, /56 for IPv6. There is none without an address.
func ClientNetwork(a netip.Addr) (netip.Prefix, bool) {
	bits := networkBits4
	if a.Is6() && !a.Is4In6() {
		bits = networkBits6
	}
	p, err := a.Unmap().Prefix(bits)
	return p, err == nil && p.IsValid()
}
