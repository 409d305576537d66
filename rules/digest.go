package rules

// Which digest a fingerprint is made with is the mail server's configuration
// (Postfix smtpd_tls_fingerprint_digest, Sendmail CertFingerprintAlgorithm), and
// nothing but its length tells. One by SHA-256 and one by MD5 are never equal and
// say nothing of each other.

// truth says whether a value is in the set. Of a fingerprint that is known only
// if the set has entries of its length.
func (s *Set) truth(v *Value, known bool) Truth {
	if s.kind != KindFingerprint || !known || v.Text == "" {
		return known3(known, known && s.holds(v))
	}
	return s.fingerprint(v)
}

// fingerprint is holds for a value that may be made with another digest.
func (s *Set) fingerprint(v *Value) Truth {
	excluded := s.none.fingerprint(s.kind, v)
	if s.any.count == 0 && s.none.count > 0 {
		return -excluded
	}
	return min(-excluded, s.any.fingerprint(s.kind, v))
}

// fingerprint says whether an entry hits, which is unknown if none has the
// value's length.
func (e *entries) fingerprint(kind Kind, v *Value) Truth {
	switch {
	case e.count == 0:
		return False
	case e.hit(kind, v):
		return True
	case e.comparable(v.Text):
		return False
	}
	return Unknown
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
