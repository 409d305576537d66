package plugins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tlswarden/plugins/proto"
)

// What the daemon takes of one plugin.
const (
	MaxFacts = 32   // facts that it offers
	MaxText  = 1024 // octets of a text in an answer
)

// Plugin is what a plugin offers and does.
type Plugin struct {
	Name    string // of the plugin, for the log
	Version string // of the plugin, for the log

	// Facts are what Lookup can find out.
	Facts []Fact

	// Needs are the facts of the session that Lookup wants, as rules name them:
	// "sender_domain". Without all of them the plugin is not asked.
	Needs []string

	// Optional are facts of the session that Lookup can do without.
	Optional []string

	// CacheKey are those of Needs and Optional that an answer depends on; nil: all.
	CacheKey []string

	// TTL is how long an answer holds, in whole seconds. 0 is a minute, below 0 is
	// not at all.
	TTL time.Duration

	// Configure takes the settings, once, before any Lookup. Its error stops the
	// plugin; one made with [Problem] tells the admin the place, and several are
	// joined with [errors.Join]. It is nil if there are no settings.
	Configure func(Settings) error

	// Setup takes the place of Configure where the settings say which facts there
	// are, such as columns of a table. It returns the plugin to be from then on, with
	// all but Name and Version, which stay. Beside it, nothing else need be there.
	Setup func(Settings) (Plugin, error)

	// Lookup finds out the facts of one session. It is called by many goroutines at
	// once, and nobody waits for it after ctx has ended. With an error, the facts
	// that are there are used nevertheless, and soon asked for again.
	Lookup func(ctx context.Context, s Session) (Answer, error)
}

// Fact is something that rules can look at as plugin.NAME.KEY.
type Fact struct {
	Key     string // lower-case letters, digits and "_"; begins with a letter
	Type    Type
	Meaning string // one line for people
}

// Type says how rules compare a fact, and which Go types its value can have.
type Type = proto.Type

// The types of facts.
const (
	Text    = proto.Type_TEXT    // string, compared as it is
	Name    = proto.Type_NAME    // string, compared without regard to case
	Domain  = proto.Type_DOMAIN  // string
	Number  = proto.Type_NUMBER  // int or int64
	Boolean = proto.Type_BOOLEAN // bool
	Address = proto.Type_ADDRESS // netip.Addr or string
	Mailbox = proto.Type_MAILBOX // string, an address without angle brackets
	Time    = proto.Type_TIME    // time.Time, to the second; a date begins in time.Local, which is the time zone of the rules
)

// Answer is what Lookup found out.
type Answer struct {
	Facts Facts
	TTL   time.Duration // as in [Plugin]; 0 is the plugin's own
}

// Facts are values by the keys of facts. What is missing, or nil, stays unknown.
type Facts map[string]any

// check says what keeps the plugin from working.
func (p *Plugin) check() error {
	var found []error
	complain := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	if p.Name == "" {
		complain("the plugin has no name")
	}
	if p.Setup != nil {
		return errors.Join(found...) // the rest comes with the settings
	}
	if p.Lookup == nil {
		complain("the plugin has no Lookup")
	}
	if len(p.Facts) == 0 || len(p.Facts) > MaxFacts {
		complain("the plugin offers %d facts; it must offer 1 to %d", len(p.Facts), MaxFacts)
	}
	seen := map[string]bool{}
	for _, f := range p.Facts {
		switch {
		case !ValidKey(f.Key):
			complain("%q is no key of a fact", f.Key)
		case seen[f.Key]:
			complain("the fact %q is there twice", f.Key)
		case f.Type < Text || f.Type > Time:
			complain("the fact %q has no type", f.Key)
		}
		seen[f.Key] = true
	}
	needed := map[string]bool{}
	for _, name := range append(append([]string{}, p.Needs...), p.Optional...) {
		if needed[name] {
			complain("the need %q is there twice", name)
		}
		needed[name] = true
	}
	for _, name := range p.CacheKey {
		if !needed[name] {
			complain("answers depend on %q, which is not needed", name)
		}
	}
	return errors.Join(found...)
}

// ValidKey says whether a text can be the key of a fact: at most 64 lower-case
// letters, digits and "_", the first one a letter.
func ValidKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		if !('a' <= c && c <= 'z' || i > 0 && ('0' <= c && c <= '9' || c == '_')) {
			return false
		}
	}
	return key != "" && len(key) <= 64
}
