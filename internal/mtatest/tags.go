package mtatest

import (
	"fmt"
	"slices"
	"strings"
)

// Servers are the names that "mta:" and tags may have.
func servers() []string { return []string{"postfix", "sendmail"} }

func fronts() []string { return []string{FrontMilter, FrontPolicy, FrontBoth} }

// tags limits a line of a case file to some servers and front ends.
type tags struct{ servers, fronts []string }

// hold says whether the line counts for a run with this server and front end.
// An empty list does not limit.
func (t tags) hold(server, front string) bool {
	return (len(t.servers) == 0 || slices.Contains(t.servers, server)) &&
		(len(t.fronts) == 0 || slices.Contains(t.fronts, front))
}

// cutTags splits "[postfix milter] rest" into its tags and the rest.
func cutTags(line string) (tags, string, error) {
	inner, found := strings.CutPrefix(line, "[")
	if !found {
		return tags{}, line, nil
	}
	inner, rest, found := strings.Cut(inner, "]")
	if !found {
		return tags{}, "", fmt.Errorf("[ without ]")
	}
	var t tags
	for _, name := range strings.Fields(inner) {
		switch {
		case slices.Contains(servers(), name):
			t.servers = append(t.servers, name)
		case slices.Contains(fronts(), name):
			t.fronts = append(t.fronts, name)
		default:
			return tags{}, "", fmt.Errorf("[%s] is none of %s", name, strings.Join(append(servers(), fronts()...), " "))
		}
	}
	if len(t.servers)+len(t.fronts) == 0 {
		return tags{}, "", fmt.Errorf("[] names nothing")
	}
	return t, strings.TrimSpace(rest), nil
}
