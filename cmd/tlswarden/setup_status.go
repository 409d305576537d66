package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tlswarden/internal/daemon"
	"tlswarden/internal/setup"
	"tlswarden/internal/tomlfile"
)

// Where the configuration is looked for that no flag names.
const (
	defaultConfig = "/etc/tlswarden/tlswarden.toml"
	configUsage   = "tlswarden's configuration `file` (default " + defaultConfig + " if it is there)"
)

func setupStatusCommand() *cobra.Command {
	var config, dir, mc string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "status [--quiet]",
		Short: "show whether Postfix or Sendmail asks tlswarden",
		Long: `Show for each installed mail server whether it asks tlswarden, and by what.
For Postfix that is main.cf, and master.cf where a service has settings of its own;
for Sendmail it is sendmail.mc, and the sendmail.cf beside it. The configuration of
tlswarden need not be there or in order; without it, the usual addresses are known.

Shown as well is where Postfix does not ask though main.cf or master.cf names
tlswarden: behind a restriction that ends the list for mail from outside, and at
services for which master.cf sets the parameter by -o, or no_milters. And each
address that is asked is tried: if nothing answers there within five seconds, this is
said. A warning is shown of mail that a table or another service lets pass before
tlswarden is asked, and if the keys of tlswarden.toml no longer match how Postfix
reads addresses.

The exit code is 0 if a mail server asks tlswarden and all is as it should be; 1 if
none asks; 2 for a wrong command line; 3 if one could not be examined and no other
asks; and 4 if one asks, but a service that takes mail from outside does not, or
nothing answers. Services for users (submission, submissions) and on loopback
addresses may do without.`,
		Example: "  tlswarden setup status --quiet || echo 'have a look'",
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&quiet, "quiet", "q", false, "print nothing")
	flags.StringVarP(&config, "config", "c", "", configUsage)
	flags.StringVar(&dir, "postfix-config", "", "`directory` of main.cf, as for postconf -c")
	flags.StringVar(&mc, "mc", defaultMC, "source of Sendmail's configuration, a `file`")
	completeConfig(cmd)
	completeFlag(cmd, "postfix-config", directories)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		out, warn := cmd.OutOrStdout(), cmd.ErrOrStderr()
		if quiet {
			out, warn = io.Discard, io.Discard
		}
		p, err := postfixAt(dir)
		if err != nil {
			return err
		}
		ours, _ := setupAddresses(config)
		all := setup.Statuses(cmd.Context(), p, setup.Sendmail{MC: mc}, ours)
		s := setting{stdout: out, stderr: warn}
		for _, st := range all {
			s.warnAll(st.Notes)
		}
		if code := printStatus(out, all); code != exitOK {
			return exitCode(code)
		}
		return nil
	})
	return cmd
}

// printStatus prints by what each mail server asks tlswarden, and what is wrong with
// that. It returns the exit code.
func printStatus(w io.Writer, all []setup.Status) int {
	for _, st := range all {
		for _, by := range st.Asks {
			fmt.Fprintf(w, "%s asks tlswarden: %s\n", st.Server, by)
		}
		switch {
		case st.Err != nil:
			fmt.Fprintf(w, "%s cannot be looked at: %v\n", st.Server, st.Err)
		case len(st.Asks) == 0:
			fmt.Fprintf(w, "%s does not ask tlswarden\n", st.Server)
		}
		for _, not := range st.Not {
			fmt.Fprintf(w, "%s: %s\n", st.Server, not)
		}
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "there is neither Postfix nor Sendmail")
	}
	return statusCode(all)
}

func statusCode(all []setup.Status) int {
	any := func(is func(setup.Status) bool) bool { return slices.ContainsFunc(all, is) }
	asks := any(func(st setup.Status) bool { return len(st.Asks) > 0 })
	switch {
	case asks && any(func(st setup.Status) bool { return st.Wrong }):
		return exitAmiss
	case asks:
		return exitOK
	case any(func(st setup.Status) bool { return st.Err != nil }):
		return exitWarnings
	}
	return exitErrors
}

// quoted is an address in a configuration that cannot be read as one.
var quoted = regexp.MustCompile(`["']((?:inet|unix):[^"'\n]+)["']`)

// setupAddresses are where the daemon listens by a configuration: the file given, or
// the usual one, or the built-in default. Whatever is wrong with it, the addresses
// that can be made out come along.
func setupAddresses(config string) (setup.Addresses, tomlfile.Diagnostics) {
	file := config
	if config == "" {
		file = defaultConfig
		if _, err := os.Stat(defaultConfig); err == nil {
			config = defaultConfig
		}
	}
	c, found := daemon.LoadConfig(config)
	ours := setup.Addresses{Milter: listening(c.Milter), Policy: listening(c.Policy), File: file}
	if !found.HasErrors() {
		return ours, found
	}
	text, _ := os.ReadFile(config) // that it cannot be read is among what is found
	for _, m := range quoted.FindAllSubmatch(text, -1) {
		a, err := setup.ParseAddress(string(m[1]))
		if err != nil {
			continue
		}
		if a.Path != "" && !filepath.IsAbs(a.Path) {
			a.Path = filepath.Join(filepath.Dir(config), strings.TrimSpace(a.Path))
		}
		ours.Milter, ours.Policy = append(ours.Milter, a), append(ours.Policy, a)
	}
	return ours, found
}

func listening(list []daemon.Listen) []setup.Address {
	var out []setup.Address
	for _, l := range list {
		if a, err := setup.ParseAddress(l.String()); err == nil {
			out = append(out, a)
		}
	}
	return out
}
