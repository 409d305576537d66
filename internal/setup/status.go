package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Status is what is to be said of one mail server.
type Status struct {
	Server string   // for people
	Asks   []string // by what it asks tlswarden
	Not    []string // where it does not, and why
	Wrong  bool     // something is not as it should be: some mail is not judged, or nobody answers
	Err    error    // it cannot be told
	Notes  []string // what is worth knowing
}

// Statuses tells of the mail servers that are here.
func Statuses(ctx context.Context, p Postfix, s Sendmail, ours Addresses) []Status {
	var out []Status
	if _, err := find("postconf"); err == nil {
		for i, p := range p.instances(ctx) {
			st := Status{Server: "Postfix"}
			if i > 0 {
				st.Server += " of " + p.Dir
			}
			st.Err = p.status(ctx, &st, ours)
			out = append(out, st)
		}
	}
	st := Status{Server: "Sendmail"}
	if st.Err = s.status(ctx, &st, ours.WithDefaults().Milter); !errors.Is(st.Err, fs.ErrNotExist) {
		out = append(out, st)
	}
	return out
}

// say adds to a status what is not in it yet.
func say(to *[]string, format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(*to, line) {
		*to = append(*to, line)
	}
}

// answerFor is how long a front end may take to answer whoever looks at the status.
const answerFor = 5 * time.Second

// try asks at an address, and says so if nothing answers.
func (st *Status) try(ctx context.Context, q question) {
	err := q.answers(ctx, answerFor)
	switch {
	case errors.Is(err, fs.ErrPermission):
		say(&st.Notes, "%v", err)
	case err != nil:
		say(&st.Not, "%v; start tlswarden, such as by systemctl start tlswarden", err)
		st.Wrong = true
	}
}

// instances are this Postfix, and with it those that postmulti(1) runs beside it.
func (p Postfix) instances(ctx context.Context) []Postfix {
	out := []Postfix{p}
	if p.Dir != "" {
		return out
	}
	if v, err := p.values(ctx, "-hx", "multi_instance_directories"); err == nil {
		for _, dir := range words(v[0]) {
			out = append(out, Postfix{Dir: dir})
		}
	}
	return out
}

func (p Postfix) status(ctx context.Context, st *Status, ours Addresses) error {
	if p.hasNone(ctx) {
		return nil
	}
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	services, err := s.services(ctx)
	if err != nil {
		return err
	}
	set, err := s.settings(ctx, "-nx")
	if err != nil {
		return err
	}
	main := service{values: valuesOf(set)}
	others, err := s.settings(ctx, "-Px")
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(append(set, others...), func(o setting) bool {
		return o.name != "non_smtpd_milters" || slices.ContainsFunc(services, func(sv service) bool { return o.service != "" && o.service == sv.name })
	})
	for _, front := range fronts {
		s.statusOf(ctx, st, front, postfixMatch(ours.WithDefaults().of(front), s.queue), main, services)
	}
	s.statusOfOthers(ctx, st, others, postfixMatch(ours.WithDefaults().Milter, s.queue))
	if len(ours.Policy) > 0 {
		s.statusOfKeys(ctx, st, ours)
	}
	return nil
}

// statusOf tells of one front end: by what it is asked, at which services not, and
// whether it answers.
func (s *site) statusOf(ctx context.Context, st *Status, front string, match func(string) bool, main service, services []service) {
	ways := main.ways(front, match)
	asks, obeys := map[string]bool{}, map[string]bool{}
	for _, sv := range services {
		own := sv.ways(front, match)
		ways = append(ways, own...)
		for _, w := range own {
			if w.never == "" {
				asks[sv.name] = true
				if !w.disarmed {
					obeys[sv.name] = true
				}
				s.statusOfWay(ctx, st, front, w)
			}
		}
	}
	if len(ways) == 0 {
		return
	}
	var whys []string
	at := map[string][]string{} // by the reason why not
	for _, sv := range services {
		if !obeys[sv.name] {
			st.Wrong = st.Wrong || !sv.aside() || len(obeys) == 0
		}
		if !asks[sv.name] {
			why := s.whyNot(sv, sv.ways(front, match), ways)
			say(&whys, "%s", why)
			at[why] = append(at[why], sv.name)
		}
	}
	for _, why := range whys {
		say(&st.Not, "%s%s", notAskedAt(front, at[why]...), why)
	}
}

// statusOfOthers tells of the milters that cleanup(8) asks about mail which came not
// by smtpd(8).
func (s *site) statusOfOthers(ctx context.Context, st *Status, others []setting, match func(string) bool) {
	for _, o := range others {
		w := way{setting: o}
		if w.addresses = matching(o.value, match); w.addresses != nil {
			s.statusOfWay(ctx, st, Milter, w)
		}
	}
}

// statusOfWay tells of a way by which Postfix asks.
func (s *site) statusOfWay(ctx context.Context, st *Status, front string, w way) {
	say(&st.Asks, "%s = %s", w.where(), w.value)
	for _, n := range w.notes() {
		say(&st.Notes, "%s", n)
	}
	for _, address := range w.addresses {
		if q, ok := s.question(front, address); ok {
			st.try(ctx, q)
		}
	}
}

// question is what a front end is asked at an address as Postfix's lists have it.
func (s *site) question(front, written string) (question, bool) {
	a, err := postfixAddress(written)
	if a.Path != "" {
		if _, err := os.Stat(a.Path); !filepath.IsAbs(a.Path) || err != nil {
			a.Path = filepath.Join(s.queue, a.Path)
		}
	}
	return question{a, front}, err == nil
}

// statusOfKeys notes where the configuration tells other than Postfix.
func (s *site) statusOfKeys(ctx context.Context, st *Status, ours Addresses) {
	// A configuration that cannot be read tells nothing that could differ.
	if told, err := s.tell(ctx, ours, nil); err == nil && told.Needed() {
		command := "tlswarden setup postfix --front policy --config " + ours.File
		if s.Dir != "" {
			command += " --postfix-config " + s.Dir
		}
		st.Notes = append(st.Notes, fmt.Sprintf("%s no longer matches how Postfix reads addresses, so rules may see a different mailbox; see %q", ours.File, command))
	} else if err == nil {
		st.Notes = append(st.Notes, told.Notes...)
	}
}

// hasNone says whether there is no main.cf: such a Postfix asks nobody.
func (p Postfix) hasNone(ctx context.Context) bool {
	dir := p.Dir
	if dir == "" {
		v, err := p.values(ctx, "-hd", "config_directory")
		if err != nil {
			return false
		}
		dir = v[0]
	}
	_, err := os.Stat(filepath.Join(dir, "main.cf"))
	return errors.Is(err, fs.ErrNotExist)
}

// noFront is the error of a front end that is wanted and that the configuration
// has not.
func noFront(front string) error { return fmt.Errorf("the configuration has no [%s]", front) }
