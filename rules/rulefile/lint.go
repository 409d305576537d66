package rulefile

import (
	"fmt"
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

// Lint adds warnings about rules that are each in order and yet do not go
// together, or with the standards, as hardly meant. It compares rules with each
// other and tries examples, so it is meant for check, not for loading.
func Lint(p *rules.Policy, now time.Time, found *tomlfile.Diagnostics) {
	for _, d := range p.Dead() {
		lintDead(d, found)
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

func ruleAt(r *rules.Rule) string {
	return fmt.Sprintf("rule %s (%s:%d)", quote(r.Name), r.File, r.Line)
}
