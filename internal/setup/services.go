package setup

import (
	"context"
	"slices"
	"strings"
)

// service is an smtpd(8) of master.cf with the parameters that it has.
type service struct {
	name   string            // with its type, such as smtp/inet; "": none is known
	own    map[string]string // what master.cf sets for it by -o, as it is written
	values map[string]string // what it has in the end; not what is built in
}

// services are those of smtpd(8). One that master.cf changes is asked for by
// itself, as what it sets may be part of other values.
func (s *site) services(ctx context.Context) ([]service, error) {
	lines, err := s.postconf(ctx, "-M")
	if err != nil {
		return nil, err
	}
	set, err := s.settings(ctx, "-P")
	if err != nil {
		return nil, err
	}
	main, err := s.settings(ctx, "-nx")
	if err != nil {
		return nil, err
	}
	var out []service
	for _, name := range smtpds(lines) {
		sv := service{name: name, own: map[string]string{}, values: valuesOf(main)}
		flags := []string{"-nx"}
		for _, set := range set {
			if set.service == name {
				sv.own[set.name] = set.value
				flags = append(flags, "-o", set.name+"="+set.value)
			}
		}
		if len(sv.own) > 0 {
			all, err := s.settings(ctx, flags...)
			if err != nil {
				return nil, err
			}
			sv.values = valuesOf(all)
		}
		out = append(out, sv)
	}
	if out == nil {
		out = []service{{values: valuesOf(main)}}
	}
	return out, nil
}

// smtpds are the services of smtpd(8), by the lines of master(5). A line with a
// blank before it belongs to the service above.
func smtpds(lines []string) []string {
	var out []string
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) >= 8 && strings.TrimLeft(line, " \t") == line && f[7] == "smtpd" {
			out = append(out, f[0]+"/"+f[1])
		}
	}
	return out
}

// valuesOf are settings by name.
func valuesOf(set []setting) map[string]string {
	out := map[string]string{}
	for _, s := range set {
		out[s.name] = s.value
	}
	return out
}

// classesOf are the restriction classes among parameters.
func classesOf(values map[string]string) classes {
	out := classes{}
	for _, name := range words(values["smtpd_restriction_classes"]) {
		out[name] = values[name]
	}
	return out
}

// aside says whether a service takes no mail from outside: it is for users, or
// listens on this machine alone, as one does to which a filter hands mail back.
func (sv service) aside() bool {
	host, port := "", strings.TrimSuffix(sv.name, "/inet")
	if i := strings.LastIndexByte(port, ':'); i >= 0 {
		host, port = strings.Trim(port[:i], "[]"), port[i+1:]
	}
	return slices.Contains([]string{"submission", "submissions", "smtps", "587", "465"}, port) ||
		strings.HasPrefix(host, "127.") || host == "::1" || host == "localhost"
}
