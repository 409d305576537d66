package rules

// Fact is a value and whether it is known. The zero Fact is unknown. A known
// zero value is something else: the null sender is a known empty string.
type Fact[T any] struct {
	value T
	known bool
}

// Known returns a fact with the given value.
func Known[T any](v T) Fact[T] { return Fact[T]{value: v, known: true} }

// Get returns the value and whether it is known.
func (f Fact[T]) Get() (T, bool) { return f.value, f.known }

// Known says whether the value is known.
func (f Fact[T]) Known() bool { return f.known }

// Or returns the value, or other if it is unknown.
func (f Fact[T]) Or(other T) T {
	if f.known {
		return f.value
	}
	return other
}

// Truth is the result of a condition or a requirement when some facts may be
// unknown. Of several, AND is the minimum and OR the maximum.
type Truth int8

// The three values of Truth; the zero value is Unknown.
const (
	False   Truth = -1
	Unknown Truth = 0
	True    Truth = 1
)

// String returns "false", "unknown" or "true".
func (t Truth) String() string {
	switch t {
	case False:
		return "false"
	case True:
		return "true"
	}
	return "unknown"
}

// known3 is the truth of a question whose facts may be missing.
func known3(known, holds bool) Truth {
	switch {
	case !known:
		return Unknown
	case holds:
		return True
	}
	return False
}
