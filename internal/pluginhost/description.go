package pluginhost

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tlswarden/plugins"
	"tlswarden/plugins/proto"
	"tlswarden/rules"
)

// Description is what a plugin offers.
type Description struct {
	Name    string // as the plugin calls itself
	Version string
	Facts   []Fact
	Needs   []*rules.Field // facts of the session, without which it is not asked
	Wants   []*rules.Field // facts of the session that it can do without
	TTL     time.Duration  // how long an answer holds that says nothing else; 0: not at all
}

// Fact is one fact that a plugin offers: plugin.NAME.Key.
type Fact struct {
	Key     string
	Kind    rules.Kind
	Meaning string
}

// How long answers hold.
const (
	usualTTL   = time.Minute // where the plugin says nothing
	longestTTL = 24 * time.Hour
)

// description is a Description with what calls need of it.
type description struct {
	Description
	said   *proto.DescribeResponse
	number uint64 // another one where it says something else than the one before
	needs  []need
	key    []*rules.Field
	types  map[string]proto.Type

	depends rules.FieldSet // the facts of key, and all others without which it is not asked
}

type need struct {
	field    *rules.Field
	optional bool
}

// kinds are the types of the contract as rules know them.
func kindOf(t proto.Type) (rules.Kind, bool) {
	switch t {
	case proto.Type_TEXT:
		return rules.KindText, true
	case proto.Type_NAME:
		return rules.KindName, true
	case proto.Type_DOMAIN:
		return rules.KindDomain, true
	case proto.Type_NUMBER:
		return rules.KindNumber, true
	case proto.Type_BOOLEAN:
		return rules.KindBool, true
	case proto.Type_ADDRESS:
		return rules.KindAddress, true
	case proto.Type_MAILBOX:
		return rules.KindMailbox, true
	case proto.Type_TIME:
		return rules.KindTime, true
	}
	return 0, false
}

// newDescription checks what a plugin says of itself.
func newDescription(r *proto.DescribeResponse) (*description, error) {
	d := &description{said: r, types: map[string]proto.Type{}}
	d.Name, d.Version, d.TTL = line(r.Name), line(r.Version), ttl(r.CacheSeconds, usualTTL)
	if len(r.Facts) == 0 || len(r.Facts) > plugins.MaxFacts {
		return nil, fmt.Errorf("it offers %d facts; 1 to %d are possible", len(r.Facts), plugins.MaxFacts)
	}
	for _, f := range r.Facts {
		kind, ok := kindOf(f.Type)
		switch {
		case !plugins.ValidKey(f.Key):
			return nil, fmt.Errorf("it offers the fact %q, which is no key", cutText(f.Key, 100))
		case !ok:
			return nil, fmt.Errorf("its fact %s has the type %d, which this daemon does not know", f.Key, f.Type)
		case d.types[f.Key] != 0:
			return nil, fmt.Errorf("it offers the fact %s twice", f.Key)
		}
		d.types[f.Key] = f.Type
		d.Facts = append(d.Facts, Fact{Key: f.Key, Kind: kind, Meaning: line(f.Meaning)})
	}
	return d, d.takeNeeds(r)
}

func (d *description) takeNeeds(r *proto.DescribeResponse) error {
	for _, n := range r.Needs {
		field := rules.FieldByName(n.Name)
		if field == nil {
			return fmt.Errorf("it needs the fact %q, which does not exist", cutText(n.Name, 100))
		}
		if slices.ContainsFunc(d.needs, func(other need) bool { return other.field == field }) {
			return fmt.Errorf("it needs the fact %s twice", n.Name)
		}
		d.needs = append(d.needs, need{field, n.Optional})
		if n.Optional {
			d.Wants = append(d.Wants, field)
		} else {
			d.Needs = append(d.Needs, field)
			d.depends |= rules.SetOf(field.ID)
		}
		if len(r.CacheKey) == 0 || slices.Contains(r.CacheKey, n.Name) {
			d.key = append(d.key, field)
			d.depends |= rules.SetOf(field.ID)
		}
	}
	for _, name := range r.CacheKey {
		if !slices.ContainsFunc(d.key, func(f *rules.Field) bool { return f.Name == name }) {
			return fmt.Errorf("its answers depend on the fact %q, which it does not need", cutText(name, 100))
		}
	}
	return nil
}

// ttl is how long an answer holds: seconds of the contract, where 0 is usual.
func ttl(seconds int64, usual time.Duration) time.Duration {
	switch {
	case seconds == 0:
		return usual
	case seconds < 0:
		return 0
	case seconds > int64(longestTTL/time.Second):
		return longestTTL
	}
	return time.Duration(seconds) * time.Second
}

// line is a text of a plugin for people, in one line.
func line(s string) string {
	return cutText(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s), 200)
}

// SettingsError says what a plugin found wrong with its settings.
type SettingsError struct{ Problems []Problem }

// Problem is one of them.
type Problem struct {
	Key     string // path in the plugin's table, as in "query.column"; "": all of it
	Message string
}

// maxProblems is how many are told.
const maxProblems = 20

func newSettingsError(found []*proto.Problem) *SettingsError {
	e := &SettingsError{}
	for _, p := range found[:min(len(found), maxProblems)] {
		e.Problems = append(e.Problems, Problem{Key: line(p.Key), Message: line(p.Message)})
	}
	return e
}

func (e *SettingsError) Error() string {
	var b strings.Builder
	b.WriteString("it refuses its settings")
	for i, p := range e.Problems {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		b.WriteString(sep)
		if p.Key != "" {
			b.WriteString(p.Key + ": ")
		}
		b.WriteString(p.Message)
	}
	return b.String()
}
