package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"tlswarden/internal/setup"
)

// Where distributions have the source of Sendmail's configuration.
const defaultMC = "/etc/mail/sendmail.mc"

func setupPostfixCommand() *cobra.Command {
	var f setupFlags
	var dir, front string
	cmd := &cobra.Command{
		Use:   "postfix [--front milter|policy|both] [--apply | --remove [--dry-run]]",
		Short: "hook tlswarden into Postfix, or take it out",
		Long: `Show how main.cf is to be changed so that Postfix asks tlswarden: lines that go
begin with "-", lines that come with "+". The milter is added to smtpd_milters, the
policy service to smtpd_recipient_restrictions, in front of the first restriction that
ends the list for mail from outside, or may end it: permit, permit_auth_destination,
reject, an access table, another policy service. Only what permits your own clients
stays in front of it, such as permit_mynetworks; a warning says that their mail is not
asked about. Where both come from one $parameter or restriction class, nothing is
changed, and the error says what to write there. All else in main.cf stays as it is,
octet for octet, and so does the file's mode, owner and access control list.

The address is the first of the configuration that Postfix can reach: a unix-domain
socket if it exists and Postfix's user may write to it, and, where an smtpd of
master.cf is chrooted, only if it is below Postfix's queue directory; else inet.

For the policy service, the entries of listen in tlswarden.toml that Postfix asks get
the keys that tell how it reads addresses, such as origin for myorigin. Those that
differ are replaced, and all else in the file stays; --remove leaves them there. The
milter needs none.

With --apply the change is made, if tlswarden answers there: else mail would be
deferred. The old main.cf is kept beside it as main.cf.before-tlswarden-DATE-TIME,
and so is the old tlswarden.toml.
If "postfix check" then fails, the old one is put back. Postfix is not reloaded. If
Postfix asks tlswarden already, nothing is changed.

With --remove all is taken out of both parameters that asks one of tlswarden's
addresses; main.cf is what it was before --apply, if nobody else changed it. With
--dry-run the change is shown alone. It needs neither the daemon nor a configuration that is in order; without
one, it knows the usual addresses only.

What master.cf sets for a service by itself, by -o, is told and never changed.

The exit code is 0 if the change was shown, made, or not needed; 1 if it cannot be
made, or if after --remove something else still asks tlswarden; and 2 for a wrong
command line.`,
		Example: `  tlswarden setup postfix
  tlswarden setup postfix --front both --apply && systemctl restart tlswarden && postfix reload
  tlswarden setup postfix --remove --dry-run
  tlswarden setup postfix --remove && postfix reload`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&front, "front", setup.Milter, "what Postfix is to ask: `milter|policy|both`")
	f.register(cmd)
	cmd.Flags().StringVar(&dir, "postfix-config", "", "`directory` of main.cf, as for postconf -c")
	completeFlag(cmd, "front", cobra.FixedCompletions([]cobra.Completion{setup.Milter, setup.Policy, "both"}, cobra.ShellCompDirectiveNoFileComp))
	completeFlag(cmd, "postfix-config", directories)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		fronts := map[string][]string{setup.Milter: {setup.Milter}, setup.Policy: {setup.Policy}, "both": {setup.Milter, setup.Policy}}[front]
		if fronts == nil {
			return usageError{fmt.Errorf("--front must be milter, policy or both, not %q", front)}
		}
		if f.remove && cmd.Flags().Changed("front") {
			return usageError{errors.New("--remove takes out all front ends, whatever --front says")}
		}
		p, err := postfixAt(dir)
		if err != nil {
			return err
		}
		return f.run(cmd, "Postfix", func(ctx context.Context, ours setup.Addresses) ([]*setup.Change, error) {
			return p.Hook(ctx, fronts, ours)
		}, p.Unhook)
	})
	return cmd
}

func setupSendmailCommand() *cobra.Command {
	var f setupFlags
	var mc string
	cmd := &cobra.Command{
		Use:   "sendmail [--mc FILE] [--apply | --remove [--dry-run]]",
		Short: "hook tlswarden into Sendmail, or take it out",
		Long: `Show how sendmail.mc is to be changed so that Sendmail asks tlswarden: lines that go
begin with "-", lines that come with "+". The filter is added behind those of others,
before the first MAILER or LOCAL section.

The address is the first of the configuration that Sendmail can reach: inet, or a
unix-domain socket that exists and above which only root can write to directories.

If Sendmail has one domain of its own, the entry of listen in tlswarden.toml that it
asks gets this as the origin of addresses without a domain; if it has several, they
are listed, and the choice is yours.

With --apply the change is made, if tlswarden answers there, if what m4 makes of the
new file asks tlswarden, and if Sendmail, where it is installed, accepts that. The
old file is kept beside it as sendmail.mc.before-tlswarden-DATE-TIME. Sendmail.cf is
not made anew, and Sendmail not restarted. If the filter is there already, nothing
is changed.

With --remove the filter is taken out, known by its name or by one of tlswarden's
addresses. With --dry-run the change is shown alone. It needs neither the daemon nor a configuration that is in order.

The exit code is 0 if the change was shown, made, or not needed; 1 if it cannot be
made; and 2 for a wrong command line.`,
		Example: `  tlswarden setup sendmail
  tlswarden setup sendmail --apply && make -C /etc/mail && systemctl restart sendmail
  tlswarden setup sendmail --remove && make -C /etc/mail && systemctl restart sendmail`,
		Args: cobra.NoArgs,
	}
	f.register(cmd)
	cmd.Flags().StringVar(&mc, "mc", defaultMC, "source of Sendmail's configuration, a `file`")
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		s := setup.Sendmail{MC: mc}
		return f.run(cmd, "Sendmail", s.Hook, func(_ context.Context, ours setup.Addresses) (*setup.Change, error) {
			return s.Unhook(ours)
		})
	})
	return cmd
}

// postfixAt is the Postfix whose main.cf is in a directory, which postfix(1) takes
// by its whole path only; "" is the usual one.
func postfixAt(dir string) (setup.Postfix, error) {
	if dir == "" {
		return setup.Postfix{}, nil
	}
	dir, err := filepath.Abs(dir)
	return setup.Postfix{Dir: dir}, err
}
