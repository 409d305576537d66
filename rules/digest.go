package rules

// Which digest a fingerprint is made with is the mail server's configuration
// (Postfix smtpd_tls_fingerprint_digest, Sendmail CertFingerprintAlgorithm), and
// nothing but its length tells. One by SHA-256 and one by MD5 are never equal and
// say nothing of each other.

// truth says whether a value is in the set. That a fingerprint is not is known
// only if the set has one of its length.
func (s *Set) truth(v *Value, known bool) Truth {
	if !known || s.holds(v) {
		return known3(known, true)
	}
	if s.kind == KindFingerprint && v.Text != "" && !s.any.comparable(v.Text) && !s.none.comparable(v.Text) {
		return Unknown
	}
	return False
}

// comparable says whether an entry could be equal to a fingerprint. Usually all
// have one length, and the first one tells.
func (e *entries) comparable(fingerprint string) bool {
	for text := range e.texts {
		if len(text) == len(fingerprint) {
			return true
		}
	}
	for _, set := range e.sets {
		if set.any.comparable(fingerprint) || set.none.comparable(fingerprint) {
			return true
		}
	}
	return len(e.patterns) > 0
}
