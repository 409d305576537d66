package setup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// way is a parameter by which smtpd(8) asks a front end of ours.
type way struct {
	setting
	addresses []string // as they are written
	own       []string // what lets mail of own clients pass before it
	picked    []string // what may let some mail from outside pass before it
	disarmed  bool     // its refusals are logged alone
	never     string   // why it is never asked, or asked in vain
	early     bool     // it is asked before RCPT, where nothing is decided
}

// policyLists are the lists of restrictions, in the order in which smtpd(8) looks at
// them.
var policyLists = [...]string{"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_relay_restrictions",
	"smtpd_recipient_restrictions", "smtpd_data_restrictions", "smtpd_end_of_data_restrictions"}

// setting is where a service has a parameter from.
func (sv service) setting(name string) setting {
	s := setting{name: name, value: sv.values[name]}
	if _, ok := sv.own[name]; ok {
		s.service = sv.name
	}
	return s
}

// ways are those by which a service asks a front end, or would.
func (sv service) ways(front string, match func(address string) bool) []way {
	if front == Policy {
		return sv.policyWays(match)
	}
	return sv.milterWays(match)
}

// milterWays are the one by smtpd_milters, or by a smtpd_milter_maps that has one
// answer for all clients; postconf(5).
func (sv service) milterWays(match func(string) bool) []way {
	w := way{setting: sv.setting("smtpd_milters")}
	maps := sv.values["smtpd_milter_maps"]
	list, static := strings.CutPrefix(strings.Trim(maps, "{ }"), "static:")
	switch {
	case static && strings.EqualFold(list, "DISABLE"):
		w.never = "smtpd_milter_maps = " + maps + " lets no client's mail be asked about"
	case static:
		list = strings.Trim(list, "{ }")
		if matching(list, match) != nil {
			w.setting = sv.setting("smtpd_milter_maps")
			w.value = list
		} else {
			w.never = "smtpd_milter_maps = " + maps + " takes its place for every client"
		}
	case maps != "":
		w.picked = []string{"smtpd_milter_maps"}
	}
	w.addresses = matching(w.value, match)
	if slices.Contains(words(sv.values["receive_override_options"]), "no_milters") {
		w.never = "receive_override_options has no_milters for it"
	}
	if w.addresses == nil {
		return nil
	}
	return []way{w}
}

// matching are the addresses in a list of milters that are wanted.
func matching(list string, match func(address string) bool) []string {
	var out []string
	for _, f := range milters(tokensOf(list)) {
		if match(f.address) {
			out = append(out, f.address)
		}
	}
	return out
}

func tokensOf(value string) []token {
	tokens, _ := split(value)
	return tokens
}

// policyWays are those by lists of restrictions, and by classes that no list names
// but that an answer to one may.
func (sv service) policyWays(match func(string) bool) []way {
	c := classesOf(sv.values)
	var out []way
	answered := false
	for _, name := range policyLists {
		if w, ok := sv.policyWay(name, c, match); ok {
			out = append(out, w)
		}
		answered = answered || !sv.early(name) && c.takesAnswers(sv.values[name])
	}
	if out != nil || !answered {
		return out
	}
	for _, name := range words(sv.values["smtpd_restriction_classes"]) {
		if w, ok := sv.policyWay(name, c, match); ok {
			w.picked = append(w.picked, "a table without the class "+name)
			out = append(out, w)
		}
	}
	return out
}

// policyWay is the one by one list.
func (sv service) policyWay(name string, c classes, match func(string) bool) (way, bool) {
	w := way{setting: sv.setting(name)}
	for _, r := range c.flat(restrictionsOf(wordsOf(w.value))) {
		if address := addressOf(r.argument); r.name == "check_policy_service" && match(address) {
			w.addresses, w.disarmed, w.early = []string{address}, r.warned, sv.early(name)
			if w.early {
				w.never = "smtpd_delay_reject = no has Postfix ask before RCPT, where tlswarden decides nothing"
			}
			return w, true
		}
		switch c.end(r) {
		case forOwn:
			w.own = append(w.own, r.String())
		case forSome:
			w.picked = append(w.picked, r.String())
		case forAll:
			w.never = cmp.Or(w.never, fmt.Sprintf("%q ends %s before it for mail from outside", r, name))
		}
	}
	return w, false
}

// early reports whether smtpd(8) looks at a list before RCPT: at connect, HELO or MAIL
// itself; postconf(5), smtpd_delay_reject.
func (sv service) early(list string) bool {
	return strings.EqualFold(sv.values["smtpd_delay_reject"], "no") && slices.Contains(policyLists[:3], list)
}

// sees reports whether another list than that of setup has Postfix ask about all mail
// from outside at the latest at RCPT, and obey.
func (w way) sees(front string) bool {
	return front == Policy && slices.Contains(policyLists[:4], w.name) && len(w.picked) == 0 && !w.disarmed
}

// notes are what is to be known of mail about which a way does not ask.
func (w way) notes() []string {
	var out []string
	if len(w.picked) > 0 {
		out = append(out, fmt.Sprintf("%s: tlswarden is not asked about mail that %s may let pass before it", w.where(), and(w.picked)))
	}
	if w.disarmed {
		out = append(out, fmt.Sprintf("%s: warn_if_reject in front of it makes Postfix log what tlswarden refuses, and accept it", w.where()))
	}
	return out
}

// and lists things.
func and(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}
