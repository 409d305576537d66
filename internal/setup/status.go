package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Status is what is to be said of one mail server.
type Status struct {
	Server string   // for people
	Asks   []string // by what it asks tlswarden
	Err    error    // it cannot be told
	Notes  []string // what is wrong with that
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
			st.Asks, st.Notes, st.Err = p.status(ctx, ours)
			out = append(out, st)
		}
	}
	asks, err := s.asks(ours)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		st := Status{Server: "Sendmail", Err: err}
		for _, name := range asks {
			st.Asks = append(st.Asks, s.MC+": the filter "+name)
		}
		if s.cfAsks(ours) {
			st.Asks = append(st.Asks, s.cf())
		}
		out = append(out, st)
	}
	return out
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

func (p Postfix) status(ctx context.Context, ours Addresses) (asks, notes []string, err error) {
	if p.hasNone(ctx) {
		return nil, nil, nil
	}
	s, err := p.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	asking, err := s.asking(ctx, ours.WithDefaults())
	for _, a := range asking {
		asks = append(asks, fmt.Sprintf("%s = %s", a.where(), a.value))
	}
	if err != nil || len(ours.Policy) == 0 {
		return asks, nil, err
	}
	// A configuration that cannot be read tells nothing that could differ.
	if told, err := s.tell(ctx, ours, nil); err == nil && told.Needed() {
		command := "tlswarden setup postfix --front policy --config " + ours.File
		if p.Dir != "" {
			command += " --postfix-config " + p.Dir
		}
		notes = []string{fmt.Sprintf("%s no longer matches how Postfix reads addresses, so rules may see a different mailbox; see %q", ours.File, command)}
	} else if err == nil {
		notes = told.Notes
	}
	return asks, notes, nil
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
