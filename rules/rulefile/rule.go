package rulefile

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

func quote(s string) string { return strconv.Quote(s) }

// plain turns a TOML value into what a set takes.
func (l *loader) plain(v any) any {
	if t, ok := l.moment(v); ok {
		return t
	}
	return v
}

// rule reads one [[rule]].
func (l *loader) rule(t *tomlfile.Table) *rules.Rule {
	name := ruleName(t)
	r := tomlfile.Read(t, "rule "+quote(name)+": ", &l.found)
	rule := &rules.Rule{Name: name, File: t.Pos.File, Line: t.Pos.Line}
	l.ruleName(r, rule)
	rule.When = l.when(r)
	l.does(r, rule)
	if b, _, ok := r.Bool("observe"); ok {
		rule.Observe = b
	}
	l.times(r, rule)
	l.onUnknown(r, rule)
	rule.Owner, _, _ = r.String("owner")
	rule.Note, _, _ = r.String("note")
	if e, ok := r.Entry("when"); ok && isEmptyTable(e.Value) {
		r.Warnf(e.Pos, "leave it out", "when is empty: the rule applies to all mail")
	}
	l.exceptions(r, rule)
	l.answer(r, rule)
	r.Done()
	l.suppliers(r, rule)
	l.nameless(r, rule)
	l.lint(r, rule)
	return rule
}

// ruleName is what diagnostics call a rule, before its name is known to be in
// order.
func ruleName(t *tomlfile.Table) string {
	if e, ok := t.Get("name"); ok {
		if s, ok := e.Value.(string); ok {
			return s
		}
	}
	return ""
}

// maxName bounds the name of a rule, which stands in every log line.
const maxName = 100

func (l *loader) ruleName(r *tomlfile.Reader, rule *rules.Rule) {
	name, pos, ok := r.String("name")
	if !ok {
		if _, there := r.Entry("name"); !there {
			l.found.Errorf(r.Pos(), "the name stands in the log and in counts", "a rule has no name")
		}
		return
	}
	at, twice := l.names[name]
	switch {
	case strings.TrimSpace(name) == "":
		r.Errorf(pos, "", "the name is empty")
	case len(name) > maxName:
		r.Errorf(pos, "", "the name has %d bytes, and at most %d fit a log line", len(name), maxName)
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		r.Errorf(pos, "", "the name has a control character")
	case name == rules.LocalRule:
		r.Errorf(pos, "give it another name; judge_local = true takes the built-in rule away", "the name belongs to the built-in rule")
	case twice:
		r.Errorf(pos, "", "another rule has the name, at %s:%d", at.File, at.Line)
	}
	if !twice {
		l.names[name] = pos
	}
}

// when reads the conditions.
func (l *loader) when(r *tomlfile.Reader) (when []rules.Condition) {
	t, _, ok := r.Table("when")
	if !ok {
		return nil
	}
	for _, e := range Flatten("", t) {
		f := l.field(r, e)
		if f == nil {
			continue
		}
		entries, ok := e.Value.(tomlfile.Array)
		if !ok {
			entries = tomlfile.Array{{Pos: e.Pos, Value: e.Value}}
		}
		before := len(l.found)
		when = append(when, rules.Condition{Field: f, Set: l.set(setFor(f), entries, r, e), Text: l.describe(entries)})
		l.explainGuess(f, l.found[before:])
		l.noAddresses(r, f, entries)
	}
	return when
}

// ofNames are the fields whose values are domains, and hardly ever addresses.
var ofNames = rules.SetOf(rules.FieldSenderDomain, rules.FieldRecipientDomain, rules.FieldClientName, rules.FieldClientReverseName)

// noAddresses warns of the first address among domains, those of lists included.
func (l *loader) noAddresses(r *tomlfile.Reader, f *rules.Field, entries tomlfile.Array) {
	if !ofNames.Has(f.ID) {
		return
	}
	for _, e := range entries {
		text, _ := e.Value.(string)
		if name, ok := l.listName(bare(text)); ok && l.lists[name] != nil {
			for _, e := range l.lists[name].entries {
				if text, _ := e.Value.(string); isAddress(bare(text)) {
					l.found.Warnf(e.Pos, "for addresses of clients there is the field client", "list %q: %q is an address, and a domain is wanted for %s", name, text, f.Name)
					return
				}
			}
		} else if isAddress(bare(text)) {
			r.Warnf(e.Pos, "for addresses of clients there is the field client", "%s: %q is an address, and a domain is wanted", f.Name, text)
			return
		}
	}
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func isEmptyTable(v any) bool {
	t, ok := v.(*tomlfile.Table)
	return ok && len(t.Entries) == 0
}

// Flatten joins the parts of dotted names such as listener.tls_seen, which TOML
// reads as tables.
func Flatten(prefix string, t *tomlfile.Table) []tomlfile.Entry {
	var out []tomlfile.Entry
	for _, e := range t.Entries {
		e.Key = prefix + e.Key
		if sub, ok := e.Value.(*tomlfile.Table); ok && rules.FieldByName(e.Key) == nil && len(sub.Entries) > 0 {
			out = append(out, Flatten(e.Key+".", sub)...)
			continue
		}
		out = append(out, e)
	}
	return out
}

// describe renders the value of a condition as the file has it, shortened.
func (l *loader) describe(entries tomlfile.Array) string {
	var parts []string
	for i, e := range entries {
		if i == 5 {
			parts = append(parts, "...")
			break
		}
		switch v := l.plain(e.Value).(type) {
		case string:
			parts = append(parts, v)
		case bool:
			parts = append(parts, strconv.FormatBool(v))
		case int64:
			parts = append(parts, strconv.FormatInt(v, 10))
		case time.Time:
			parts = append(parts, v.Format(time.RFC3339))
		}
	}
	return strings.Join(parts, ", ")
}

// does reads what the rule does: action, or require with otherwise.
func (l *loader) does(r *tomlfile.Reader, rule *rules.Rule) {
	action, actionPos, hasAction := l.action(r, "action", rules.ActionNames())
	otherwise, otherwisePos, hasOtherwise := l.action(r, "otherwise", rules.ActionNames()[1:])
	name, pos, hasRequire := r.String("require")
	switch {
	case hasAction && hasRequire:
		r.Errorf(actionPos, "", "a rule has either action or require, not both")
	case hasRequire && !hasOtherwise:
		if _, there := r.Entry("otherwise"); !there {
			r.Errorf(pos, "add otherwise = \"tag\", \"quarantine\", \"defer\" or \"reject\"", "require needs otherwise")
		}
	case hasOtherwise && !hasRequire:
		if _, there := r.Entry("require"); there { // and is reported
			break
		}
		r.Errorf(otherwisePos, "", "otherwise needs require")
	case !hasAction && !hasRequire:
		_, a := r.Entry("action")
		_, q := r.Entry("require")
		if !a && !q {
			r.Errorf(r.Pos(), "", "the rule says neither action nor require")
		}
	}
	rule.Action, rule.Otherwise = action, otherwise
	if hasRequire {
		rule.Require = l.required(r, name, pos)
	}
}

func (l *loader) action(r *tomlfile.Reader, key string, allowed []string) (rules.Action, tomlfile.Pos, bool) {
	s, pos, ok := r.String(key)
	if !ok {
		return rules.Accept, pos, false
	}
	for _, name := range allowed {
		if s == name {
			a, _ := rules.ParseAction(s)
			return a, pos, true
		}
	}
	r.Errorf(pos, actionHint(s, allowed), "%s must be one of %s, not %q", key, strings.Join(allowed, ", "), s)
	return rules.Accept, pos, false
}

// required finds a profile; a misspelt one yields an empty profile, so that the
// rest of the rule is still checked.
func (l *loader) required(r *tomlfile.Reader, name string, pos tomlfile.Pos) *rules.Profile {
	p := l.profiles[name]
	if p == nil {
		r.Errorf(pos, profileHint(name, l.profileNames()), "there is no profile %q", name)
		return &rules.Profile{Name: name}
	}
	p.used = true
	return l.compileProfile(p)
}

func (l *loader) onUnknown(r *tomlfile.Reader, rule *rules.Rule) {
	a, _, ok := l.action(r, "on_unknown", []string{"accept", "tag", "defer"})
	if ok {
		rule.OnUnknown = rules.Known(a)
	}
}

// statusForm is an enhanced status code of class 4 or 5, RFC 3463 section 2.
var statusForm = regexp.MustCompile(`^[45]\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$`)

// answer reads the reply's code, status and text, and the tag's text.
func (l *loader) answer(r *tomlfile.Reader, rule *rules.Rule) {
	if n, pos, ok := r.Int("code"); ok {
		l.code(r, rule, int(n), pos)
	}
	if s, pos, ok := r.String("status"); ok {
		l.status(r, rule, s, pos)
	}
	l.template(r, "reply", &rule.Reply)
	if s, pos, ok := r.String("tag"); ok {
		if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) || strings.TrimSpace(s) == "" || len(s) > 200 {
			r.Errorf(pos, "", "tag must be 1 to 200 printable ASCII characters")
		}
		rule.Tag = s
	}
}

func (l *loader) code(r *tomlfile.Reader, rule *rules.Rule, code int, pos tomlfile.Pos) {
	switch {
	case code < 400 || code > 599 || code/10%10 > 5: // RFC 5321 section 4.2
		r.Errorf(pos, "", "code %d is not an SMTP reply code for a refusal; those are 4xx and 5xx", code)
	case rule.Does() == rules.Reject && code < 500:
		r.Errorf(pos, "use a 5xx code, or defer", "code %d tells the sender to try again, and the rule rejects", code)
	case rule.MayDo(rules.Defer) && !rule.MayDo(rules.Reject) && code >= 500:
		r.Errorf(pos, "use a 4xx code such as 450, or reject", "code %d tells the sender to give up, and the rule defers", code)
	case code == 421 || code == 521: // access(5): Postfix disconnects
		r.Warnf(pos, "", "code %d makes the MTA end the connection, with other recipients and messages in it", code)
	}
	rule.Code = code
}

func (l *loader) status(r *tomlfile.Reader, rule *rules.Rule, status string, pos tomlfile.Pos) {
	switch {
	case !statusForm.MatchString(status):
		r.Errorf(pos, "", "status %q is not an enhanced status code for a refusal, such as 5.7.0", status)
		return
	case rule.Code != 0 && int(status[0]-'0') != rule.Code/100:
		r.Errorf(pos, "", "status %s does not go with code %d: the first digits differ", status, rule.Code)
	case rule.MayDo(rules.Defer) && !rule.MayDo(rules.Reject) && status[0] == '5':
		r.Errorf(pos, "use a 4.x.x status such as 4.7.0, or reject", "status %s tells the sender to give up, and the rule defers", status)
	case rule.Does() == rules.Reject && status[0] != '5':
		r.Errorf(pos, "use a 5.x.x status, or defer", "status %s tells the sender to try again, and the rule rejects", status)
	}
	rule.Status = status
}
