package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Status is what is to be said of one mail server.
type Status struct {
	Server string   // for people
	Asks   []string // by what it asks tlswarden
	Err    error    // it cannot be told
}

// Statuses tells of the mail servers that are here.
func Statuses(ctx context.Context, p Postfix, s Sendmail, ours Addresses) []Status {
	var out []Status
	if _, err := find("postconf"); err == nil {
		st := Status{Server: "Postfix"}
		st.Asks, st.Err = p.status(ctx, ours.WithDefaults())
		out = append(out, st)
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

func (p Postfix) status(ctx context.Context, ours Addresses) ([]string, error) {
	s, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	asking, err := s.asking(ctx, ours)
	var out []string
	for _, a := range asking {
		out = append(out, fmt.Sprintf("%s = %s", a.where(), a.value))
	}
	return out, err
}

// noFront is the error of a front end that is wanted and that the configuration
// has not.
func noFront(front string) error { return fmt.Errorf("the configuration has no [%s]", front) }
