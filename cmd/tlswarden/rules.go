package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tlswarden/internal/civil"
	"tlswarden/rules"
)

func rulesCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rules [--json] {--config FILE | FILES}",
		Short: "list the rules in the order in which they are read",
		Long: `Read rule files as the daemon does and print the policy that they make, a line
for each rule, in the order in which mail meets them:

  WHEN     the conditions, all of which must hold; "all mail" if there are none
  REQUIRE  the profile that the session must meet; "-" for a rule with action
  TODAY    what the rule does now, by observe, rollout and expires. The action in
           brackets is what a rule under observe would do
  NEXT     the next step of its rollout, and from when on
  EXPIRES  the last day on which it is read; "by entry" if entries of a list end
  OWNER    who answers for it

A line below a rule that begins with "except" is one of its exceptions: what the rule
does instead where its conditions hold, "pass" if it does nothing.

With --config, take the rules that the configuration names. With --json, print
the same for programs, with the whole rollout and the notes.

The exit code is 0, 1 if the rules cannot be used, and 2 for a wrong command
line.`,
		Example: "  tlswarden rules rules.d/*.toml\n  tlswarden rules --config /etc/tlswarden/tlswarden.toml --json",
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "list the rules of this configuration `file`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	completeRules(cmd)
	cmd.RunE = ran(func(cmd *cobra.Command, files []string) error {
		src, err := loadSource(cmd.Context(), "rules", config, files, false, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		list := listRules(src.policy, time.Now())
		if asJSON {
			return writeJSON(cmd.OutOrStdout(), list)
		}
		return list.print(cmd.OutOrStdout())
	})
	return cmd
}

// ruleList is a compiled policy made readable.
type ruleList struct {
	Enforce string    `json:"enforce"`
	Header  string    `json:"header"`
	Rules   []ruleRow `json:"rules"`
}

type ruleRow struct {
	ruleRef
	When      []condition   `json:"when"`
	Except    []exceptRow   `json:"except"`
	Require   string        `json:"require"` // "": a rule with action
	Action    string        `json:"action"`  // or otherwise
	OnUnknown string        `json:"on_unknown"`
	Observe   bool          `json:"observe"`
	Today     string        `json:"today"`
	Next      string        `json:"next"` // step of the rollout
	Rollout   []rolloutStep `json:"rollout"`
	Expires   string        `json:"expires"` // the last day, "": never
	Owner     string        `json:"owner"`
	Note      string        `json:"note"`
}

// exceptRow is an exception of a rule.
type exceptRow struct {
	exceptionRef
	When    []condition `json:"when"`
	Expires string      `json:"expires"` // the last day, "": never
	Owner   string      `json:"owner"`
	Note    string      `json:"note"`
	byEntry string      // what stands for Expires if entries of its lists end
}

func exceptRows(r *rules.Rule) []exceptRow {
	rows := []exceptRow{}
	for i := range r.Except {
		x := &r.Except[i]
		rows = append(rows, exceptRow{*exceptionOf(x), conditionsOf(x.When), lastDay(x.Expires), x.Owner, x.Note, byEntry(x.When)})
	}
	return rows
}

// byEntry tells of conditions on lists of which some entries end.
func byEntry(when []rules.Condition) string {
	if slices.ContainsFunc(when, func(c rules.Condition) bool { return c.Set.Ends() }) {
		return "by entry"
	}
	return ""
}

func conditionsOf(when []rules.Condition) []condition {
	list := []condition{}
	for _, c := range when {
		list = append(list, condition{c.Field.Name, c.Text})
	}
	return list
}

type condition struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

type rolloutStep struct {
	From    string `json:"from"`
	Does    string `json:"does"` // an action, or "observe"
	Percent int    `json:"percent"`
}

func listRules(p *rules.Policy, now time.Time) ruleList {
	list := ruleList{Enforce: p.Enforce().String(), Header: p.Header(), Rules: []ruleRow{}}
	for _, r := range p.Rules() {
		row := ruleRow{
			ruleRef: *refOf(r), When: conditionsOf(r.When), Except: exceptRows(r), Action: r.Does().String(), Observe: r.Observe,
			Today: today(r, now), Next: nextStep(r, now), Rollout: []rolloutStep{},
			Expires: lastDay(r.Expires), Owner: r.Owner, Note: r.Note,
		}
		if r.Require != nil {
			row.Require = r.Require.Name
		}
		if a, ok := r.OnUnknown.Get(); ok {
			row.OnUnknown = a.String()
		}
		for i := range r.Rollout {
			step := &r.Rollout[i]
			row.Rollout = append(row.Rollout, rolloutStep{civil.Format(step.From, time.Local), stepDoes(r, step), step.Percent})
		}
		list.Rules = append(list.Rules, row)
	}
	return list
}

// stepDoes is what a rule does in a step of its rollout.
func stepDoes(r *rules.Rule, step *rules.RolloutStep) string {
	if step.Observe {
		return "observe"
	}
	return step.Action.Or(r.Does()).String()
}

// stepText is the same with the part of the senders that it is done to.
func stepText(r *rules.Rule, step *rules.RolloutStep) string {
	if step.Percent < 100 {
		return stepDoes(r, step) + " for " + strconv.Itoa(step.Percent) + "%"
	}
	return stepDoes(r, step)
}

// today says what a rule does at a point of time. Where that depends on the
// sender, it names the newest step first, and then what the others get.
func today(r *rules.Rule, now time.Time) string {
	observing := "observe (" + r.Does().String() + ")"
	switch {
	case r.Expired(now):
		return "expired"
	case r.Observe:
		return observing
	case len(r.Rollout) == 0:
		return r.Does().String()
	}
	var parts []string
	for i := len(r.Rollout) - 1; i >= 0; i-- {
		step := &r.Rollout[i]
		if now.Before(step.From) {
			continue
		}
		parts = append(parts, stepText(r, step))
		if step.Percent >= 100 {
			return strings.Join(parts, ", else ")
		}
	}
	return strings.Join(append(parts, observing), ", else ")
}

// nextStep names the first step of the rollout that is still to come.
func nextStep(r *rules.Rule, now time.Time) string {
	for i := range r.Rollout {
		if step := &r.Rollout[i]; now.Before(step.From) {
			return civil.Format(step.From, time.Local) + " " + stepText(r, step)
		}
	}
	return ""
}

// print renders the list as a table.
func (l ruleList) print(w io.Writer) error {
	if note := enforceNote(l.Enforce); note != "" {
		fmt.Fprintf(w, "%s\n\n", note)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "#\tRULE\tWHERE\tWHEN\tREQUIRE\tTODAY\tNEXT\tEXPIRES\tOWNER")
	for _, r := range l.Rules {
		printRow(t, strconv.Itoa(r.Order), r.Name, r.place(), whenText(r.When), r.Require, r.Today, r.Next, r.Expires, r.Owner)
		for _, x := range r.Except {
			printRow(t, "", "except", x.place(), whenText(x.When), "", x.Does, "", cmp.Or(x.Expires, x.byEntry), x.Owner)
		}
	}
	return t.Flush()
}

func printRow(w io.Writer, cells ...string) {
	for i := range cells {
		if cells[i] = clean(cells[i]); cells[i] == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// place is where the rule is written.
func (r *ruleRef) place() string {
	if r.File == "" {
		return "built in"
	}
	return r.File + ":" + strconv.Itoa(r.Line)
}

func whenText(when []condition) string {
	if len(when) == 0 {
		return "all mail"
	}
	var parts []string
	for _, c := range when {
		parts = append(parts, c.text())
	}
	return strings.Join(parts, "; ")
}

// text renders a condition: comparisons as they are, else with "=".
func (c condition) text() string {
	if strings.HasPrefix(c.Value, "<") && c.Value != "<>" || strings.HasPrefix(c.Value, ">") {
		return c.Field + " " + c.Value
	}
	return c.Field + " = " + c.Value
}

// enforceNote says what the safety catch does to all rules, "" if nothing.
func enforceNote(enforce string) string {
	switch enforce {
	case rules.EnforceSoft.String():
		return `enforce = "soft": every reject is a defer`
	case rules.EnforceObserve.String():
		return `enforce = "observe": nothing is done, what would be done is recorded`
	}
	return ""
}
