package rules

import (
	"hash/fnv"

	"tlswarden/internal/mailaddr"
)

// ofRecipient are the facts that differ between the recipients of one message.
var ofRecipient = SetOf(FieldRecipient, FieldRecipientDomain)

// takeClass notes a rule that may tell recipients apart.
func (p *Policy) takeClass(r *Rule) {
	apart := false
	r.conditions(func(c *Condition) { apart = apart || ofRecipient.Has(c.Field.ID) || c.Field.ID >= fieldCount })
	if apart {
		p.apart = append(p.apart, r)
	}
}

// RecipientClass tells the recipients of one message apart that rules could
// treat differently: those of the same class meet the same conditions on
// recipient and recipient_domain. Where rules look at facts of plugins, which
// may answer by recipient, each is a class of its own. Rules that only record
// treat nobody differently.
func (p *Policy) RecipientClass(s *Session) uint64 {
	if len(p.apart) == 0 {
		return 0
	}
	h := fnv.New64a()
	none, asks := h.Sum64(), false
	for _, r := range p.apart {
		if !r.acts(s) {
			continue
		}
		r.conditions(func(c *Condition) {
			asks = asks || c.Field.ID >= fieldCount
			if ofRecipient.Has(c.Field.ID) {
				h.Write([]byte{byte(c.eval(s))}) // never fails
			}
		})
	}
	if asks {
		h.Write([]byte(mailaddr.Fold(s.recipient.Written)))
	}
	if class := h.Sum64(); class != none {
		return class
	}
	return 0
}
