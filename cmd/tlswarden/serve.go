package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"tlswarden/internal/daemon"
)

func serveCommand() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the daemon",
		Long: `Run the daemon in the foreground: the milter and the policy service that the
configuration names. Without one, both listen on loopback (` + daemon.DefaultMilter + ` and
` + daemon.DefaultPolicy + `), and nothing is deferred or rejected: mail that came in
plaintext or under old TLS is tagged.

SIGHUP reloads rules and enforce, and makes plugins forget what they have answered;
SIGUSR1 logs the counts of the rules and how plugins do; SIGTERM ends the daemon
after what is under way is finished. Under systemd, sockets that
it passes are taken over (LISTEN_FDS), and it is told of readiness and health
(NOTIFY_SOCKET, WATCHDOG_USEC).`,
		Example: "  tlswarden serve --config /etc/tlswarden/tlswarden.toml",
		Args:    cobra.NoArgs,

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "configuration `file`")
	completeConfig(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGINT)
		defer signal.Stop(signals)
		err := daemon.Run(cmd.Context(), config, signals, cmd.ErrOrStderr())
		var bad *daemon.ConfigError
		if errors.As(err, &bad) {
			printFound(cmd.ErrOrStderr(), bad.Found)
			return exitCode(exitErrors)
		}
		return err
	})
	return cmd
}
