package rules

import "tlswarden/internal/tlsname"

// Demands says all that the profile demands, a phrase each, for who wants to
// know more than Required tells in a reply.
func (p *Profile) Demands() []string {
	out := []string{"encryption: plaintext fails, and a suite known to be NULL, and 0 bits reported"}
	add := func(cond bool, what string) {
		if cond {
			out = append(out, what)
		}
	}
	add(p.MinVersion > tlsname.Plaintext && p.MinVersion < tlsname.TLSv1_3, p.MinVersion.String()+" or newer")
	add(p.MinVersion == tlsname.TLSv1_3, "TLSv1.3")
	add(p.MinBits > 0, "a key of at least "+itoa(p.MinBits)+" bits")
	add(p.ForwardSecrecy, "forward secrecy")
	add(p.AEAD, "authenticated encryption (AEAD)")
	add(p.BCP195, "no suite of which RFC 9325 or RFC 10015 says MUST NOT or SHOULD NOT")
	if p.Ciphers != nil {
		out = append(out, "one of "+itoa(p.Ciphers.Len())+" cipher suites")
	}
	if p.ForbidCiphers != nil {
		out = append(out, "none of "+itoa(p.ForbidCiphers.Len())+" cipher suites")
	}
	add(p.ClientCert == CertAny, "a client certificate")
	add(p.ClientCert == CertTrusted, "a client certificate that the server verified")
	add(p.CertNames != nil, "an agreed name in the client certificate")
	add(p.CertIssuers != nil, "an agreed issuer of the client certificate")
	add(p.CertFingerprints != nil, "an agreed client certificate, by fingerprint")
	add(p.CertKeyFingerprints != nil, "an agreed key of the client certificate, by fingerprint")
	return out
}

// SuiteGroup is the suites that pass under some protocol versions.
type SuiteGroup struct {
	Versions string // "TLSv1.3", "SSLv3 to TLSv1.2"
	Suites   []*tlsname.Suite
}

// Passing returns the suites, of those that the table knows, by which a session
// meets the profile: newest versions first, and in the order of code points. It
// does not look at what the profile demands of certificates.
func (p *Profile) Passing() []SuiteGroup {
	var groups []SuiteGroup
	for _, family := range []tlsname.Version{tlsname.TLSv1_3, tlsname.TLSv1_2, tlsname.SSLv3, tlsname.SSLv2} {
		name := p.versionsOf(family)
		var pass []*tlsname.Suite
		for s := range tlsname.Suites() {
			if s.Family == family && p.passes(s) {
				pass = append(pass, s)
			}
		}
		switch last := len(groups) - 1; {
		case len(pass) == 0:
		case last >= 0 && groups[last].Versions == name:
			groups[last].Suites = append(groups[last].Suites, pass...)
		default:
			groups = append(groups, SuiteGroup{name, pass})
		}
	}
	return groups
}

// newest is the newest version in which the suites of a family are used.
func newest(family tlsname.Version) tlsname.Version {
	if family == tlsname.SSLv3 {
		return tlsname.TLSv1_2
	}
	return family
}

// versionsOf names the versions in which a family's suites can pass.
func (p *Profile) versionsOf(family tlsname.Version) string {
	from, to := max(family, p.MinVersion), newest(family)
	if from >= to {
		return to.String()
	}
	return from.String() + " to " + to.String()
}

// passes says whether a suite, in its newest version, meets the profile.
func (p *Profile) passes(suite *tlsname.Suite) bool {
	v := newest(suite.Family)
	if v < p.MinVersion {
		return false
	}
	var s Session
	s.tls = tlsFacts{used: Known(true), version: Known(v), cipher: Known(suite.String()), suite: suite}
	var g grade
	p.gradeCipher(&s, &g)
	return g.truth() == True
}
