package rules

import "tlswarden/internal/tlsname"

// Mozilla Server Side TLS 6.0, guidelines/6.0.json: the suites of both
// configurations under TLS 1.3, and of "intermediate" under TLS 1.2.
const (
	mozillaTLS13 = `
	TLS_AES_128_GCM_SHA256
	TLS_AES_256_GCM_SHA384
	TLS_CHACHA20_POLY1305_SHA256
`
	mozillaTLS12 = `
	TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
`
)

func mozillaIntermediate() *Profile {
	return &Profile{
		Name: "mozilla-intermediate", MinVersion: tlsname.TLSv1_2, Ciphers: suiteSet(mozillaTLS13, mozillaTLS12),
		About: mozilla("intermediate",
			"the key exchange group, one of X25519MLKEM768, X25519, prime256v1 and secp384r1",
			"the server's certificate: ECDSA on prime256v1 or secp384r1, or RSA of 2048 bits or more; signed with SHA-256 or better"),
	}
}

func mozillaModern() *Profile {
	return &Profile{
		Name: "mozilla-modern", MinVersion: tlsname.TLSv1_3, Ciphers: suiteSet(mozillaTLS13),
		About: mozilla("modern",
			"the key exchange group, one of X25519MLKEM768, X25519, prime256v1 and secp384r1",
			"the server's certificate: ECDSA on prime256v1 or secp384r1, signed with SHA-256 or better"),
	}
}

func mozilla(configuration string, hidden ...string) *About {
	return &About{
		Short:     "Mozilla " + configuration + " 6.0",
		Title:     "Mozilla Server Side TLS, " + configuration + " configuration",
		Publisher: "Mozilla",
		Version:   "6.0",
		Date:      "2026-04-06",
		Section:   "guidelines/6.0.json: configurations." + configuration,
		Scope:     "servers in general, written with the web in mind",
		Source:    "github.com/mozilla/ssl-config-generator at 858f8f7 (2026-05-03)",
		Checked:   checkedText,
		How:       "compared with the publisher's own data",
		Unseen:    unseen(hidden...),
		Notes:     []string{"Version 6.0 has no \"old\" configuration and no DHE suite."},
	}
}

// NCSC-NL TLS guidelines 2025-05, appendix B: the suites that are "good" and
// those that are "sufficient".
const (
	ncscGood = `
	TLS_AES_256_GCM_SHA384
	TLS_CHACHA20_POLY1305_SHA256
`
	ncscSufficient = `
	TLS_AES_128_GCM_SHA256
	TLS_AES_128_CCM_SHA256
	TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
	TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
	TLS_ECDHE_ECDSA_WITH_AES_256_CCM
	TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
	TLS_ECDHE_ECDSA_WITH_AES_128_CCM
	TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
	TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
`
)

func ncscNLSufficient() *Profile {
	a := ncscNL("sufficient",
		"the key exchange group; sufficient or better are secp256r1, secp384r1, secp521r1, x25519, x448, brainpoolP256r1, brainpoolP384r1, brainpoolP512r1 and the ML-KEM hybrids",
		"the server's RSA key: 3072 bits are good, 2048 to be phased out",
		"the hash of the key exchange's signature: SHA-256, SHA-384 or SHA-512")
	a.Notes = []string{"What the guidelines call \"phase out\" fails, too; so do all CBC and all DHE suites."}
	return &Profile{Name: "ncsc-nl-sufficient", MinVersion: tlsname.TLSv1_2, Ciphers: suiteSet(ncscGood, ncscSufficient), About: a}
}

func ncscNLGood() *Profile {
	a := ncscNL("good",
		"the key exchange group, one of X25519MLKEM768, SecP256r1MLKEM768 and SecP384r1MLKEM1024",
		"the server's RSA key: 3072 bits or more",
		"the hash of the key exchange's signature: SHA-256, SHA-384 or SHA-512")
	a.Notes = []string{"TLS 1.2, and AES-128 under TLS 1.3, are \"sufficient\", not \"good\", and fail."}
	return &Profile{Name: "ncsc-nl-good", MinVersion: tlsname.TLSv1_3, Ciphers: suiteSet(ncscGood), About: a}
}

func ncscNL(level string, hidden ...string) *About {
	return &About{
		Short:     "NCSC-NL 2025-05 (" + level + ")",
		Title:     "NCSC-NL Transport Layer Security (TLS), Security guidelines, level \"" + level + "\"",
		Publisher: "NCSC-NL (Netherlands)",
		Version:   "2025-05",
		Date:      "2025-05",
		Section:   "3.3.1 to 3.3.5 and appendix B",
		Scope:     "TLS in general; internet.nl applies it to mail",
		Source:    "github.com/internetstandards/Internet.nl at cec0e01d (2026-07-14)",
		Checked:   checkedText,
		How:       "as internet.nl implements and quotes it; the guidelines themselves were not read",
		Unseen:    unseen(hidden...),
	}
}
