package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tlswarden/internal/tomlfile"
	"tlswarden/rules/rulefile"
)

// The exit codes of all commands.
const (
	exitOK       = 0
	exitErrors   = 1 // something is wrong, and was said
	exitUsage    = 2 // the command line is wrong
	exitWarnings = 3 // check --strict: there are warnings; setup status: the answer is not known
	exitAmiss    = 4 // setup status: a mail server asks, but not everywhere, or nothing answers
)

// exitCode is an error that was said already and only ends the command.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program. What it prints on standard error begins with the
// program's name, is lower-case and has no full stop.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	}
	var usage usageError
	fmt.Fprintf(stderr, "tlswarden: %v\n", err)
	if errors.As(err, &usage) || isCobraUsage(err) {
		fmt.Fprintf(stderr, "tlswarden: see %q\n", "tlswarden help"+strings.TrimPrefix(cmd.CommandPath(), "tlswarden"))
		return exitUsage
	}
	return exitErrors
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

// running marks that a command's own code was reached: errors before that are
// cobra's, about the command line.
type ranError struct{ error }

func (e ranError) Unwrap() error { return e.error }

func isCobraUsage(err error) bool {
	var ran ranError
	return !errors.As(err, &ran)
}

// ran wraps a command's function so that its errors are told from cobra's.
func ran(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return ranError{err}
		}
		return nil
	}
}

// knownCommand refuses a command that does not exist, with the one that may be meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("there is no command %q; did you mean %s?", args[0], near[0])
	}
	return fmt.Errorf("there is no command %q", args[0])
}

var (
	unknownFlag = regexp.MustCompile(`^unknown flag: --([^ =]+)`)
	anyFlag     = regexp.MustCompile(`(?m)^.{6}--([a-z-]+)`)
)

// flagError says which option is meant by one that does not exist.
func flagError(cmd *cobra.Command, err error) error {
	found := unknownFlag.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	var names []string
	for _, flag := range anyFlag.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		names = append(names, flag[1])
	}
	meant := strings.ReplaceAll(rulefile.FieldCalled(strings.ReplaceAll(found[1], "-", "_")), "_", "-")
	if !slices.Contains(names, meant) {
		meant = tomlfile.Suggest(found[1], names)
	}
	if meant == "" {
		return fmt.Errorf("%s has no option --%s", cmd.Name(), found[1])
	}
	return fmt.Errorf("%s has no option --%s; did you mean --%s?", cmd.Name(), found[1], meant)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "tlswarden",
		Short:         "judge mail by how its SMTP session was encrypted",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		Version:       versionLine(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("no command is given")}
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().BoolP("version", "V", false, "print the version")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(serveCommand(), checkCommand(), testCommand(), explainCommand(), rulesCommand(), profilesCommand(), setupCommand(), statusCommand(), reloadCommand(), versionCommand())
	return root
}
