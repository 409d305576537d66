package main

import (
	"fmt"
	"strings"

	"tlswarden/rules"
)

// reference renders the whole page.
func reference() string {
	var b strings.Builder
	b.WriteString(`<!-- Written by docs/gen: go run ./docs/gen -->

# Reference of rule files and of the configuration

All that may stand in a rule file: [tables and their keys](#tables-and-keys), [actions](#actions),
[placeholders](#placeholders) of replies, [fields](#fields) for conditions, [facts of plugins](#facts-of-plugins) with the keys
by which plugins are configured, and the [built-in profiles](#built-in-profiles). And the keys of
[the configuration](#the-configuration), tlswarden.toml. And the keys of [the log](#the-log).
`)
	writeTables(&b)
	writeActions(&b)
	writePlaceholders(&b)
	writeForms(&b)
	writeFields(&b)
	writePlugins(&b)
	writeConfig(&b)
	writeLog(&b)
	writeProfiles(&b)
	return b.String()
}

// row writes a row of a Markdown table. A bar would end its cell.
func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
	}
	b.WriteString("|\n")
}

func head(b *strings.Builder, cells ...string) {
	row(b, cells...)
	b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

func code(s string) string { return "`" + s + "`" }

func writeTables(b *strings.Builder) {
	b.WriteString("\n## Tables and keys\n")
	for _, t := range tables() {
		fmt.Fprintf(b, "\n### %s\n\n", t.title)
		if t.intro != "" {
			b.WriteString(t.intro + "\n\n")
		}
		writeKeys(b, t)
	}
}

func writeKeys(b *strings.Builder, t table) {
	head(b, "key", "example", "meaning")
	for _, k := range t.keys {
		row(b, code(k.name), code(k.example), k.meaning)
	}
}

func writeActions(b *strings.Builder) {
	b.WriteString("\n## Actions\n\nWeakest first. Of several that were said the strongest is done, and the first rule that said it is named.\n\n")
	head(b, "action", "the mail", "policy service")
	for _, a := range actions() {
		row(b, code(a[0]), a[1], a[2])
	}
}

func writePlaceholders(b *strings.Builder) {
	b.WriteString("\n## Placeholders\n\nValues from outside are cut, and what is not printable ASCII in them becomes `?`.\n\n")
	head(b, "placeholder", "stands for")
	for _, p := range placeholders() {
		row(b, code("{"+p[0]+"}"), p[1])
	}
}

func writeForms(b *strings.Builder) {
	b.WriteString(`
## Fields

A condition of ` + "`when`" + ` is the name of a field and an entry, or a list of entries of which one must hit. An entry that begins
with ` + "`!`" + ` excludes: it must not hit. ` + "`\"@name\"`" + ` stands for the entries of a list. Entries have these forms; a regular
expression (RE2) stands between slashes.

`)
	head(b, "kind", "an entry is", "examples")
	for _, f := range forms() {
		var examples []string
		for _, e := range f.entries {
			examples = append(examples, code(literal(e)))
		}
		row(b, f.kind.String(), f.means, strings.Join(examples, " "))
	}
	b.WriteString(`
Addresses are read as the mail server reads them: comments, quotes, routes and case lead to one mailbox, and a missing domain
is completed by what the mail server, or ` + "`origin` of the [listen entry](#an-entry-of-listen)" + `, tells. If the spelling does not settle the mailbox, an entry ` + "`user@`" + ` holds for its local part, and any other entry is unknown. Clients
choose the spelling, so this never lets mail escape a rule: unless the rule exempts, it is applied as if it matched, and its
reject becomes a defer.
`)
}

// literal writes an entry as TOML does. A backslash needs no escape in a literal
// string.
func literal(e any) string {
	s, ok := e.(string)
	switch {
	case !ok:
		return fmt.Sprint(e)
	case strings.Contains(s, `\`):
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

func writeFields(b *strings.Builder) {
	b.WriteString(`
A field is there from one stage of the SMTP session on. The last three columns say who supplies it, and from which release
on: the milter under Postfix and under Sendmail, the policy service under Postfix. "yes" is each release that is supported
(milter: Postfix 2.6, Sendmail 8.14; policy service: Postfix 2.3). Where both front ends serve one Postfix, each rule has
the facts of both. A fact that no enabled front end can supply is an error of ` + "`check`" + `, unless the rule says
` + "`on_unknown`" + `.

A rule that looks at a fact of the end of the message is read there, and so are those after it: the recipient gets its
answer with the message. Recipients of one message that wait for another rule than the first of them, whose verdict does
not wait, or whom any condition on ` + "`recipient` or `recipient_domain`" + ` tells apart are told 452 4.5.3, so that the
sender sends them the message separately. A rule that only records (` + "`observe`" + `, a rollout that has not come to the
sender) makes nobody wait: what it would have done is recorded when the message is there. Under
` + "`enforce = \"observe\"`" + ` nothing waits at all.

`)
	head(b, "field", "kind", "meaning", "from", "milter, Postfix", "milter, Sendmail", "policy service")
	for _, f := range rules.Fields() {
		s := f.Supply
		cells := []string{code(f.Name), f.Kind.String(), f.Meaning + among(f.Values()), f.Stage.String()}
		if s.Gate {
			cells = append(cells, "the daemon", "the daemon", "the daemon")
		} else {
			cells = append(cells, since(s.PostfixMilter, ""), since(s.SendmailMilter, ""), since(s.PostfixPolicy, "2.3"))
		}
		row(b, cells...)
	}
}

// among lists the values that a field can have.
func among(values []string) string {
	if values == nil {
		return ""
	}
	return ": `" + strings.Join(values, "`, `") + "`"
}

// since words a release. Those up to the oldest that is supported need no
// number; all of them have one digit before and one or two after the dot.
func since(release, oldest string) string {
	switch {
	case release == "":
		return "no"
	case release == "all" || oldest != "" && len(release) <= len(oldest) && release <= oldest:
		return "yes"
	}
	return release
}

func writeProfiles(b *strings.Builder) {
	b.WriteString(`
## Built-in profiles

A session can be shown to violate a published profile or to be consistent with it, never to be certified by it: no mail
server tells all that a profile demands. ` + "`tlswarden profiles NAME`" + ` also lists the cipher suites that pass.

`)
	head(b, "profile", "version", "date", "checked")
	for _, p := range rules.BuiltinProfiles() {
		row(b, code(p.Name), orNone(p.About.Version), orNone(p.About.Date), p.About.Checked)
	}
	for _, p := range rules.BuiltinProfiles() {
		writeProfile(b, p)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func writeProfile(b *strings.Builder, p *rules.Profile) {
	a := p.About
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", code(p.Name), a.Title)
	item := func(what, text string) {
		if text != "" {
			fmt.Fprintf(b, "- %s: %s\n", what, text)
		}
	}
	item("publisher", a.Publisher)
	item("version", a.Version)
	item("date", a.Date)
	item("section", a.Section)
	item("meant for", a.Scope)
	item("source", a.Source)
	item("checked", a.Checked+": "+a.How)
	items(b, "It demands", p.Demands())
	items(b, "No mail server tells these to a milter or policy service, so they are not judged", a.Unseen)
	items(b, "Notes", a.Notes)
}

func items(b *strings.Builder, title string, texts []string) {
	if len(texts) > 0 {
		fmt.Fprintf(b, "\n%s:\n\n- %s\n", title, strings.Join(texts, "\n- "))
	}
}
