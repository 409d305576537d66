package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/rules"
)

// explainFlags are the command line of explain.
type explainFlags struct {
	config  string
	request string
	test    string
	facts   []string
	short   map[string]*string // facts that have a flag of their own
	plugins bool
	json    bool
}

// shortFacts have a flag of their own, with "-" for "_".
var shortFacts = [...]string{"client", "helo", "server_port", "tls", "tls_version", "cipher", "sasl_user", "sender", "recipient", "now"}

func explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain [--json] {--config FILE [--plugins] | FILES} {FACTS | --request FILE | --test NAME}",
		Short: "say what becomes of a session, and why",
		Long: `Judge one session by rule files, or with --config by the rules of a configuration,
and print every rule that is looked at with what became of it: the condition that
settled it and the value seen, what the session lacks of the requirement, and what
the rule says. Then the verdict, and byte for byte what Postfix and Sendmail are
told: the reply of the policy service, and the frames of the milter. Nothing is
sent or recorded.

The session is one of these:

  FACTS           flags such as --client, and --fact NAME=VALUE for any field. What
                  is not given is as in a [[test]]: unknown if it belongs to TLS, the
                  message or a plugin, else known to be empty; where TLS is given and
                  nothing of a certificate, there was none. Without --server-port
                  it is taken to be 25, and the session shown says so
  --request FILE  a request of the policy protocol, as Postfix sends it; "-" reads
                  standard input. What is missing is unknown, as for the daemon
  --test NAME     a [[test]] of the rule files. Facts that are given besides take
                  the place of those of the test

In all three the facts listener.* are true unless they are given, and now is the
present. The id in the answers is always "explain". Where a front end cannot see a
fact that the rules look at, its answer is made without that fact. Where both serve
one Postfix they judge with the facts of both: then the policy service only refuses,
and leaves all else to the milter. A verdict that waits for the end of the message
says so.

With --plugins, the plugins of the configuration are started, and those that rules
look at are asked about the session, each for all the facts that rules want of it
and that are not given. What each answered, and how long it took, is shown. Without
it none is asked.

Colours are for terminals only, and not with NO_COLOR set. With --json, print the
same for programs.

The exit code is 0 whatever the verdict, 1 if rules or request cannot be used, and
2 for a wrong command line.`,
		Example: `  tlswarden explain rules.d/*.toml --client 203.0.113.7 --sender a@example.org --tls false
  tlswarden explain rules.d/*.toml --tls-version TLSv1.1 --cipher AES128-SHA --fact size=1000
  tlswarden explain --config /etc/tlswarden/tlswarden.toml --request - <request.txt
  tlswarden explain --config /etc/tlswarden/tlswarden.toml --plugins --sender a@example.org --tls false
  tlswarden explain rules.d/*.toml --test "plaintext is tagged" --now 2027-03-01`,
	}
	f.register(cmd)
	completeRules(cmd)
	f.completeSession(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, files []string) error { return f.run(cmd, files) })
	return cmd
}

func (f *explainFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.config, "config", "c", "", "take the rules of this configuration `file`")
	flags.StringVar(&f.request, "request", "", "explain the policy request in this `file`; - is standard input")
	flags.StringVar(&f.test, "test", "", "explain the [[test]] of this `name`")
	flags.StringArrayVar(&f.facts, "fact", nil, "a fact, by the name that rules use for it: `NAME=VALUE`")
	flags.BoolVar(&f.plugins, "plugins", false, "ask the plugins of the configuration")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	f.short = map[string]*string{}
	for _, name := range shortFacts {
		f.short[name] = flags.String(flagOf(name), "", rules.FieldByName(name).Meaning)
	}
}

func flagOf(field string) string { return strings.ReplaceAll(field, "_", "-") }

func (f *explainFlags) run(cmd *cobra.Command, files []string) error {
	given, err := f.given(cmd)
	if err != nil {
		return err
	}
	if f.request != "" && f.test != "" || f.request == "" && f.test == "" && len(given) == 0 {
		return usageError{errors.New("explain takes a session: facts such as --client 203.0.113.7, or --request, or --test")}
	}
	if f.plugins && f.config == "" {
		return usageError{errors.New("--plugins needs --config, which says how plugins are started")}
	}
	var request string
	if f.request != "" {
		if request, err = readRequest(f.request, cmd.InOrStdin()); err != nil {
			return err
		}
	}
	ctx := cmd.Context()
	if f.plugins { // from here on nothing waits for standard input
		var stop context.CancelFunc
		ctx, stop = interruptible(ctx)
		defer stop()
	}
	src, err := loadSource(ctx, "explain", f.config, files, f.plugins, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer src.plugins.Close()
	in, err := f.subject(cmd, src, request, given, time.Now())
	if err != nil {
		return err
	}
	plugins := src.ask(ctx, in.session, f.plugins)
	if ctx.Err() != nil {
		return errInterrupted
	}
	e := explain(src.policy, in.session)
	e.Plugins = plugins
	e.Test = in.test
	for i := range e.Session {
		e.Session[i].Assumed = e.Session[i].Field == in.assumed
	}
	if !src.milter {
		e.Verdict.Waits = nil // nobody sees the end of a message
	}
	if e.Answers, err = answers(src, in); err != nil {
		return err
	}
	return e.write(cmd.OutOrStdout(), f.json)
}

// write renders the explanation for programs or for people.
func (e *explanation) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, e)
	}
	t := &explainText{w: w, paint: paintFor(w)}
	t.test(e.Test)
	t.session(e)
	t.plugins(e.Plugins)
	t.reading(e)
	t.verdict(&e.Verdict, e.NotRead)
	t.answers(e)
	return t.err
}
