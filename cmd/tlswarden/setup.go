package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/setup"
)

func setupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup {postfix | sendmail | status}",
		Short: "hook tlswarden into Postfix or Sendmail, or take it out",
		Long: `Show the change that makes a mail server ask tlswarden, make it with --apply, and
undo it with --remove.`,
		Args: cobra.ArbitraryArgs, // so that a wrong one is told from none
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("setup knows postfix, sendmail and status, not %q", args[0])}
			}
			return usageError{errors.New("setup takes postfix, sendmail or status")}
		},
	}
	cmd.AddCommand(setupPostfixCommand(), setupSendmailCommand(), setupStatusCommand())
	return cmd
}

// setupFlags are what both mail servers have in common.
type setupFlags struct {
	config                string
	apply, remove, dryRun bool
}

func (f *setupFlags) register(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&f.config, "config", "c", "", configUsage)
	completeConfig(cmd)
	cmd.Flags().BoolVar(&f.apply, "apply", false, "make the change")
	cmd.Flags().BoolVar(&f.remove, "remove", false, "take tlswarden out again")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "with --remove: show the change, and make none")
}

// A mail server's side of a setup: the change that is wanted. To hook it up, that of
// its own configuration comes first, and that of tlswarden's may follow.
type (
	hooked   func(ctx context.Context, ours setup.Addresses) ([]*setup.Change, error)
	unhooked func(ctx context.Context, ours setup.Addresses) (*setup.Change, error)
)

// run shows or makes a change of a mail server called name.
func (f *setupFlags) run(cmd *cobra.Command, name string, hook hooked, unhook unhooked) error {
	if f.apply && f.remove {
		return usageError{errors.New("--apply and --remove exclude each other")}
	}
	if f.dryRun && !f.remove {
		return usageError{errors.New("--dry-run is for --remove: without --apply nothing is changed anyway")}
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	s := setting{cmd.OutOrStdout(), cmd.ErrOrStderr(), name}
	var err error
	if f.remove {
		err = s.remove(ctx, f.config, unhook, f.dryRun)
	} else {
		err = s.hook(ctx, f.config, hook, f.apply)
	}
	if ctx.Err() != nil && err != nil {
		return fmt.Errorf("%w: %w", errInterrupted, err)
	}
	return err
}

// setting is a change under way, and whom it is told.
type setting struct {
	stdout, stderr io.Writer
	server         string
}

func (s *setting) warn(format string, args ...any) {
	fmt.Fprintf(s.stderr, "tlswarden: warning: "+format+"\n", args...)
}

func (s *setting) warnAll(notes []string) {
	for _, n := range notes {
		s.warn("%s", n)
	}
}

// hook shows the change that makes the mail server ask tlswarden, and makes it if
// that is wanted.
func (s *setting) hook(ctx context.Context, config string, hook hooked, apply bool) error {
	ours, found := setupAddresses(config)
	if found.HasErrors() {
		printFound(s.stderr, found)
		return exitCode(exitErrors)
	}
	changes, err := hook(ctx, ours)
	if err != nil {
		return err
	}
	for _, c := range changes {
		s.warnAll(c.Notes)
	}
	if server := changes[0]; !server.Needed() {
		fmt.Fprintf(s.stdout, "%s: nothing to change: %s asks tlswarden already\n", server.File, s.server)
	}
	changes = slices.DeleteFunc(changes, func(c *setup.Change) bool { return !c.Needed() })
	switch {
	case len(changes) == 0:
		return nil
	case apply:
		return s.make(ctx, changes)
	}
	s.show(changes)
	for _, c := range changes {
		if err := c.Answers(ctx); err != nil {
			s.warn("%v; start tlswarden before --apply", err)
		}
	}
	fmt.Fprintf(s.stdout, "\nnothing is changed yet: with --apply it is, and then it takes\n")
	s.next(changes)
	return nil
}

// remove takes tlswarden out, or shows how. It does so whatever the configuration is like, as
// mail is deferred as long as the mail server asks a program that is not there.
func (s *setting) remove(ctx context.Context, config string, unhook unhooked, dryRun bool) error {
	ours, found := setupAddresses(config)
	if found.HasErrors() {
		s.warn("the configuration cannot be used; looked for are the addresses that can be made out in it, and the usual ones")
	}
	c, err := unhook(ctx, ours)
	if err != nil {
		return err
	}
	s.warnAll(c.Notes)
	if changes := []*setup.Change{c}; !c.Needed() {
		fmt.Fprintf(s.stdout, "%s: nothing to remove\n", c.File)
	} else if dryRun {
		s.show(changes)
		fmt.Fprintf(s.stdout, "\nnothing is changed yet: without --dry-run it is, and then it takes\n")
		s.next(changes)
	} else if err := s.make(ctx, changes); err != nil {
		return err
	}
	for _, left := range c.Left {
		fmt.Fprintf(s.stderr, "tlswarden: %s still asks tlswarden, and is to be changed by hand\n", left)
	}
	if len(c.Left) > 0 {
		return exitCode(exitErrors)
	}
	return nil
}

// make makes changes and says so.
func (s *setting) make(ctx context.Context, changes []*setup.Change) error {
	backups, err := setup.Apply(ctx, changes, time.Now())
	if err != nil {
		return err
	}
	s.show(changes)
	fmt.Fprintf(s.stdout, "\nchanged; what it was is in %s\nfor it to take effect:\n", strings.Join(backups, " and "))
	s.next(changes)
	return nil
}

func (s *setting) show(changes []*setup.Change) {
	for _, c := range changes {
		fmt.Fprintf(s.stdout, "%s\n%s", c.File, c.Diff())
	}
}

func (s *setting) next(changes []*setup.Change) {
	for _, c := range changes {
		for _, command := range c.Next {
			fmt.Fprintf(s.stdout, "  %s\n", command)
		}
	}
}
