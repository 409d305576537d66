package rules

import (
	"fmt"
	"slices"
	"strings"
)

// UnknownValueError is an entry that hits no value of a field whose values are
// listed.
type UnknownValueError struct {
	Entry  string // as the rule file has it, without "!"
	Field  string
	Values []string
}

func (e *UnknownValueError) Error() string {
	verb := "%q is not a value of %s"
	if len(e.Entry) > 1 && strings.HasPrefix(e.Entry, "/") && strings.HasSuffix(e.Entry, "/") {
		verb = "%q matches no value of %s"
	}
	return fmt.Sprintf(verb+"; its values are %s", e.Entry, e.Field, strings.Join(e.Values, ", "))
}

// possible refuses an entry that hits none of the values that are listed.
func (s *Set) possible(entry any) error {
	text, ok := entry.(string)
	if s.field == nil || !ok {
		return nil
	}
	var one entries
	if err := one.add(s.kind, text); err != nil {
		return err
	}
	values := s.field.Values()
	for _, v := range values {
		if one.hit(s.kind, &Value{Text: v}) {
			return nil
		}
	}
	return &UnknownValueError{Entry: text, Field: s.field.Name, Values: values}
}

// held are the listed values that the set holds. They are told only where they
// are listed, and where no list is empty, which it may be today only.
func (s *Set) held() (values []string, told bool) {
	if s.field == nil || s.hasEmpty() || s.none.hasEmpty() {
		return nil, false
	}
	for _, v := range s.field.Values() {
		if s.holds(&Value{Text: v}) {
			values = append(values, v)
		}
	}
	return values, true
}

// valuesWithin says whether some values are all among others, and are some.
func valuesWithin(inner, outer []string) bool {
	for _, v := range inner {
		if !slices.Contains(outer, v) {
			return false
		}
	}
	return len(inner) > 0
}
