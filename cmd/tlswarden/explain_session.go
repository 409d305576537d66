package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/tomlfile"
	"tlswarden/policyd"
	"tlswarden/rules"
	"tlswarden/rules/ruletest"
)

// subject is a session that is to be explained.
type subject struct {
	session *rules.Session
	state   string      // protocol_state in which the policy service is asked
	assumed string      // a fact that nobody gave, "" for none
	test    *testResult // of the [[test]] that it is from, nil if it is not its own
}

// given collects the facts of the command line.
func (f *explainFlags) given(cmd *cobra.Command) (map[string]string, error) {
	given := map[string]string{}
	for _, fact := range f.facts {
		name, value, ok := strings.Cut(fact, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--fact takes NAME=VALUE, not %q", fact)}
		}
		if _, twice := given[name]; twice {
			return nil, usageError{fmt.Errorf("the fact %s is given twice", name)}
		}
		given[name] = value
	}
	for name, value := range f.short {
		if !cmd.Flags().Changed(flagOf(name)) {
			continue
		}
		if _, twice := given[name]; twice {
			return nil, usageError{fmt.Errorf("the fact %s is given twice", name)}
		}
		given[name] = *value
	}
	return given, nil
}

// subject makes the session from what the command line names, and the text of the
// request if it names one.
func (f *explainFlags) subject(cmd *cobra.Command, src ruleSource, request string, given map[string]string, now time.Time) (subject, error) {
	if f.request != "" {
		return fromRequest(request, src, given, now)
	}
	base := ruletest.Facts{}
	var test *ruletest.Test
	if f.test != "" {
		var err error
		if test, err = f.named(src, cmd.ErrOrStderr()); err != nil {
			return subject{}, err
		}
		base = test.Facts
	}
	in := subject{state: "RCPT"}
	if _, ok := given[portField]; !ok && test == nil {
		in.assumed, given[portField] = portField, publicPort
	}
	facts, err := base.With(src.policy, given)
	if err != nil {
		return subject{}, usageError{err}
	}
	in.session = facts.SessionFor(src.policy, now)
	if test != nil && len(given) == 0 {
		result := resultOf(test, src.policy, now)
		in.test = &result
	}
	return in, nil
}

// portField is a fact that every session has, and that few think of: rules for port
// 25 would seem not to apply.
const (
	portField  = "server_port"
	publicPort = "25"
)

// named finds the [[test]] of that name.
func (f *explainFlags) named(src ruleSource, stderr io.Writer) (*ruletest.Test, error) {
	if src.broken.HasErrors() {
		printFound(stderr, src.broken)
		return nil, exitCode(exitErrors)
	}
	var found *ruletest.Test
	var names []string
	for i := range src.tests {
		t := &src.tests[i]
		names = append(names, t.Name)
		if t.Name != f.test {
			continue
		}
		if found != nil {
			return nil, usageError{fmt.Errorf("two tests are named %q, at %s:%d and at %s:%d",
				f.test, found.Pos.File, found.Pos.Line, t.Pos.File, t.Pos.Line)}
		}
		found = t
	}
	if found == nil {
		hint := ""
		if near := tomlfile.Suggest(f.test, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, usageError{fmt.Errorf("there is no [[test]] named %q%s", f.test, hint)}
	}
	return found, nil
}

// maxPasted bounds what is read for a request, beyond what any server takes.
const maxPasted = 1 << 20

// fromRequest takes a request of the policy protocol. Only what the daemon adds
// to a request can be given besides.
func fromRequest(request string, src ruleSource, given map[string]string, now time.Time) (subject, error) {
	p := src.policy
	facts, err := ruletest.Facts{}.With(p, given)
	if err != nil {
		return subject{}, usageError{err}
	}
	for name := range facts {
		if field := rules.FieldByName(name); field != nil && !field.Supply.Gate {
			return subject{}, usageError{fmt.Errorf("%s is for the request to say; only now, listener.* and plugin.* can be given besides", name)}
		}
	}
	s, state, err := policyd.ParseRequest(request, src.asks.Reads)
	if err != nil {
		return subject{}, fmt.Errorf("the request cannot be read: %w", err)
	}
	gate := facts.Session(now)
	s.Now, s.ListenerTLSSeen, s.ListenerCertSeen = gate.Now, gate.ListenerTLSSeen, gate.ListenerCertSeen
	facts.Supply(p, s)
	return subject{session: s, state: state}, nil
}

func readRequest(name string, stdin io.Reader) (string, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("the request cannot be read: %w", err)
		}
		defer file.Close()
		stdin = file
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxPasted+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the request cannot be read: %w", err)
	case len(b) > maxPasted:
		return "", errors.New("the request cannot be read: it is too long")
	}
	return string(b), nil
}
