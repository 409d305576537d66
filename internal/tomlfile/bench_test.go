package tomlfile

import (
	"fmt"
	"strings"
	"testing"
)

// manyRules is a rule file as an admin writes them, with n rules.
func manyRules(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `
# Agreed with the partner on the phone.
[[rule]]
name      = "partner %d"
when      = { sender_domain = "partner%d.example", client = ["192.0.2.0/24", "2001:db8::/32"] }
require   = "bcp195"
otherwise = "reject"
expires   = 2027-01-31
note      = """
A long text over
two lines."""
`, i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	data := manyRules(10_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if root, ds := Parse("f", data); root == nil {
			b.Fatal(ds)
		}
	}
}

// BenchmarkDecoder is what Parse is measured against.
func BenchmarkDecoder(b *testing.B) {
	data := manyRules(10_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
