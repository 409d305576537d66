package tlsname

import "strings"

// description reads the text with which GnuTLS describes a session
// (gnutls_session_get_desc), as Exim writes it and folded:
//
//	ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM    (GnuTLS 3.6 and later)
//	ECDHE_RSA_SECP256R1__AES_256_CBC__SHA1            (before)
//
// The parts are key exchange, signature, cipher and MAC. The signature is
// missing where a session was resumed or has none, the MAC where the cipher is
// an AEAD. The answer is nil unless exactly one suite fits.
func (x *index) description(folded string, v Version) *Suite {
	parts := strings.Split(folded, "__")
	mac := ""
	if n := len(parts) - 1; isMAC(parts[n]) {
		mac, parts = parts[n], parts[:n]
	}
	sign := ""
	if len(parts) == 3 {
		sign = parts[1]
		parts = []string{parts[0], parts[2]}
	}
	if len(parts) != 2 || v == SSLv2 {
		return nil
	}
	cipher := strings.Replace(parts[1], "3DES_CBC", "3DES_EDE_CBC", 1)
	var found *Suite
	for _, kx := range keyExchanges(parts[0], sign, v) {
		s := x.gnutls("TLS_"+kx+cipher, mac)
		if s != nil && found != nil && s != found {
			return nil
		}
		if s != nil {
			found = s
		}
	}
	return found
}

// isMAC reports whether a part of a description is a MAC: no cipher begins so.
func isMAC(part string) bool {
	return part == "AEAD" || part == "MD5" || strings.HasPrefix(part, "SHA")
}

// keyExchanges returns what the names of the suites in question can have
// between TLS_ and the cipher. In TLS 1.3 that is nothing.
func keyExchanges(kx, sign string, v Version) []string {
	var all []string
	ephemeral := strings.HasPrefix(kx, "ECDHE_") || strings.HasPrefix(kx, "DHE_")
	if ephemeral && (v == TLSv1_3 || v == VersionUnknown) {
		all = append(all, "")
	}
	if v == TLSv1_3 {
		return all
	}
	for _, e := range [...]struct{ desc, suite string }{
		{"ECDHE_RSA", "ECDHE_RSA_"}, {"ECDHE_ECDSA", "ECDHE_ECDSA_"}, {"ECDHE_PSK", "ECDHE_PSK_"},
		{"DHE_RSA", "DHE_RSA_"}, {"DHE_DSS", "DHE_DSS_"}, {"DHE_PSK", "DHE_PSK_"},
		{"ANON_ECDH", "ECDH_ANON_"}, {"ANON_DH", "DH_ANON_"},
		{"RSA_PSK", "RSA_PSK_"}, {"RSA", "RSA_"}, {"PSK", "PSK_"},
	} {
		if strings.HasPrefix(kx, e.desc) {
			return append(all, e.suite)
		}
	}
	if !ephemeral {
		return all
	}
	exchange, _, _ := strings.Cut(kx, "_") // the rest is the group
	for _, auth := range authentications(sign) {
		all = append(all, exchange+"_"+auth+"_")
	}
	return all
}

// authentications returns the kinds of key that can have made a signature. A
// kind that does not go with the key exchange finds no suite later.
func authentications(sign string) []string {
	switch {
	case strings.HasPrefix(sign, "RSA"):
		return []string{"RSA"}
	case strings.HasPrefix(sign, "ECDSA"), strings.HasPrefix(sign, "EDDSA"): // RFC 8422 section 2
		return []string{"ECDSA"}
	case strings.HasPrefix(sign, "DSA"):
		return []string{"DSS"}
	}
	return []string{"RSA", "ECDSA", "DSS", "PSK"}
}

// gnutls finds a suite by the beginning of its GnuTLS name and its MAC. Without
// a MAC only an AEAD will do, whatever hash its name has.
func (x *index) gnutls(begin, mac string) *Suite {
	if mac != "" && mac != "AEAD" {
		return x.tls[begin+"_"+mac]
	}
	for _, hash := range [...]string{"", "_SHA256", "_SHA384"} {
		if s := x.tls[begin+hash]; s != nil && s.AEAD() {
			return s
		}
	}
	return nil
}
