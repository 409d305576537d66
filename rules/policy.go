package rules

import (
	"cmp"
	"slices"
	"time"

	"tlswarden/internal/mailaddr"
)

// Config is what a policy is made of. The values in it belong to the policy
// from then on.
type Config struct {
	Rules      []*Rule
	JudgeLocal bool     // leave out the built-in rule "local"
	Header     string   // name of the tag header; "": X-TLS-Policy
	StampAll   bool     // every judged mail gets the header, not only tagged mail
	AuthservID string   // mail with the tag header gets Authentication-Results under it; "": none does
	Trusted    []string // authserv-ids whose Authentication-Results tell message.spf, .dkim and .dmarc
	URL        string   // what {url} stands for in replies
	Replies    Replies
	Zone       *time.Location // of the dates in the rules; nil: time.Local
	Delimiters Fact[string]   // what parts address extensions; unknown: mailaddr.DefaultDelimiters
	Ends       []Ending       // of entries of lists
}

// Ending is an entry of a list that counts before a point of time.
type Ending struct {
	At    time.Time
	Entry string
	Owner string // who answers for it
	File  string // where it is written
	Line  int
}

// DefaultHeader is the name of the tag header unless the rules name another.
const DefaultHeader = "X-TLS-Policy"

// Policy is a compiled list of rules. It is immutable.
type Policy struct {
	rules    []*Rule
	index    *index // nil: read all rules
	header   string
	stampAll bool
	authserv string
	trusted  []string
	url      string
	replies  Replies
	zone     *time.Location
	enforce  Enforce
	needs    FieldSet
	ends     []Ending
	supplied []*Field // that the rules look at
	apart    []*Rule  // that may tell recipients apart, see RecipientClass
	tags     []*Rule  // that may tag
	holds    bool

	delimiters string // of address extensions
}

// New compiles a policy.
func New(c Config) *Policy {
	p := &Policy{header: c.Header, stampAll: c.StampAll, authserv: c.AuthservID, trusted: c.Trusted, url: c.URL, replies: c.Replies, ends: c.Ends, zone: cmp.Or(c.Zone, time.Local)}
	if p.header == "" {
		p.header = DefaultHeader
	}
	p.delimiters = c.Delimiters.Or(mailaddr.DefaultDelimiters)
	if !c.JudgeLocal {
		p.rules = append(p.rules, localRule())
	}
	p.rules = append(p.rules, c.Rules...)
	for i, r := range p.rules {
		r.index, r.certs = i, looksAt(r.When, certFields)
		r.exceptsCerts = slices.ContainsFunc(r.Except, func(x Exception) bool { return looksAt(x.When, certFields) })
		r.conditions(func(c *Condition) { p.takeSupplied(c.Field) })
		p.takeClass(r)
		p.needs |= r.Needs()
		if r.onlyRecords() {
			continue
		}
		p.holds = p.holds || r.MayDo(Quarantine)
		if r.MayDo(Tag) || r.Tag != "" && r.MayDo(Quarantine) {
			p.tags = append(p.tags, r)
		}
	}
	p.index = newIndex(p.rules)
	return p
}

// takeSupplied notes that a rule looks at a field, if that is a plugin's.
func (p *Policy) takeSupplied(f *Field) {
	if f.ID >= fieldCount && !slices.Contains(p.supplied, f) {
		p.supplied = append(p.supplied, f)
	}
}

// Supplied lists the facts of plugins that the rules look at.
func (p *Policy) Supplied() []*Field { return p.supplied }

// Also returns the other forms under which the rules find a value of an address or a
// domain, in the order in which they look. Most values have none.
func (p *Policy) Also(f *Field, v Value) []string {
	switch {
	case f.Kind == KindMailbox:
		return mailaddr.Also(v.Text, v.Other, p.delimiters)
	case f.Kind == KindDomain && v.Other != "":
		return []string{v.Other}
	}
	return nil
}

// MayDo says whether the rule can ever take an action, at any step.
func (r *Rule) MayDo(a Action) bool {
	for _, step := range r.Rollout {
		if step.Action == Known(a) {
			return true
		}
	}
	for i := range r.Except {
		if r.Except[i].Otherwise == Known(a) {
			return true
		}
	}
	return r.Does() == a || r.OnUnknown == Known(a)
}

// WithEnforce returns the same policy under another position of the safety
// catch.
func (p *Policy) WithEnforce(e Enforce) *Policy {
	q := *p
	q.enforce = e
	return &q
}

// Enforce is the position of the safety catch.
func (p *Policy) Enforce() Enforce { return p.enforce }

// Rules returns the rules in the order in which they are read, the built-in one
// included.
func (p *Policy) Rules() []*Rule { return append([]*Rule(nil), p.rules...) }

// Needs is the set of facts that the rules look at.
func (p *Policy) Needs() FieldSet { return p.needs }

// Header is the name of the tag header.
func (p *Policy) Header() string { return p.header }

// AuthservID is what Authentication-Results of ours are signed with, "" if none
// are added.
func (p *Policy) AuthservID() string { return p.authserv }

// Trusted lists the authserv-ids whose Authentication-Results are believed.
func (p *Policy) Trusted() []string { return p.trusted }

// Zone is the time zone of the dates in the rules.
func (p *Policy) Zone() *time.Location { return p.zone }

// Stamps reports whether a verdict can come with a tag header, at any time.
func (p *Policy) Stamps() bool {
	return p.enforce != EnforceObserve && (len(p.tags) > 0 || p.stampAll)
}

// StampsFor reports whether mail of a session can come with a tag header: a rule
// that only records for it tags nothing.
func (p *Policy) StampsFor(s *Session) bool {
	if p.enforce == EnforceObserve {
		return false
	}
	return p.stampAll || slices.ContainsFunc(p.tags, func(r *Rule) bool { return r.acts(s) })
}

// Quarantines says whether a verdict can be to quarantine.
func (p *Policy) Quarantines() bool { return p.enforce != EnforceObserve && p.holds }

// Evaluate reads the policy for a session and returns the verdict. Where the
// reading meets an unknown fact that is in later, it stops, and the verdict is
// pending: a later stage will tell.
func (p *Policy) Evaluate(s *Session, later FieldSet) Verdict {
	return p.read(s, later, nil)
}

// Finish completes what a verdict records, once later is all that is still to
// come: it reads the rules again that are under observe and wait (see
// [Verdict.Observes]). What was decided stays. The session is that of the verdict,
// and knows more than then.
func (p *Policy) Finish(v *Verdict, s *Session, later FieldSet) {
	switch {
	case v.Observes == 0:
	case p.enforce == EnforceObserve:
		*v = p.Evaluate(s, later)
	default:
		r := reading{policy: p, session: s, later: later, verdict: *v}
		r.verdict.outcomes, r.verdict.Observes = outcomes{}, 0
		r.finish(&v.outcomes)
		*v = r.verdict
	}
}

// read is the one walk over the rules: over those that can apply, or with a
// tracer over all.
func (p *Policy) read(s *Session, later FieldSet, t *tracer) Verdict {
	r := reading{policy: p, session: s, later: later, tracer: t}
	if t == nil && p.index != nil && p.index.usable(s) {
		var room [64]int32
		r.some(p.index.always, p.index.candidates(s, room[:0]))
	} else {
		r.all()
	}
	r.apply()
	return r.verdict
}

func (r *reading) all() {
	for _, rule := range r.policy.rules {
		if r.rule(rule) {
			return
		}
	}
}

// some reads the rules of two ordered lists in their common order.
func (r *reading) some(a, b []int32) {
	for len(a) > 0 || len(b) > 0 {
		var next int32
		if len(b) == 0 || len(a) > 0 && a[0] < b[0] {
			next, a = a[0], a[1:]
		} else {
			next, b = b[0], b[1:]
		}
		if r.rule(r.policy.rules[next]) {
			return
		}
	}
}
