package main

import (
	"context"
	"errors"
	"fmt"
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
after what is under way is finished, a second one at once. Under systemd, sockets that
it passes are taken over (LISTEN_FDS), and it is told of readiness and health
(NOTIFY_SOCKET, WATCHDOG_USEC).`,
		Example: "  tlswarden serve --config /etc/tlswarden/tlswarden.toml",
		Args:    noFiles,

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "configuration `file`")
	completeConfig(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, _ []string) error {
		catchPipe()
		ctx, restore := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer restore()
		context.AfterFunc(ctx, restore) // a second one ends the process, as is usual
		signals := daemon.Signals{Reload: notify(syscall.SIGHUP), Counts: notify(syscall.SIGUSR1)}
		err := daemon.Run(ctx, config, versionText(), signals, cmd.ErrOrStderr())
		var bad *daemon.ConfigError
		if errors.As(err, &bad) {
			printFound(cmd.ErrOrStderr(), bad.Found)
			return exitCode(exitErrors)
		}
		return err
	})
	return cmd
}

// notify returns a channel that holds one signal: more of it, while the daemon is
// busy, ask for nothing more.
func notify(s os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, s)
	return c
}

// catchPipe makes a write to a log that nobody reads an error like any other. By
// default, and even where SIGPIPE is inherited as ignored, Go ends the process
// (os/signal, "SIGPIPE"), and a service manager takes that for a clean end. The
// signal is caught and not ignored, for plugins would inherit that.
func catchPipe() { notify(syscall.SIGPIPE) }

// noFiles refuses files, which other commands take.
func noFiles(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("serve takes no files; write tlswarden serve --config FILE")
}
