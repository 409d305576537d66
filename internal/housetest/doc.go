// Package housetest holds the house's own rules as tests: who may import whom,
// that each package says what it is, that the source keeps to its sizes, and that
// every example in the documentation loads.
//
// # Diagnostics
//
// It has no code outside its tests. A breach fails the test with the file that
// commits it and the reason for the rule.
package housetest
