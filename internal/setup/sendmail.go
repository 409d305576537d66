package setup

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tlswarden/packaging"
)

// Sendmail is a Sendmail by the source of its configuration.
type Sendmail struct {
	MC string // sendmail.mc
}

// Hook returns the change that makes Sendmail ask the milter, and that of tlswarden's
// configuration by which the milter reads addresses as Sendmail does. The error says
// what keeps it from that: no [milter] in the configuration, or addresses out of
// reach.
func (s Sendmail) Hook(ctx context.Context, ours Addresses) ([]*Change, error) {
	c, at, err := s.hook(ours)
	if err != nil {
		return nil, err
	}
	told, err := ours.tell("Sendmail", Milter, at, []key{originOf(ctx, c.File)})
	return []*Change{c, told}, err
}

// hook also returns the addresses that Sendmail then asks.
func (s Sendmail) hook(ours Addresses) (*Change, []Address, error) {
	c, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	if len(ours.Milter) == 0 {
		return nil, nil, noFront(Milter)
	}
	text := string(c.Old)
	// The line's address matters only if the line is needed.
	if _, needed := hookMC(text, "", ours.Milter, ours.WithDefaults().Milter); !needed {
		return c, filteredAt(text, ours.Milter), nil
	}
	address, err := chooseSendmail(ours.Milter)
	if err != nil {
		return nil, nil, err
	}
	text, _ = hookMC(text, packaging.SendmailMilterAt(address.sendmail()), ours.Milter, ours.WithDefaults().Milter)
	c.New, c.asked = []byte(text), []question{{address, Milter}}
	c.try = func(ctx context.Context, draft string) error { return tryMC(ctx, draft, true) }
	return c, []Address{address}, nil
}

// filteredAt are those of the addresses that a sendmail.mc has Sendmail ask.
func filteredAt(text string, list []Address) []Address {
	all := filters(text)
	var out []Address
	for _, a := range list {
		if slices.ContainsFunc(all, func(f filter) bool { return f.input && f.at([]Address{a}) }) {
			out = append(out, a)
		}
	}
	return out
}

// Unhook is the change that keeps Sendmail from asking tlswarden.
func (s Sendmail) Unhook(ours Addresses) (*Change, error) {
	c, err := s.read()
	if err != nil {
		return nil, err
	}
	c.New = []byte(unhookMC(string(c.Old), ours.WithDefaults().Milter))
	if _, err := find("sendmail"); err == nil { // else it is gone, and with it what m4(1) needs
		c.try = func(ctx context.Context, draft string) error { return tryMC(ctx, draft, false) }
	}
	if !c.Needed() && s.cfAsks(ours) {
		c.Notes = []string{s.cf() + " was not made anew since, and Sendmail still asks tlswarden by it"}
	}
	return c, nil
}

// read is a change that changes nothing yet.
func (s Sendmail) read() (*Change, error) {
	file, err := filepath.EvalSymlinks(s.MC)
	if err != nil {
		return nil, err
	}
	old, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return &Change{File: file, Old: old, New: old,
		Next: []string{"make -C " + filepath.Dir(s.MC), "a restart of Sendmail, such as systemctl restart sendmail"}}, nil
}

// cf is the file that is made from sendmail.mc, and that Sendmail reads.
func (s Sendmail) cf() string { return strings.TrimSuffix(s.MC, ".mc") + ".cf" }

// status tells by what Sendmail asks tlswarden at one of the addresses, and whether it
// answers there.
func (s Sendmail) status(ctx context.Context, st *Status, ours []Address) error {
	text, err := os.ReadFile(s.MC)
	if err != nil {
		return err
	}
	cf, made := s.cfFiltersOf(ours)
	for _, f := range filters(string(text)) {
		switch {
		case !f.input || !f.ours(ours):
		case made && len(cf) == 0:
			say(&st.Not, "%s has the filter %s, and %s has not; type make -C %s, and restart Sendmail", s.MC, f.arg(0), s.cf(), filepath.Dir(s.MC))
			st.Wrong = true
		default:
			say(&st.Asks, "%s: the filter %s", s.MC, f.arg(0))
			st.tryFilter(ctx, f)
		}
	}
	for _, f := range cf {
		say(&st.Asks, "%s", s.cf())
		st.tryFilter(ctx, f)
	}
	return nil
}

func (st *Status) tryFilter(ctx context.Context, f filter) {
	if a, ok := f.address(); ok {
		st.try(ctx, question{a, Milter})
	}
}

// cfAsks says whether sendmail.cf makes Sendmail ask tlswarden.
func (s Sendmail) cfAsks(ours Addresses) bool {
	list, _ := s.cfFiltersOf(ours.WithDefaults().Milter)
	return len(list) > 0
}

// cfFiltersOf are the filters by which a sendmail.cf makes Sendmail ask tlswarden, and
// whether there is one.
func (s Sendmail) cfFiltersOf(ours []Address) (list []filter, made bool) {
	text, err := os.ReadFile(s.cf())
	if err != nil {
		return nil, false
	}
	asked, defined := cfFilters(string(text))
	for name, equates := range defined {
		f := filter{call: call{args: []string{name, equates}}}
		if slices.Contains(asked, name) && f.ours(ours) {
			list = append(list, f)
		}
	}
	return list, true
}
