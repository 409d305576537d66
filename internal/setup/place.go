package setup

import (
	"context"
	"fmt"
	"strings"
)

// placeFor is before which element of a value a new entry goes. For a milter that is
// the end. The policy service must stand in front of whatever ends the list for mail
// from outside, or may end it: behind that it is not asked. It may stand there, even
// in front of reject_unauth_destination, as it never permits anything. What ends the
// list for own clients alone stays in front of it: they are the business of whoever
// put that there.
func (s *site) placeFor(ctx context.Context, front, name, value, entry string) (int, error) {
	tokens, err := split(value)
	if err != nil {
		return 0, incomplete(name, value, err)
	}
	if front != Policy {
		return len(tokens), nil
	}
	list, err := s.expand(ctx, name, tokens)
	if err != nil {
		return 0, err
	}
	set, err := s.settings(ctx, "-nx")
	if err != nil {
		return 0, err
	}
	return place(name, list, tokens, classesOf(valuesOf(set)), entry)
}

// place is placeFor by the words of a list.
func place(name string, list []word, tokens []token, c classes, entry string) (int, error) {
	all := restrictionsOf(list)
	own := -1 // the last element from which something for own clients comes
	for _, r := range c.flat(all) {
		switch e := c.end(r); {
		case e == forOwn:
			own = r.within
		case e == forAll && r.within == own:
			from := tokens[own].text
			return 0, fmt.Errorf("%s: %q ends the list for mail from outside, and comes from %s, as does what permits your own clients before it; tlswarden must be asked between the two: "+
				"write into %s, in front of %q: %s, and then run this command again", name, r, from, from, r, entry)
		case e == forAll, e == forSome && r.within != own:
			return beginning(all, r.within), nil
		}
	}
	return len(tokens), nil
}

// beginning is the element with which the restriction begins to which an element's
// first word belongs: the argument of one may come from the element behind it.
func beginning(all []restriction, element int) int {
	for _, r := range all {
		if r.within < element && r.until >= element {
			return r.within
		}
	}
	return element
}

// expand are the words of a list with each $parameter filled in, by postconf(1).
func (s *site) expand(ctx context.Context, name string, tokens []token) ([]word, error) {
	var out []word
	for i, t := range tokens {
		text := t.text
		if strings.Contains(text, "$") {
			v, err := s.postconf(ctx, "-hx", "-o", name+"="+oneLine(text), name)
			if err != nil {
				return nil, err
			}
			text = strings.Join(v, " ")
		}
		for _, w := range words(text) {
			out = append(out, word{w, i})
		}
	}
	return out, nil
}
