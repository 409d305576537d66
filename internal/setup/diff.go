package setup

import (
	"fmt"
	"strings"
)

// Diff is the change line by line: what goes after "- ", what comes after "+ ".
func (c *Change) Diff() string {
	was, is := lines(c.Old), lines(c.New)
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	var b strings.Builder
	same := common(was, is)
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(was) > 0 && len(is) > 0 && was[0] == is[0]:
			was, is = was[1:], is[1:]
		case len(is) == 0 || len(was) > 0 && same(len(was)-1, len(is)) >= same(len(was), len(is)-1):
			fmt.Fprintf(&b, "- %s\n", was[0])
			was = was[1:]
		default:
			fmt.Fprintf(&b, "+ %s\n", is[0])
			is = is[1:]
		}
	}
	return b.String()
}

func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
}

// common returns a function that says how many lines the last n of a and the last m
// of b have in common, in order.
func common(a, b []string) func(n, m int) int {
	table := make([][]int, len(a)+1)
	table[0] = make([]int, len(b)+1)
	for n := 1; n <= len(a); n++ {
		table[n] = make([]int, len(b)+1)
		for m := 1; m <= len(b); m++ {
			if table[n][m] = max(table[n-1][m], table[n][m-1]); a[len(a)-n] == b[len(b)-m] {
				table[n][m] = table[n-1][m-1] + 1
			}
		}
	}
	return func(n, m int) int { return table[n][m] }
}
