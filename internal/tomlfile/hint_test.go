package tomlfile

import "testing"

// TestSlips shows which slips are told, and that what stands in strings and comments
// is none.
func TestSlips(t *testing.T) {
	for line, want := range map[string]string{
		`tls = yes`:                               `write true, or put text between quotes`,
		`tls = True # sure`:                       `write true, or put text between quotes`,
		`when = { tls = off, x = 1 }`:             `write false, or put text between quotes`,
		`when = { tls_version >= "TLSv1.2" }`:     `a comparison stands in the value: tls_version = ">= TLSv1.2"`,
		`size > 5`:                                `a comparison stands in the value: size = "> 5"`,
		`{note="a > b", tls_version < "TLSv1.2"}`: `a comparison stands in the value: tls_version = "< TLSv1.2"`,
		`client != "192.0.2.1"`:                   `an exclusion stands in the value: client = "!192.0.2.1"`,
		`tls != true`:                             `write tls = false`,
		`client == "192.0.2.1"`:                   `write one =: client = ...`,
		`expires = 30.06.2027`:                    `write 2027-06-30`,
		`expires = 12/31/2026`:                    `write 2026-12-31`,
		`expires = 31-12-2026`:                    `write 2026-12-31`,
		`expires = 01/02/2026`:                    ``,
		`expires = 2027-01-01 x`:                  ``,
		`rollout = [{ from = 2027-01-01 }, {from = 01.02.2027}]`: `write 2027-02-01`,
		`expires = 2027/6/30`:                        `write 2027-06-30`,
		`tls_version = TLSv1.2`:                      `write "TLSv1.2"`,
		`tls_version=TLSv1.0`:                        `write "TLSv1"`,
		`name: "r"`:                                  `write name = ...`,
		`name = “r”`:                                 `quotes are the plain ones: "text"`,
		`note = "from > to" x`:                       ``,
		`reply = "score < 5", action = "tag"`:        ``,
		`reply="see http://x > y" z="on"`:            ``,
		`note="2027.01.31" x`:                        ``,
		`note="it’s „fine“" junk`:                    ``,
		`x = "a\" > b" y`:                            ``,
		`sender = "a@x.example" # tls = yes, a > b`:  ``,
		`require = "any-tls" otherwise = "reject"`:   ``,
		`when = { client = "192.0.2.1" tls = true }`: ``,
		`name = 'it is > 5' "x"`:                     ``,
	} {
		if got := slipHint(line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
