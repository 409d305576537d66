package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"tlswarden/rules"
)

// manuals are the pages that are made from a file of the same name with ".in".
var manuals = []string{"tlswarden.rules.5", "tlswarden.toml.5"}

// manualPage fills the tables into a page's source, a template of text/template.
func manualPage(source string) ([]byte, error) {
	data, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	t, err := template.New(filepath.Base(source)).Funcs(template.FuncMap{
		"keys": manKeys, "settings": manSettings, "forms": manForms, "fields": manFields,
		"actions": manActions, "placeholders": manPlaceholders, "profiles": manProfiles,
		"maxfacts": func() int { return rules.MaxSupplied },
	}).Parse(string(data))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, ".\\\" Written by docs/gen from %s: go run ./docs/gen\n", filepath.Base(source))
	err = t.Execute(&b, nil)
	return b.Bytes(), err
}

const (
	beginList = ".Bl -tag -width Ds\n"
	endList   = ".El"
)

// plain is a title without the marks of code.
func plain(title string) string { return strings.ReplaceAll(title, "`", "") }

// manKey describes a key, with a note behind its meaning. An example that is a table
// stands elsewhere.
func manKey(k key, note string) string {
	out := ".It Ic " + argument(k.name) + "\n" + mdoc(k.meaning) + note
	if !strings.HasPrefix(k.example, "[") {
		out += literalBlock(k.example)
	}
	return out
}

// manKeys describes the keys of a table of rule files.
func manKeys(title string) (string, error) {
	for _, t := range tables() {
		if plain(t.title) != title {
			continue
		}
		var b strings.Builder
		b.WriteString(mdoc(t.intro) + beginList)
		for _, k := range t.keys {
			b.WriteString(manKey(k, ""))
		}
		return b.String() + endList, nil
	}
	return "", fmt.Errorf("there is no table %q", title)
}

// manSettings describes the keys of a table of the configuration.
func manSettings(title string) (string, error) {
	for _, t := range configTables() {
		if plain(t.title) != title {
			continue
		}
		var b strings.Builder
		b.WriteString(mdoc(t.intro) + beginList)
		for _, s := range t.settings {
			b.WriteString(manKey(s.key, mdoc(settingNote(s))))
		}
		return b.String() + endList, nil
	}
	return "", fmt.Errorf("there is no table %q", title)
}

// settingNote says of what type a setting is, what it is where it is not given, and
// what puts a change in place.
func settingNote(s setting) string {
	return fmt.Sprintf("%s, default: %s, changed by a %s.", capital(s.kind), s.without, s.change)
}

func manForms() string {
	var b strings.Builder
	b.WriteString(beginList)
	for _, f := range forms() {
		var examples []string
		for _, e := range f.entries {
			examples = append(examples, code(literal(e)))
		}
		b.WriteString(".It " + f.kind.String() + "\n" + mdoc(capital(f.means)+": "+strings.Join(examples, ", ")+"."))
	}
	return b.String() + endList
}

func manActions() string {
	var b strings.Builder
	b.WriteString(beginList)
	for _, a := range actions() {
		b.WriteString(".It Ic " + a[0] + "\n" + mdoc("The mail "+a[1]+". The policy service answers "+a[2]+"."))
	}
	return b.String() + endList
}

func manPlaceholders() string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width {sender_domain}\n")
	for _, p := range placeholders() {
		b.WriteString(".It Ic {" + p[0] + "}\n" + mdoc(p[1]))
	}
	return b.String() + endList
}

func manFields() string {
	var b strings.Builder
	b.WriteString(beginList)
	for _, f := range rules.Fields() {
		fmt.Fprintf(&b, ".It Ic %s\n%s%s", argument(f.Name), mdoc(capital(f.Meaning)+among(f.Values())+"."),
			mdoc(fmt.Sprintf("Kind: %s. Known from: %s. Supplied by: %s.", f.Kind, f.Stage, suppliers(f.Supply))))
	}
	return b.String() + endList
}

// capital begins a sentence, unless a name does that is written small.
func capital(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(first, "_={}.") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// suppliers says who supplies a fact, and from which release on.
func suppliers(s rules.Supply) string {
	if s.Gate {
		return "the daemon"
	}
	var who []string
	add := func(what, since string) {
		switch since {
		case "no":
		case "yes":
			who = append(who, what)
		default:
			who = append(who, what+" since "+since)
		}
	}
	if s.PostfixMilter == s.SendmailMilter {
		add("milter", since(s.PostfixMilter, ""))
	} else {
		add("milter with Postfix", since(s.PostfixMilter, ""))
		add("milter with Sendmail", since(s.SendmailMilter, ""))
	}
	add("policy service", since(s.PostfixPolicy, "2.3"))
	return strings.Join(who, ", ")
}

func manProfiles() string {
	var b strings.Builder
	b.WriteString(beginList)
	for _, p := range rules.BuiltinProfiles() {
		a, demands := p.About, p.Demands()
		about := a.Title
		if a.Version != "" {
			about += ", " + a.Version
		}
		if a.Date != a.Version {
			about += " (" + a.Date + ")"
		}
		text := "Demands encryption: " + demands[0][strings.IndexByte(demands[0], ':')+2:] + "."
		if len(demands) > 1 {
			text = "Besides encryption, demands " + strings.Join(demands[1:], "; ") + "."
		}
		fmt.Fprintf(&b, ".It Ic %s\n%s%s%s", p.Name, mdoc(about+"."), mdoc(text), mdoc("Checked: "+a.Checked+"."))
	}
	return b.String() + endList
}
