package rules

// Which digest a fingerprint is made with is the mail server's configuration
// (Postfix smtpd_tls_fingerprint_digest, Sendmail CertFingerprintAlgorithm), and
// nothing but its length tells. One by SHA-256 and one by MD5 are never equal and
// say nothing of each other.

// truth reports whether a value is in the set. Of a fingerprint that is known only
// if the set has entries of its length, and of a mailbox whose domain is unknown if
// its local part alone tells.
func (s *Set) truth(v *Value, known bool) Truth {
	switch {
	case known && (s.kind != KindFingerprint || v.Text == ""):
		return known3(true, s.holds(v))
	case known:
		return s.either(s.any.fingerprint(s.kind, v), s.none.fingerprint(s.kind, v))
	case s.kind == KindMailbox && v.Text != "":
		return s.either(s.any.localPart(v), s.none.localPart(v))
	}
	return Unknown
}

// either joins what the two sorts of entries say.
func (s *Set) either(any, none Truth) Truth {
	if s.any.count == 0 && s.none.count > 0 {
		return -none
	}
	return min(-none, any)
}

// localPart reports whether an entry hits a mailbox of which no more is known than
// its local part. Whatever names a domain may do so or not.
func (e *entries) localPart(v *Value) Truth {
	if e.hitLocal(v.Text[:len(v.Text)-1]) {
		return True
	}
	t := False
	if len(e.patterns) > 0 || len(e.domains) > 0 || len(e.suffixes) > 0 || len(e.texts) > 1 || len(e.texts) == 1 && !hit(e.texts, "") {
		t = Unknown
	}
	for _, s := range e.sets {
		if s.counts(v) {
			t = max(t, s.truth(v, false))
		}
	}
	return t
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
