package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/control"
	"tlswarden/internal/daemon"
)

// exitUnknown is the exit code of status if no daemon answers.
const exitUnknown = 3

// askFor is how long a daemon may take to tell its status.
const askFor = 10 * time.Second

func statusCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status [--json]",
		Short: "show how the running daemon is",
		Long: `Ask the running daemon how it is: which rules are in place and since when, whether
their files have changed since, what became of the latest reload, when each front end
was last asked, how plugins are, and where a safety catch holds rejects back.

The exit code is 0 if all is well, 1 if something needs attention, 2 if something is
critical, such as rules that do not load, and 3 if no daemon answers, or if the command
line is wrong.`,
		Example:           "  tlswarden status",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&config, "config", "c", "", configUsage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	completeConfig(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), askFor)
		defer cancel()
		s, err := control.AskStatus(ctx, controlDir(config))
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "tlswarden: %v\n", err)
			return exitCode(exitUnknown)
		}
		if asJSON {
			err = writeJSON(cmd.OutOrStdout(), &s)
		} else {
			err = writeStatus(cmd.OutOrStdout(), &s, time.Now())
		}
		if err != nil || s.Level() == control.Well {
			return err
		}
		return exitCode(s.Level())
	})
	return cmd
}

// controlDir is where a daemon with this configuration has its sockets. A configuration
// that is not in order names none: the daemon may run with an earlier one.
func controlDir(config string) string {
	if config == "" {
		if _, err := os.Stat(defaultConfig); err == nil {
			config = defaultConfig
		}
	}
	c, _ := daemon.LoadConfig(config)
	return c.ControlDir()
}

// writeStatus prints a status for people: what there is, and then what is wrong.
func writeStatus(w io.Writer, s *control.Status, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }
	row("tlswarden", fmt.Sprintf("%s, process %d, started %s", s.Version, s.PID, agoText(s.Started, now)))
	if s.Config != "" {
		row("configuration", s.Config)
	}
	row("rules", rulesText(s, now))
	if s.Reload != nil {
		row("latest reload", agoText(s.Reload.At, now)+": "+s.Reload.Message)
	}
	for _, f := range s.Fronts {
		last := "not asked since the start"
		if f.Last != nil {
			last = "last asked " + agoText(*f.Last, now)
		}
		row(frontName(f.Front), fmt.Sprintf("%s, %s, %s", f.Address, count(f.Open, "connection"), last))
	}
	for _, p := range s.Plugins {
		row("plugin "+p.Name, fmt.Sprintf("%s, %d calls, %d failed, %d restarts", p.State, p.Calls, p.Failures, p.Restarts))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range s.Findings {
		fmt.Fprintf(w, "%s: %s\n", f.Level, f.Message)
	}
	if len(s.Findings) == 0 {
		fmt.Fprintln(w, "all is well")
	}
	return nil
}

func rulesText(s *control.Status, now time.Time) string {
	if s.Policy == nil {
		return "none are in place; on_failure = " + s.OnFailure + " answers"
	}
	return fmt.Sprintf("%d in place, since %s, enforce = %s", s.Policy.Rules, agoText(s.Policy.Since, now), s.Enforce)
}

// frontName is what people call a front end.
func frontName(front string) string {
	if front == "policy" {
		return "policy service"
	}
	return front
}

// agoText is a time with how long ago it was.
func agoText(t, now time.Time) string {
	d := now.Sub(t)
	text := "just now"
	switch {
	case d >= 48*time.Hour:
		text = fmt.Sprintf("%d days ago", int(d.Hours()/24))
	case d >= 2*time.Hour:
		text = fmt.Sprintf("%d hours ago", int(d.Hours()))
	case d >= 2*time.Minute:
		text = fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	case d >= 2*time.Second:
		text = fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	}
	return t.Local().Format(time.DateTime) + " (" + text + ")"
}

func reloadCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "have the running daemon reload its rules",
		Long: `Have the running daemon read its rules and enforce anew, and wait for what comes of it.
What is wrong is printed as "tlswarden check" prints it; the rules that were in place
then stay, and the exit code is 1. It is also 1 if no daemon answers.`,
		Example:           "  tlswarden check --config /etc/tlswarden/tlswarden.toml && tlswarden reload",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", configUsage)
	completeConfig(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		r, err := control.AskReload(ctx, controlDir(config))
		if ctx.Err() != nil && err != nil {
			return fmt.Errorf("%w: %w", errInterrupted, errors.New("the daemon goes on with the reload"))
		}
		if err != nil {
			return err
		}
		printFound(cmd.OutOrStdout(), r.Found)
		fmt.Fprintln(cmd.OutOrStdout(), r.Message)
		if !r.OK {
			fmt.Fprintln(cmd.ErrOrStderr(), "tlswarden: mend what is reported above, and then type: tlswarden reload")
			return exitCode(exitErrors)
		}
		return nil
	})
	return cmd
}
