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
	c, err := s.change()
	if err != nil {
		return nil, err
	}
	for _, front := range fronts {
		if err := s.hook(ctx, c, front, ours); err != nil {
			return nil, err
		}
	}
	if err := s.note(ctx, c, fronts, ours); err != nil {
		return nil, err
	}
	if err := s.compare(ctx, c, ours); err != nil || !slices.Contains(fronts, Policy) {
		return []*Change{c}, err
	}
	told, err := s.tell(ctx, ours, c.asked)
	return []*Change{c, told}, err
}

// hook changes main.cf so that Postfix asks one front end, if it does not do so
// already.
func (s *site) hook(ctx context.Context, c *Change, front string, ours Addresses) error {
	list, param := ours.of(front), parameterOf(front)
	if len(list) == 0 {
		return noFront(front)
	}
	if asked, err := s.hooked(ctx, front, postfixMatch(list, s.queue)); asked || err != nil {
		return err
	}
	address, written, err := s.choose(front, list)
	if err != nil {
		return err
	}
	c.asked = append(c.asked, question{address, front})
	text := takeOut(string(c.New), param, postfixMatch(ours.WithDefaults().of(front), s.queue))
	builtIn, err := s.values(ctx, "-hd", param.name)
	if err != nil {
		return err
	}
	value := builtIn[0]
	if d, count := defined(text, param.name); count > 0 {
		value = d.value
	}
	at, err := s.placeFor(ctx, front, param.name, value, entry(front, written))
	if err != nil {
		return err
	}
	text, err = param.hook(text, entry(front, written), builtIn[0], at)
	c.New = []byte(text)
	return err
}

// hooked says whether main.cf has Postfix ask a front end already.
func (s *site) hooked(ctx context.Context, front string, match func(string) bool) (bool, error) {
	set, err := s.settings(ctx, "-nx")
	if err != nil {
		return false, err
	}
	main := service{values: valuesOf(set)}
	for _, w := range main.ways(front, match) {
		if w.never == "" && (w.name == parameterOf(front).name || w.sees(front)) {
			return true, nil
		}
	}
	return false, nil
}

// entry is what a list has so that a front end is asked.
func entry(front, written string) string {
	if front == Policy {
		return packaging.PostfixPolicyAt(written)
	}
	return packaging.PostfixMilterAt(written)
}

// Unhook is the change that takes all out of main.cf that makes Postfix ask
// tlswarden, by whatever front end.
func (p Postfix) Unhook(ctx context.Context, ours Addresses) (*Change, error) {
	s, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.change()
	if err != nil {
		return nil, err
	}
	ours = ours.WithDefaults()
	asking, err := s.asking(ctx, ours)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{} // that ask nobody then, not even through another parameter
	text := string(c.Old)
	for _, front := range fronts {
		param, match := parameterOf(front), postfixMatch(ours.of(front), s.queue)
		d, _ := defined(text, param.name)
		for _, a := range asking {
			if a.service == "" && a.name == param.name {
				gone[a.name] = param.count(a.value, match) == param.count(d.value, match)
			}
		}
		text = takeOut(text, param, match)
	}
	c.New = []byte(text)
	for _, a := range asking {
		if a.service != "" || !gone[a.name] {
			c.Left = append(c.Left, a.where())
		}
	}
	return c, s.compare(ctx, c, ours)
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

// change is one of main.cf that changes nothing yet.
func (s *site) change() (*Change, error) {
	old, err := os.ReadFile(s.main)
	return &Change{File: s.main, Old: old, New: old, check: s.verify,
		Next: []string{strings.Join(append([]string{"postfix"}, s.args("reload")...), " ")}}, err
}

// verify has Postfix check its configuration; postfix(1).
func (s *site) verify(ctx context.Context) error {
	if out, err := runOnTerminal(ctx, "postfix", s.args("check")...); err != nil {
		return fmt.Errorf("postfix check: %w\n%s", err, out)
	}
	return nil
}
