package setup

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"tlswarden/packaging"
)

// Hook returns the change that makes Postfix ask tlswarden through the front ends
// given, and, for the policy service, that of tlswarden's configuration by which it
// reads addresses as Postfix does. The error says what keeps it from that: a front
// end that the configuration has not, or addresses that Postfix cannot reach.
func (p Postfix) Hook(ctx context.Context, fronts []string, ours Addresses) ([]*Change, error) {
	s, err := p.look(ctx)
	if err == nil {
		err = s.lookCloser(ctx)
	}
	if err != nil {
		return nil, err
	}
	c := &Change{}
	var set []string
	for _, front := range fronts {
		line, err := s.hook(ctx, c, front, ours)
		if err != nil {
			return nil, err
		}
		set = append(set, line...)
	}
	if err := s.noteOverrides(ctx, c, fronts); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, c, set, nil); err != nil || !slices.Contains(fronts, Policy) {
		return []*Change{c}, err
	}
	told, err := s.tell(ctx, ours, c.asked)
	return []*Change{c, told}, err
}

// hook returns what main.cf is to have so that Postfix asks one front end: nothing,
// if it does so already.
func (s *site) hook(ctx context.Context, c *Change, front string, ours Addresses) ([]string, error) {
	list := ours.of(front)
	if len(list) == 0 {
		return nil, noFront(front)
	}
	param := parameterOf(front)
	value, err := s.value(ctx, param.name)
	if err != nil {
		return nil, err
	}
	if param.asks(value.expanded, postfixMatch(list, s.queue)) {
		return nil, nil
	}
	address, written, err := s.choose(front, list)
	if err != nil {
		return nil, err
	}
	c.asked = append(c.asked, question{address, front})
	stale := postfixMatch(ours.WithDefaults().of(front), s.queue)
	next, err := param.hook(value.raw, entry(front, written), stale)
	if err != nil {
		return nil, err
	}
	return []string{param.name + " = " + next}, nil
}

// entry is what a list has so that a front end is asked.
func entry(front, written string) string {
	if front == Policy {
		return packaging.PostfixPolicyAt(written)
	}
	return packaging.PostfixMilterAt(written)
}

// value is what a parameter has: as it is written, and with each $name filled in.
type value struct{ raw, expanded, builtIn string }

func (s *site) value(ctx context.Context, name string) (value, error) {
	var v value
	for flags, to := range map[string]*string{"-h": &v.raw, "-hx": &v.expanded, "-hd": &v.builtIn} {
		lines, err := s.values(ctx, flags, name)
		if err != nil {
			return v, err
		}
		*to = lines[0]
	}
	return v, nil
}

// Unhook is the change that takes all out of main.cf that makes Postfix ask
// tlswarden, by whatever front end.
func (p Postfix) Unhook(ctx context.Context, ours Addresses) (*Change, error) {
	s, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	ours = ours.WithDefaults()
	c := &Change{}
	var set, remove []string
	gone := map[string]bool{} // that ask nobody then, not even through another parameter
	for _, front := range []string{Milter, Policy} {
		param, match := parameterOf(front), postfixMatch(ours.of(front), s.queue)
		value, err := s.value(ctx, param.name)
		if err != nil {
			return nil, err
		}
		next := param.unhook(value.raw, match)
		switch {
		case next == value.raw:
			continue
		case len(words(next)) == 0 || sameList(next, value.builtIn):
			remove = append(remove, param.name)
		default:
			set = append(set, param.name+" = "+next)
		}
		gone[param.name] = param.count(value.expanded, match) == param.count(value.raw, match)
	}
	asking, err := s.asking(ctx, ours)
	if err != nil {
		return nil, err
	}
	for _, a := range asking {
		if a.service != "" || !gone[a.name] {
			c.Left = append(c.Left, a.where())
		}
	}
	return c, s.fill(ctx, c, set, remove)
}

// asking are the settings by which Postfix asks one of the addresses.
func (s *site) asking(ctx context.Context, ours Addresses) ([]setting, error) {
	main, err := s.settings(ctx, "-nx")
	if err != nil {
		return nil, err
	}
	services, err := s.settings(ctx, "-Px")
	if err != nil {
		return nil, err
	}
	milter, policy := postfixMatch(ours.Milter, s.queue), postfixMatch(ours.Policy, s.queue)
	var out []setting
	for _, set := range append(main, services...) {
		asks := parameterOf(Policy).asks(set.value, policy)
		if set.name == "smtpd_milters" || set.name == "non_smtpd_milters" {
			asks = parameterOf(Milter).asks(set.value, milter)
		}
		if asks {
			out = append(out, set)
		}
	}
	return out, nil
}

// noteOverrides tells of services that do not follow main.cf.
func (s *site) noteOverrides(ctx context.Context, c *Change, fronts []string) error {
	services, err := s.settings(ctx, "-P")
	for _, set := range services {
		for _, front := range fronts {
			if set.name == parameterOf(front).name {
				c.Notes = append(c.Notes, fmt.Sprintf("master.cf sets %s for the service %s by itself (-o), and this is not changed: %s = %s",
					set.name, set.service, set.name, set.value))
			}
		}
	}
	return err
}

// fill makes the change that sets and removes parameters.
func (s *site) fill(ctx context.Context, c *Change, set, remove []string) error {
	c.File, c.check = s.main, s.verify
	c.Next = []string{strings.Join(append([]string{"postfix"}, s.args("reload")...), " ")}
	old, err := os.ReadFile(s.main)
	if err != nil {
		return err
	}
	c.Old, c.New = old, old
	if len(set) > 0 || len(remove) > 0 {
		c.New, err = edited(ctx, old, set, remove)
	}
	return err
}

// verify has Postfix check its configuration; postfix(1).
func (s *site) verify(ctx context.Context) error {
	if out, err := runOnTerminal(ctx, "postfix", s.args("check")...); err != nil {
		return fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	return nil
}
