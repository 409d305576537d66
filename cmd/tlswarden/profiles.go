package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules"
)

func profilesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "profiles [--json] [NAME]",
		Short: "list the built-in profiles, or tell all about one",
		Long: `List the profiles that rules can require without a [profile] table: with version,
date, and how far each was checked against the publication that it is taken from.
With a name, print what the profile demands, where it comes from, what of it no
mail server tells us, and which cipher suites pass.

The exit code is 0, 1 if there is no profile of that name, and 2 for a wrong
command line.`,
		Example: "  tlswarden profiles\n  tlswarden profiles mozilla-intermediate",
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: completeProfile,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = ran(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return listProfiles(cmd.OutOrStdout(), asJSON)
		}
		return showProfile(cmd.OutOrStdout(), args[0], asJSON)
	})
	return cmd
}

// noCertificate is the word that goes with every profile.
const noCertificate = "a session can be shown to violate a published profile or to be consistent with it, never to be certified by it"

func listProfiles(w io.Writer, asJSON bool) error {
	profiles := rules.BuiltinProfiles()
	if asJSON {
		var out []profileJSON
		for _, p := range profiles {
			out = append(out, newProfileJSON(p))
		}
		return writeJSON(w, out)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tDATE\tCHECKED\tTITLE")
	for _, p := range profiles {
		a := p.About
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Name, orDash(a.Version), orDash(a.Date), a.Checked, a.Title)
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func showProfile(w io.Writer, name string, asJSON bool) error {
	var names []string
	for _, p := range rules.BuiltinProfiles() {
		if p.Name != name {
			names = append(names, p.Name)
			continue
		}
		if asJSON {
			out := newProfileJSON(p)
			out.Suites = suitesJSON(p)
			return writeJSON(w, out)
		}
		return printProfile(w, p)
	}
	if near := tomlfile.Suggest(name, names); near != "" {
		return fmt.Errorf("there is no built-in profile %q; did you mean %s?", name, near)
	}
	return fmt.Errorf("there is no built-in profile %q; the profiles are %s", name, strings.Join(names, ", "))
}

func printProfile(w io.Writer, p *rules.Profile) error {
	a := p.About
	fmt.Fprintf(w, "%s: %s\n\n", p.Name, a.Title)
	for _, row := range [...][2]string{
		{"publisher", a.Publisher}, {"version", a.Version}, {"date", a.Date}, {"section", a.Section},
		{"scope", a.Scope}, {"source", a.Source}, {"checked", a.Checked + ": " + a.How},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%-10s %s\n", row[0], row[1])
		}
	}
	printItems(w, "It demands", p.Demands())
	printItems(w, "No mail server tells these to a milter or policy service, so they are not judged", a.Unseen)
	printItems(w, "Notes", a.Notes)
	fmt.Fprintf(w, "\nRemember: %s.\n", noCertificate)

	fmt.Fprint(w, "\nCipher suites that pass, by the names of OpenSSL and IANA:\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range p.Passing() {
		fmt.Fprintf(t, "\n%s (%d)\n", g.Versions, len(g.Suites))
		for _, s := range g.Suites {
			fmt.Fprintf(t, "  %s\t%s\n", orDash(s.OpenSSL), orDash(s.IANA))
		}
	}
	return t.Flush()
}

func printItems(w io.Writer, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s:\n", title)
	for _, item := range items {
		fmt.Fprintf(w, "  - %s\n", item)
	}
}

// profileJSON is a profile for programs. The suites are there only if one
// profile is asked for.
type profileJSON struct {
	Name      string       `json:"name"`
	Title     string       `json:"title"`
	Publisher string       `json:"publisher"`
	Version   string       `json:"version"`
	Date      string       `json:"date"`
	Section   string       `json:"section"`
	Scope     string       `json:"scope"`
	Source    string       `json:"source"`
	Checked   string       `json:"checked"`
	How       string       `json:"checked_how"`
	Demands   []string     `json:"demands"`
	Unseen    []string     `json:"unseen"`
	Notes     []string     `json:"notes,omitempty"`
	Suites    []groupsJSON `json:"suites,omitempty"`
}

type groupsJSON struct {
	Versions string      `json:"versions"`
	Suites   []suiteJSON `json:"suites"`
}

type suiteJSON struct {
	OpenSSL string `json:"openssl"`
	IANA    string `json:"iana"`
}

func newProfileJSON(p *rules.Profile) profileJSON {
	a := p.About
	return profileJSON{
		Name: p.Name, Title: a.Title, Publisher: a.Publisher, Version: a.Version, Date: a.Date, Section: a.Section,
		Scope: a.Scope, Source: a.Source, Checked: a.Checked, How: a.How,
		Demands: p.Demands(), Unseen: a.Unseen, Notes: a.Notes,
	}
}

func suitesJSON(p *rules.Profile) []groupsJSON {
	var groups []groupsJSON
	for _, g := range p.Passing() {
		group := groupsJSON{Versions: g.Versions}
		for _, s := range g.Suites {
			group.Suites = append(group.Suites, suiteJSON{s.OpenSSL, s.IANA})
		}
		groups = append(groups, group)
	}
	return groups
}
