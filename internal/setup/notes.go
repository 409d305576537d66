package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// note adds to a change whose mail Postfix will not ask about when it is made.
func (s *site) note(ctx context.Context, c *Change, fronts []string, ours Addresses) error {
	master, err := os.ReadFile(filepath.Join(s.dir, "master.cf"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p, remove, err := copied(c.New, master)
	if err != nil {
		return err
	}
	defer remove()
	services, err := (&site{Postfix: p}).services(ctx)
	if err != nil {
		return err
	}
	asked := false
	var why []string
	for _, front := range fronts {
		match := postfixMatch(ours.WithDefaults().of(front), s.queue)
		for _, sv := range services {
			for _, n := range sv.noted(front, match) {
				say(&c.Notes, "%s", n)
			}
			ways := sv.ways(front, match)
			asked = asked || slices.ContainsFunc(ways, func(w way) bool { return w.never == "" })
			say(&why, "%s", notAskedAt(front, sv.name)+s.whyNot(sv, ways, []way{{setting: setting{name: parameterOf(front).name}}}))
		}
	}
	if !asked && services[0].name != "" {
		return fmt.Errorf("main.cf is not changed, as no smtpd of master.cf would follow it: %s", strings.Join(why, "; "))
	}
	return nil
}

// noted are the notes of a service about a front end that main.cf names.
func (sv service) noted(front string, match func(string) bool) []string {
	var out []string
	name := parameterOf(front).name
	if value, ok := sv.own[name]; ok {
		out = append(out, fmt.Sprintf("master.cf sets %s for the service %s by itself (-o), and this is not changed: %s = %s", name, sv.name, name, value))
	}
	for _, w := range sv.ways(front, match) {
		switch {
		case w.never != "":
			out = append(out, fmt.Sprintf("the service %s will not ask by %s: %s", sv.name, w.where(), w.never))
		case len(w.own) > 0:
			out = append(out, fmt.Sprintf("%s: the policy service is not asked about mail of your own clients and users, as it stands behind %s; rules judge such mail if the milter is hooked up, too (--front both)",
				w.where(), and(w.own)))
			fallthrough
		default:
			out = append(out, w.notes()...)
		}
	}
	return out
}

// notAskedAt begins to say which front end is not asked at which services.
func notAskedAt(front string, services ...string) string {
	out := map[string]string{Milter: "the milter", Policy: "the policy service"}[front] + " is not asked"
	if services[0] != "" {
		out += " at " + and(services) + " of master.cf"
	}
	return out + ": "
}

// whyNot says why a service asks a front end by none of its own ways, nor by those
// that others have, and what is to be done about it.
func (s *site) whyNot(sv service, own, others []way) string {
	if len(own) > 0 {
		return fmt.Sprintf("%s: %s; %s", own[0].where(), own[0].never, s.advice(own[0]))
	}
	for _, w := range others {
		if value, ok := sv.own[w.name]; ok {
			return fmt.Sprintf("it has -o %s=%s there, in the place of what main.cf has; to take that out, type %s",
				w.name, value, strings.Join(append([]string{"postconf"}, s.args("-PX", sv.name+"/"+w.name)...), " "))
		}
	}
	return "neither main.cf nor its -o lines have it do so"
}

// advice is how to mend a way by which nobody is asked.
func (s *site) advice(w way) string {
	command := fmt.Sprintf("see %q", s.command())
	switch {
	case w.early, w.service == "" && w.name == parameterOf(Policy).name:
		return command
	case strings.HasPrefix(w.name, parameterOf(Milter).name):
		return "take that out, or " + command
	}
	return "put check_policy_service in front of that, by hand"
}

// command is the one that hooks up the policy service.
func (p Postfix) command() string {
	command := "tlswarden setup postfix --front policy"
	if p.Dir != "" {
		command += " --postfix-config " + p.Dir
	}
	return command
}
