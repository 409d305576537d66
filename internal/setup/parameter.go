package setup

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the front ends.
const (
	Milter = "milter"
	Policy = "policy"
)

// found is an entry of a list: which elements it takes, and whom it asks.
type found struct {
	first, last int
	address     string
}

// milters are the entries of a list such as smtpd_milters.
func milters(tokens []token) []found {
	var out []found
	for i, t := range tokens {
		out = append(out, found{i, i, addressOf(t.text)})
	}
	return out
}

// services are the entries of a list of restrictions that ask a policy service. A
// warn_if_reject before one belongs to it: left alone, it would disarm the
// restriction that comes next.
func services(tokens []token) []found {
	var out []found
	for i := 0; i+1 < len(tokens); i++ {
		if !strings.EqualFold(tokens[i].text, "check_policy_service") {
			continue
		}
		first := i
		for first > 0 && isWarning(tokens[first-1]) {
			first--
		}
		i++
		out = append(out, found{first, i, addressOf(tokens[i].text)})
	}
	return out
}

func isWarning(t token) bool { return strings.EqualFold(t.text, "warn_if_reject") }

// parameter is a list of main.cf that names whom smtpd(8) asks.
type parameter struct {
	name    string
	entries func([]token) []found
	place   func([]token) int // before which element a new entry goes
}

// parameterOf is the list by which a front end is hooked up.
func parameterOf(front string) parameter {
	if front == Policy {
		return parameter{"smtpd_recipient_restrictions", services, beforeFinal}
	}
	return parameter{"smtpd_milters", milters, atEnd}
}

func atEnd(tokens []token) int { return len(tokens) }

// beforeFinal is the place before a last restriction that lets nothing pass on to
// what would stand behind it; access(5), and "Generic restrictions" in postconf(5).
func beforeFinal(tokens []token) int {
	n := len(tokens)
	if n == 0 || n > 1 && isWarning(tokens[n-2]) || !slices.Contains([]string{"permit", "reject", "defer"}, strings.ToLower(tokens[n-1].text)) {
		return n
	}
	return n - 1
}

// asks says whether an entry is there whose address is wanted.
func (p parameter) asks(value string, wanted func(address string) bool) bool {
	return p.count(value, wanted) > 0
}

// count is how many entries are there whose address is wanted.
func (p parameter) count(value string, wanted func(address string) bool) int {
	tokens, _ := split(value)
	n := 0
	for _, f := range p.entries(tokens) {
		if wanted(f.address) {
			n++
		}
	}
	return n
}

// hook puts the entry into a value, in the place of stale ones of ours.
func (p parameter) hook(value, entry string, stale func(address string) bool) (string, error) {
	value = p.unhook(value, stale)
	tokens, err := split(value)
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", p.name, err, value)
	}
	next := insert(value, tokens, p.place(tokens), entry)
	// A last restriction that waits for an argument, or a last warn_if_reject, would
	// take the entry for itself.
	mine, _ := split(entry)
	address := p.entries(mine)[0].address
	if !sameList(p.unhook(next, func(a string) bool { return a == address }), value) {
		return "", fmt.Errorf("%s: its last element is not complete: %s", p.name, value)
	}
	return next, nil
}

// unhook takes the entries out whose address is ours.
func (p parameter) unhook(value string, ours func(address string) bool) string {
	for {
		tokens, _ := split(value)
		entries := p.entries(tokens)
		i := slices.IndexFunc(entries, func(f found) bool { return ours(f.address) })
		if i < 0 {
			return value
		}
		value = cut(value, tokens, entries[i].first, entries[i].last)
	}
}

// sameList says whether two values have the same elements.
func sameList(a, b string) bool { return slices.Equal(words(a), words(b)) }
