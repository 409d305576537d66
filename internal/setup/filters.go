package setup

import (
	"slices"
	"strings"
)

// filterName is what the shipped line calls the filter.
const filterName = "tlswarden"

// Macros of sendmail.mc; cf/README, "ADDING NEW MAILERS OR RULESETS" and "MAIL
// FILTER (MILTER) DEFINITIONS".
const (
	inputFilter = "INPUT_MAIL_FILTER"
	otherFilter = "MAIL_FILTER"
	filterList  = "confINPUT_MAIL_FILTERS"
)

// filter is a filter that sendmail.mc defines.
type filter struct {
	call
	input bool // it is in the list of those that are asked
}

// address is where a filter listens, by its equates.
func (f *filter) address() (Address, bool) {
	for equate := range strings.SplitSeq(f.arg(1), ",") {
		if s, ok := strings.CutPrefix(strings.TrimSpace(equate), "S="); ok {
			a, err := sendmailAddress(strings.TrimSpace(s))
			return a, err == nil
		}
	}
	return Address{}, false
}

// at says whether a filter listens at one of the addresses.
func (f *filter) at(list []Address) bool {
	a, ok := f.address()
	return ok && slices.ContainsFunc(list, a.same)
}

// ours says whether a filter is tlswarden, by its name or by its address.
func (f *filter) ours(list []Address) bool { return f.arg(0) == filterName || f.at(list) }

// filters are those that a sendmail.mc defines. Which are asked is what the list
// has in the end: INPUT_MAIL_FILTER adds to it, and a define replaces it.
func filters(text string) []filter {
	var out []filter
	var asked []string
	for _, c := range calls(text) {
		switch {
		case c.name == inputFilter:
			asked = append(asked, c.arg(0))
			out = append(out, filter{call: c})
		case c.name == otherFilter:
			out = append(out, filter{call: c})
		case (c.name == "define" || c.name == "undefine") && c.arg(0) == filterList:
			asked = words(strings.NewReplacer("`", "", "'", "").Replace(c.arg(1)))
		}
	}
	for i := range out {
		out[i].input = slices.Contains(asked, out[i].arg(0))
	}
	return out
}

// hookMC puts line into a sendmail.mc, in the place of what is there of ours. It
// says false if a filter at one of the addresses is asked already.
func hookMC(text, line string, current, ours []Address) (string, bool) {
	if slices.ContainsFunc(filters(text), func(f filter) bool { return f.input && f.at(current) }) {
		return text, false
	}
	text = unhookMC(text, ours)
	eol := "\n"
	if strings.Contains(text, "\r\n") || strings.HasSuffix(text, "\r") {
		eol = "\r\n"
	}
	at := filterPlace(text)
	if at == len(text) && text != "" && !strings.HasSuffix(text, "\n") {
		return text + eol + line, true
	}
	return text[:at] + line + eol + text[at:], true
}

// filterPlace is the begin of the line before which filters are defined: behind
// every define that could replace their list, and before what is raw text of
// sendmail.cf, where the line would end up; cf/README, "LOCAL_CONFIG" and
// "MAILER_DEFINITIONS".
func filterPlace(text string) int {
	for _, c := range calls(text) {
		raw := c.args == nil && (c.name == "MAILER_DEFINITIONS" || strings.HasPrefix(c.name, "LOCAL_"))
		if raw || c.name == "MAILER" && c.args != nil {
			return lineStart(text, c.start)
		}
	}
	return len(text)
}

// unhookMC takes all definitions of ours out of a sendmail.mc.
func unhookMC(text string, ours []Address) string {
	for {
		all := filters(text)
		i := slices.IndexFunc(all, func(f filter) bool { return f.ours(ours) })
		if i < 0 {
			return text
		}
		text = cutCall(text, all[i].call)
	}
}

// cutCall takes a macro out, with its line if nothing else is there. Where the last
// line has no end, the line before gets none.
func cutCall(text string, c call) string {
	start, end := lineStart(text, c.start), lineEnd(text, c.end)
	rest := strings.TrimSpace(text[c.end:end])
	if strings.TrimSpace(text[start:c.start]) != "" || rest != "" && !strings.HasPrefix(rest, "dnl") {
		return text[:c.start] + text[c.end:]
	}
	if end == len(text) && !strings.HasSuffix(text, "\n") {
		return strings.TrimSuffix(strings.TrimSuffix(text[:start], "\n"), "\r")
	}
	return text[:start] + text[end:]
}
