package rulefile

import (
	"fmt"
	"strings"
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// Lint adds warnings about rules that are each in order and yet do not go
// together, or with the standards, as hardly meant. It compares rules with each
// other and tries examples, so it is meant for check, not for loading.
func Lint(p *rules.Policy, now time.Time, found *tomlfile.Diagnostics) {
	dead := map[*rules.Rule]bool{}
	for _, d := range p.Dead() {
		lintDead(d, found)
		dead[d.Rule] = true
		if d.All {
			for _, r := range p.Rules()[d.Rule.Index():] {
				dead[r] = true
			}
		}
	}
	for _, d := range p.DeadExceptions() {
		lintDeadException(d, found)
	}
	for _, o := range p.Overruled() {
		if dead[o.Rule] {
			continue
		}
		warn(found, o.Rule, fmt.Sprintf("if that rule is too strict for this mail, write it there as [[rule.except]] with otherwise = %q", o.Rule.Does().String()),
			"is overruled: the same mail is %s by %s", done(o.By.Does()), ruleAt(o.By))
	}
	for _, l := range p.Exemptions(now) {
		if !dead[l.Rule] {
			lintLifting(l, found)
		}
	}
	for _, u := range p.Uneven(now) {
		warn(found, u.Rule, "refuse plaintext of the same senders as well, or do no more than tag (RFC 9325 section 5.2)",
			"asks more of weak TLS than of plaintext: %s is %s, and plaintext is %s%s", u.Seen, done(u.Weak), done(u.Plain), fromOn(p, u.From, now))
	}
	if rule, from := p.RefusesPlaintext(now); rule != nil {
		warn(found, rule, "tag or defer instead, or name the clients, senders, recipients or ports that are meant, as in server_port = 587",
			"refuses all mail in plaintext%s, which a mail server that is publicly referenced must not (RFC 3207 section 4)", fromOn(p, from, now))
	}
}

func warn(found *tomlfile.Diagnostics, r *rules.Rule, hint, format string, args ...any) {
	found.Warnf(tomlfile.Pos{File: r.File, Line: r.Line}, hint, "rule %s: %s", quote(r.Name), fmt.Sprintf(format, args...))
}

// fromOn says when something begins, unless it has begun.
func fromOn(p *rules.Policy, at, now time.Time) string {
	if !at.After(now) {
		return ""
	}
	return " from " + civil.Format(at, p.Zone()) + " on"
}

// done says what becomes of mail by an action.
func done(a rules.Action) string {
	switch a {
	case rules.Tag:
		return "tagged"
	case rules.Quarantine:
		return "quarantined"
	case rules.Defer:
		return "deferred"
	}
	return a.String() + "ed"
}

func lintDead(d rules.Dead, found *tomlfile.Diagnostics) {
	switch {
	case len(d.Conditions) == 1:
		c := d.Conditions[0]
		warn(found, d.Rule, "", "never applies: %s (%s) leaves no value over", c.Field.Name, c.Text)
	case len(d.Conditions) == 2:
		a, b := d.Conditions[0], d.Conditions[1]
		warn(found, d.Rule, "several rules are the \"or\"", "never applies: %s (%s) and %s (%s) exclude each other", a.Field.Name, a.Text, b.Field.Name, b.Text)
	case d.By.Name == rules.LocalRule:
		warn(found, d.Rule, "judge_local = true takes that rule away", "never applies: the built-in rule \"local\" has accepted mail from this machine before")
	case d.Redundant:
		warn(found, d.Rule, "", "does nothing: %s has asked at least as much of the same mail before", ruleAt(d.By))
	case d.All && d.After > 0:
		warn(found, d.Rule, "", "never applies, nor do the rules after it (%d): %s has %s all mail before", d.After, ruleAt(d.By), done(d.By.Does()))
	case d.All:
		warn(found, d.Rule, "", "never applies: %s has %s all mail before", ruleAt(d.By), done(d.By.Does()))
	default:
		warn(found, d.Rule, "put the narrower rule first", "never applies: %s has %s all that it could match before", ruleAt(d.By), done(d.By.Does()))
	}
}

func lintDeadException(d rules.DeadException, found *tomlfile.Diagnostics) {
	say := func(hint, format string, args ...any) {
		found.Warnf(tomlfile.Pos{File: d.Exception.File, Line: d.Exception.Line}, hint, "rule %s: except: %s", quote(d.Rule.Name), fmt.Sprintf(format, args...))
	}
	switch {
	case len(d.Conditions) == 1:
		c := d.Conditions[0]
		say("", "never holds: %s (%s) leaves no value over", c.Field.Name, c.Text)
	case len(d.Conditions) == 2:
		a, b := d.Conditions[0], d.Conditions[1]
		say("", "never holds: %s (%s) and %s (%s) exclude each other", a.Field.Name, a.Text, b.Field.Name, b.Text)
	default:
		say("put the narrower exception first", "never holds: the exception at %s:%d has taken all that it could match before", d.By.File, d.By.Line)
	}
}

// lintLifting warns of an exemption that lifts more than may be meant, or nothing.
func lintLifting(l rules.Lifting, found *tomlfile.Diagnostics) {
	switch n := len(l.Lifts); {
	case n > 1 && l.Claimable:
		warn(found, l.Rule, "if one of them is meant, write the exception there: [[rule.except]] lifts that rule alone",
			"lifts %d later rules for all mail with that sender, which anyone can claim: %s", n, namesOf(l.Lifts))
	case n == 0 && l.Before != nil:
		warn(found, l.Rule, "put it before the rule that it is meant for, or write it there as [[rule.except]]",
			"lifts nothing: no later rule does anything to the same mail, and %s has done so before", ruleAt(l.Before))
	}
}

// maxNamed bounds how many rules a message names.
const maxNamed = 3

func namesOf(list []*rules.Rule) string {
	var names []string
	for i, r := range list {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("and %d more", len(list)-maxNamed))
			break
		}
		names = append(names, quote(r.Name))
	}
	return strings.Join(names, ", ")
}

func ruleAt(r *rules.Rule) string {
	return fmt.Sprintf("rule %s (%s:%d)", quote(r.Name), r.File, r.Line)
}
