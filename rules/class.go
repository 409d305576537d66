package rules

import (
	"hash/fnv"

	"tlswarden/internal/mailaddr"
)

// ofRecipient are the facts that differ between the recipients of one message.
var ofRecipient = SetOf(FieldRecipient, FieldRecipientDomain)

// takeClass notes the conditions of a rule that tell recipients apart.
func (p *Policy) takeClass(r *Rule) {
	for i := range r.When {
		if c := &r.When[i]; ofRecipient.Has(c.Field.ID) {
			p.apart = append(p.apart, c)
		}
	}
}

// RecipientClass tells the recipients of one message apart that rules could
// treat differently: those of the same class meet the same conditions on
// recipient and recipient_domain. Where rules look at facts of plugins, which
// may answer by recipient, each is a class of its own.
func (p *Policy) RecipientClass(s *Session) uint64 {
	if len(p.apart) == 0 && len(p.supplied) == 0 {
		return 0
	}
	h := fnv.New64a()
	for _, c := range p.apart {
		h.Write([]byte{byte(c.eval(s))}) // never fails
	}
	if len(p.supplied) > 0 {
		h.Write([]byte(mailaddr.Fold(s.recipient.Written)))
	}
	return h.Sum64()
}
