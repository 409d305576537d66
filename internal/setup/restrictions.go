package setup

import (
	"slices"
	"strings"
)

// end says for whose mail a restriction ends its list, so that nothing behind it is
// looked at.
type end int

const (
	forNone end = iota
	forOwn      // for the operator's own clients and users
	forSome     // for mail that a table, another service or a list in DNS picks
	forAll      // for all mail from outside to domains of this server
)

// restriction is an element of a list such as smtpd_recipient_restrictions, with its
// argument; "Generic restrictions" and what follows in postconf(5).
type restriction struct {
	name, argument string
	warned         bool // behind warn_if_reject
	within, until  int  // the elements of the value with which it begins and ends
}

// String is the restriction as it is written.
func (r restriction) String() string { return strings.TrimSpace(r.name + " " + r.argument) }

// ends are the restrictions that end the list by themselves.
var ends = map[string]end{
	"permit": forAll, "reject": forAll, "defer": forAll,
	"permit_auth_destination": forAll, "permit_mx_backup": forAll, "check_relay_domains": forAll,
	"permit_mynetworks": forOwn, "permit_inet_interfaces": forOwn, "permit_sasl_authenticated": forOwn,
	"permit_tls_clientcerts": forOwn, "permit_tls_all_clientcerts": forOwn, "check_sasl_access": forOwn,
	"check_policy_service": forSome, "permit_dnswl_client": forSome, "permit_rhswl_client": forSome, "permit_naked_ip_address": forSome,
}

// takesArgument says whether the word behind a restriction belongs to it.
func takesArgument(name string) bool {
	return isTable(name) || name == "check_policy_service" || name == "sleep" ||
		strings.HasPrefix(name, "reject_rbl") || strings.HasPrefix(name, "reject_rhsbl_") || strings.HasSuffix(name, "wl_client")
}

// isTable says whether a restriction asks an access(5) table.
func isTable(name string) bool {
	return strings.HasPrefix(name, "check_") && strings.HasSuffix(name, "_access")
}

// neverPermits says whether a permission by a table is an error: the names that it
// looks up are chosen by the client (forbid_allowlist in Postfix's sources).
func neverPermits(name string) bool {
	for _, of := range []string{"_a_access", "_mx_access", "_ns_access", "check_reverse_client_hostname_access"} {
		if strings.HasSuffix(name, of) {
			return true
		}
	}
	return false
}

// word is a word of a list, with the element of the value that it comes from: more
// than one may come from a $parameter.
type word struct {
	text   string
	within int
}

// wordsOf are the words of a value, each an element by itself.
func wordsOf(value string) []word {
	var out []word
	for i, w := range words(value) {
		out = append(out, word{w, i})
	}
	return out
}

// restrictionsOf reads a list as smtpd(8) does (generic_checks of its sources). A
// table without a restriction before it is one of the list's own kind.
func restrictionsOf(list []word) []restriction {
	var out []restriction
	for i := 0; i < len(list); i++ {
		r := restriction{within: list[i].within}
		for i < len(list) && strings.EqualFold(list[i].text, "warn_if_reject") {
			r.warned = true
			i++
		}
		if i == len(list) {
			break
		}
		r.name = list[i].text
		switch lower := strings.ToLower(r.name); {
		case strings.Contains(r.name, ":"):
			r.name, r.argument = "", r.name
		case takesArgument(lower):
			r.name = lower
			if i++; i < len(list) {
				r.argument = list[i].text
			}
		}
		r.until = list[min(i, len(list)-1)].within
		out = append(out, r)
	}
	return out
}

// classes are the restriction classes of a Postfix (RESTRICTION_CLASS_README): lists
// that stand for a word.
type classes map[string]string

// flat puts the restrictions of classes, and those that a table has as its answer for
// everybody, in the places of their names, but for those within themselves.
func (c classes) flat(list []restriction, within ...string) []restriction {
	var out []restriction
	for _, r := range list {
		value, ok := c.inside(r)
		if !ok || slices.Contains(within, r.String()) {
			out = append(out, r)
			continue
		}
		for _, inner := range c.flat(restrictionsOf(wordsOf(value)), append(within, r.String())...) {
			inner.within, inner.until, inner.warned = r.within, r.until, r.warned || inner.warned
			out = append(out, inner)
		}
	}
	return out
}

// inside is the list of restrictions for which one stands.
func (c classes) inside(r restriction) (string, bool) {
	if value, ok := c[r.name]; ok {
		return value, true
	}
	value, static := r.staticAnswer()
	_, action := endOf(value)
	return value, static && !action && r.name != "check_sasl_access"
}

// takesAnswers reports whether something that is asked for a list may answer with the
// name of a class.
func (c classes) takesAnswers(value string) bool {
	for _, r := range c.flat(restrictionsOf(wordsOf(value))) {
		if _, static := r.staticAnswer(); !static && (r.asksTable() || r.name == "check_policy_service") {
			return true
		}
		if c.end(r) == forAll {
			return false
		}
	}
	return false
}

// asksTable reports whether a restriction asks a table.
func (r restriction) asksTable() bool { return r.name == "" || isTable(r.name) }

// staticAnswer is what the table of a restriction answers for everybody.
func (r restriction) staticAnswer() (string, bool) {
	value, static := strings.CutPrefix(strings.Trim(r.argument, "{ }"), "static:")
	return strings.Trim(value, "{ }"), static && r.asksTable()
}

// end says for whose mail a restriction that stands for no list ends its own.
func (c classes) end(r restriction) end {
	name := strings.ToLower(r.name)
	answer, static := r.staticAnswer()
	switch {
	case name == "check_sasl_access":
		return forOwn
	case static:
		e, _ := endOf(answer)
		if r.warned { // it may be a refusal
			e = min(e, forSome)
		}
		return e
	case r.warned && (name == "reject" || name == "defer"), neverPermits(name):
		return forNone
	case r.asksTable():
		return forSome
	}
	return ends[name]
}

// endOf reports for whose mail an answer of a table ends the list, and whether it is an
// action, and not a list of restrictions; access(5).
func endOf(answer string) (e end, action bool) {
	word, _, _ := strings.Cut(answer, " ")
	switch upper := strings.ToUpper(word); {
	case strings.Trim(upper, "0123456789") == "",
		slices.Contains([]string{"OK", "RELAY", "DISCARD", "REJECT", "DEFER", "HANGUP"}, upper):
		return forAll, true
	case slices.Contains([]string{"DUNNO", "HOLD", "PREPEND", "WARN", "INFO", "FILTER", "REDIRECT", "BCC", "DEFER_IF_PERMIT", "DEFER_IF_REJECT"}, upper):
		return forNone, true
	}
	return forSome, false
}
