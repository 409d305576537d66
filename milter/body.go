package milter

import (
	"github.com/emersion/go-milter"

	"tlswarden/internal/message"
	"tlswarden/rules"
)

// messageWants is what a policy has to know of messages, and whether it is
// anything at all.
func messageWants(p *rules.Policy) (w message.Wants, any bool) {
	needs := p.Needs()
	w.Encrypted = needs.Has(rules.FieldMessageEncrypted)
	w.TLSRequired = needs.Has(rules.FieldMessageTLSRequiredNo)
	if needs.Has(rules.FieldMessageSPF) || needs.Has(rules.FieldMessageDKIM) || needs.Has(rules.FieldMessageDMARC) {
		w.Trusted = p.Trusted()
		any = true
	}
	return w, any || w.Encrypted || w.TLSRequired
}

// scanner reads the message for the recipients that wait for what it says, and for
// rules under observe. It is nil if nobody waits, or nobody did when the message
// began.
func (s *session) scanner() *message.Scanner {
	m := &s.message
	if m.scanner == nil && !m.missed {
		if len(m.waiting) == 0 && !m.observed {
			m.missed = true
			return nil
		}
		m.scanner = message.NewScanner(s.wants)
	}
	return m.scanner
}

// chunk takes a piece of the body and answers whether more of it is needed.
func (s *session) chunk(content []byte) reply {
	if s.needsChunk(content) || s.terms.protocol&milter.OptSkip == 0 {
		return proceed
	}
	return skip
}

// needsChunk has the scanner read a piece of the body, as long as that can
// change anything, and says whether the next one can.
func (s *session) needsChunk(content []byte) bool {
	m := &s.message
	if m.read {
		return false
	}
	scanner := s.scanner()
	m.read = scanner == nil || !scanner.WantsBody() || !scanner.Body(content)
	return !m.read
}

// understand sets what the message says, for the recipients that waited.
func (s *session) understand() {
	scanner := s.scanner()
	if scanner == nil {
		return
	}
	f := scanner.Facts()
	s.facts.Message = rules.MessageFacts{
		Encrypted: f.Encrypted, TLSRequiredNo: f.TLSRequiredNo, SPF: f.SPF, DKIM: f.DKIM, DMARC: f.DMARC,
	}
}
