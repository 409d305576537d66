package tomlfile

import "strings"

// Suggest returns the candidate that is nearest to word, for "did you mean"
// hints, or "" if none is near. Near is an edit distance of at most a third of
// the word's length, but at least 1. Case does not count. Of several that are
// equally near it returns the first.
func Suggest(word string, candidates []string) string {
	w := []rune(strings.ToLower(word))
	near := max(1, len(w)/3)
	best := ""
	for _, candidate := range candidates {
		c := []rune(strings.ToLower(candidate))
		// Words that share nothing are not near, however short they are.
		limit := min(near, max(len(w), len(c))-1)
		if len(c)-len(w) > limit || len(w)-len(c) > limit {
			continue
		}
		if d := distance(w, c); d <= limit {
			best, near = candidate, d-1
		}
	}
	if best == "" && len(w) >= 3 { // the first word of one alone
		for _, candidate := range candidates {
			if rest, ok := strings.CutPrefix(strings.ToLower(candidate), string(w)); ok && strings.ContainsAny(rest[:min(1, len(rest))], "-_.") {
				if best != "" {
					return ""
				}
				best = candidate
			}
		}
	}
	return best
}

// distance is the optimal string alignment distance: how many insertions,
// deletions, substitutions and swaps of neighbours turn a into b.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// DidYouMean is the hint for a misspelt word: the candidate nearest to it, ""
// if none is near.
func DidYouMean(word string, candidates []string) string {
	if near := Suggest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}
