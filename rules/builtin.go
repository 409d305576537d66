package rules

import (
	"slices"
	"strings"
	"sync"

	"tlswarden/internal/tlsname"
)

//go:generate go run ../docs/gen ../docs

// About says where a built-in profile comes from and how far it can be relied
// on. A session can be shown to violate a published profile or to be consistent
// with it, never to be certified by it: Unseen says why.
type About struct {
	Short     string // for replies: "Mozilla modern 6.0"
	Title     string
	Publisher string
	Version   string // "" of the one profile that is no publication
	Date      string // of publication, as exact as is known: "2022-11"; "" likewise
	Section   string // "" likewise
	Scope     string // for what the publisher means it
	Source    string // what was read
	Checked   string // how far: "verified", "verified in part", "transcription", "own definition"
	How       string // the same in a sentence
	Unseen    []string
	Notes     []string
}

// BuiltinProfiles returns the profiles that every policy knows without a
// [profile] table. They are built at the first call, once, and shared.
func BuiltinProfiles() []*Profile { return slices.Clone(builtins()) }

var builtins = sync.OnceValue(func() []*Profile {
	return []*Profile{
		anyTLS(), rfc8996(), bcp195(),
		mozillaIntermediate(), mozillaModern(), ncscNLSufficient(), ncscNLGood(),
		nist80052r2(), bsiTR021022(),
	}
})

// suiteSet is the set of the suites in a text, by their IANA names. A name that
// the table lacks would make the set stricter; a test shows that there is none.
func suiteSet(texts ...string) *Set {
	set := NewSet(KindCipher)
	for _, text := range texts {
		for name := range strings.FieldsSeq(text) {
			_ = set.Add(name)
		}
	}
	return set
}

// How far a profile was checked.
const (
	checkedText   = "verified"
	checkedPartly = "verified in part"
	checkedCopy   = "transcription"
	checkedOwn    = "own definition"
)

// unseen completes what an MTA cannot see of one profile by what it can see of
// none.
func unseen(of ...string) []string {
	return append(of,
		"extended master secret, encrypt-then-MAC, secure renegotiation, TLS compression, early data (0-RTT)",
		"versions and suites that were offered and not chosen")
}

func anyTLS() *Profile {
	return &Profile{Name: "any-tls", About: &About{
		Title:     "Any encryption at all",
		Publisher: "tlswarden",
		Scope:     "mail from everybody: any encryption is better than plaintext",
		Source:    "RFC 7435 section 3 for the idea: unauthenticated and weak encryption is better than plaintext",
		Checked:   checkedOwn,
		How:       "this is no publication, and nothing to be checked against",
		Unseen:    []string{"whether a suite that the table of suites lacks encrypts; it counts as if it did"},
	}}
}

func rfc8996() *Profile {
	return &Profile{Name: "rfc8996", MinVersion: tlsname.TLSv1_2, About: &About{
		Title:     "RFC 8996 / BCP 195: Deprecating TLS 1.0 and TLS 1.1",
		Publisher: "IETF",
		Version:   "RFC 8996",
		Date:      "2021-03",
		Section:   "4 and 5",
		Scope:     "all uses of TLS",
		Source:    "the text of RFC 8996",
		Checked:   checkedText,
		How:       "compared with the text",
		Unseen:    []string{"versions that were offered and not chosen"},
		Notes:     []string{"It says nothing about cipher suites; RFC 6176 and RFC 7568 forbid SSLv2 and SSLv3, which fail here too."},
	}}
}

func bcp195() *Profile {
	return &Profile{
		Name: "bcp195", MinVersion: tlsname.TLSv1_2, ForwardSecrecy: true, AEAD: true, BCP195: true,
		About: &About{
			Title:     "RFC 9325 / BCP 195: Recommendations for Secure Use of TLS and DTLS",
			Publisher: "IETF",
			Version:   "RFC 9325 updated by RFC 10015",
			Date:      "2022-11, update 2026-07",
			Section:   "RFC 9325 3.1.1, 4.1, 4.2 and 4.5; RFC 10015 2, 3 and 4",
			Scope:     "all uses of TLS; RFC 9325 section 5.2 warns that opportunistic use may find it too strict",
			Source:    "the text of RFC 9325; the tables of draft 07 of RFC 10015",
			Checked:   checkedPartly,
			How:       "RFC 9325 compared with the text; of RFC 10015 only the tables of its draft 07 were read, not the RFC",
			Unseen: unseen(
				"the curve of the key exchange (224 bits or more)",
				"the key of the server's certificate (RSA of 2048 bits or more)",
			),
			Notes: []string{
				"RFC 9325 excuses CBC suites under encrypt-then-MAC. That cannot be seen, so they all fail.",
				"Suites that neither RFC says anything about pass only with forward secrecy and AEAD.",
				"RFC 9325 section 5.2: to refuse weak TLS and yet accept plaintext makes things worse.",
			},
		},
	}
}
