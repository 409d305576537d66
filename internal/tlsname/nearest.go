package tlsname

// NearestSuite returns the known name that is closest in spelling to name, as
// a suggestion for a diagnostic, or "" if none is near. It compares name with
// the whole table and is not for the hot path.
func NearestSuite(name string) string {
	if len(name) > maxName {
		return ""
	}
	var b1, b2 [maxName]byte
	want := foldName(b1[:0], name)
	nearest, best := "", 2+len(want)/8 // at this distance a name is no longer near
	for s := range Suites() {
		for n := range s.names() {
			if d := editDistance(want, foldName(b2[:0], n), best); d < best {
				nearest, best = n, d
			}
		}
	}
	return nearest
}

// editDistance counts the insertions, deletions and substitutions between a
// and b (Levenshtein). It gives up at limit. Both are at most maxName long.
func editDistance(a, b []byte, limit int) int {
	if abs(len(a)-len(b)) >= limit {
		return limit
	}
	var row [maxName + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range a {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least >= limit {
			return limit
		}
	}
	return row[len(b)]
}

func abs(n int) int { return max(n, -n) }
