package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Names of the front ends.
const (
	Milter = "milter"
	Policy = "policy"
)

var fronts = [...]string{Milter, Policy}

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
}

// parameterOf is the list by which a front end is hooked up.
func parameterOf(front string) parameter {
	if front == Policy {
		return parameter{"smtpd_recipient_restrictions", services}
	}
	return parameter{"smtpd_milters", milters}
}

// first is the first entry whose address is wanted.
func (p parameter) first(value string, wanted func(address string) bool) (found, bool) {
	tokens, _ := split(value)
	entries := p.entries(tokens)
	i := slices.IndexFunc(entries, func(f found) bool { return wanted(f.address) })
	if i < 0 {
		return found{}, false
	}
	return entries[i], true
}

// asks says whether an entry is there whose address is wanted.
func (p parameter) asks(value string, wanted func(address string) bool) bool {
	_, ok := p.first(value, wanted)
	return ok
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

// hook puts the entry into the text of a main.cf, before the element of the value
// that at says. builtIn is the value where there is none.
func (p parameter) hook(text, entry, builtIn string, at int) (string, error) {
	d, _ := defined(text, p.name)
	if _, err := split(d.value); err != nil {
		return "", incomplete(p.name, d.value, err)
	}
	next := put(text, p.name, entry, builtIn, at)
	// A last restriction that waits for an argument, or a last warn_if_reject, would
	// take the entry for itself.
	mine, _ := split(entry)
	address := p.entries(mine)[0].address
	if builtIn == "" && takeOut(next, p, func(a string) bool { return a == address }) != text {
		return "", incomplete(p.name, d.value, errors.New("its last element lacks what belongs behind it"))
	}
	return next, nil
}

// incomplete is the error of a list to which nothing can be added, for err.
func incomplete(name, value string, err error) error {
	return fmt.Errorf("%s: %w: %s; complete that element in main.cf or take it out, and run this command again", name, err, oneLine(value))
}

// oneLine is a value without its line ends.
func oneLine(value string) string { return strings.Join(strings.Fields(value), " ") }
