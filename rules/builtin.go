package rules

import "tlswarden/internal/tlsname"

// BuiltinProfiles returns the profiles that every policy knows without a
// [profile] table, each with its source and how far it was checked.
func BuiltinProfiles() []*Profile {
	return []*Profile{
		{
			Name:   "any-tls",
			Title:  "any encryption at all",
			Source: "fails only for plaintext, a suite known to be NULL, or 0 bits reported",
		},
		{
			Name:       "rfc8996",
			Title:      "RFC 8996 / BCP 195: Deprecating TLS 1.0 and TLS 1.1",
			Source:     "RFC 8996 sections 4 and 5, March 2021; checked against the text",
			MinVersion: tlsname.TLSv1_2,
		},
		{
			Name:           "bcp195",
			Title:          "RFC 9325 / BCP 195: Recommendations for Secure Use of TLS and DTLS",
			Source:         "RFC 9325 sections 3.1.1, 4.1 and 4.2, November 2022, checked against the text; updated by RFC 10015, July 2026, checked against the tables of its draft 07",
			MinVersion:     tlsname.TLSv1_2,
			ForwardSecrecy: true,
			AEAD:           true,
			BCP195:         true,
		},
	}
}
