package rules

import (
	"net/netip"
	"slices"
	"strings"
)

// indexFrom is the number of rules from which looking rules up is cheaper than
// reading them all.
const indexFrom = 16

// index finds the rules that can apply to a session by its sender domain,
// recipient domain and client address. A rule stands in it once, under the
// first of its conditions that can be looked up; rules without such a condition
// are always read.
type index struct {
	always     []int32
	sender     domainIndex
	recipient  domainIndex
	client     addressIndex
	groups     []group
	fields     FieldSet // what the index looks at
	groupsOfID map[groupKey]int
}

// domainIndex finds rules by exact names and by the domains above a name.
type domainIndex struct {
	exact map[string][]int32
	below map[string][]int32
}

// addressIndex finds rules by all CIDR blocks that cover an address.
type addressIndex struct {
	blocks  map[netip.Prefix][]int32
	lengths []uint8 // as in entries
}

// group is the rules that ask for one list: whether the list holds is found out
// once for all of them, however long it is.
type group struct {
	field *Field
	set   *Set
	rules []int32
}

type groupKey struct {
	field FieldID
	set   *Set
}

func newIndex(list []*Rule) *index {
	if len(list) < indexFrom {
		return nil
	}
	x := &index{groupsOfID: map[groupKey]int{}}
	for i, r := range list {
		if !x.add(r, int32(i)) {
			x.always = append(x.always, int32(i))
		}
	}
	return x
}

// add puts a rule under its first condition that can be looked up.
func (x *index) add(r *Rule, i int32) bool {
	for _, c := range r.When {
		id := c.Field.ID
		if id != FieldSenderDomain && id != FieldRecipientDomain && id != FieldClient || !c.Set.any.listed() {
			continue
		}
		x.fields |= SetOf(id)
		x.put(c.Field, &c.Set.any, i)
		return true
	}
	return false
}

// listed says whether a value can only be among the entries if it is found in
// their maps or their lists.
func (e *entries) listed() bool {
	return e.count > 0 && len(e.patterns) == 0 && len(e.compares) == 0
}

func (x *index) put(f *Field, e *entries, i int32) {
	for _, set := range e.sets {
		key := groupKey{f.ID, set}
		g, ok := x.groupsOfID[key]
		if !ok {
			g = len(x.groups)
			x.groupsOfID[key] = g
			x.groups = append(x.groups, group{field: f, set: set})
		}
		x.groups[g].rules = append(x.groups[g].rules, i)
	}
	switch f.ID {
	case FieldSenderDomain:
		x.sender.put(e, i)
	case FieldRecipientDomain:
		x.recipient.put(e, i)
	case FieldClient:
		x.client.put(e, i)
	}
}

func (d *domainIndex) put(e *entries, i int32) {
	if d.exact == nil {
		d.exact, d.below = map[string][]int32{}, map[string][]int32{}
	}
	for name := range e.texts {
		d.exact[name] = append(d.exact[name], i)
	}
	for name := range e.suffixes {
		d.below[name] = append(d.below[name], i)
	}
}

func (a *addressIndex) put(e *entries, i int32) {
	if a.blocks == nil {
		a.blocks = map[netip.Prefix][]int32{}
	}
	for p := range e.prefixes {
		a.blocks[p] = append(a.blocks[p], i)
	}
	for _, l := range e.lengths {
		if !slices.Contains(a.lengths, l) {
			a.lengths = append(a.lengths, l)
		}
	}
}

// usable says whether all that the index looks at is known: an unknown fact
// leaves a rule undecided, which counts.
func (x *index) usable(s *Session) bool {
	for _, f := range [...]FieldID{FieldSenderDomain, FieldRecipientDomain, FieldClient} {
		if x.fields.Has(f) {
			if _, known := catalogue[f].read(s); !known {
				return false
			}
		}
	}
	return true
}

// candidates appends the rules that were looked up, in their order, each once.
func (x *index) candidates(s *Session, to []int32) []int32 {
	to = x.sender.find(&s.sender, to)
	to = x.recipient.find(&s.recipient, to)
	to = x.client.find(s.Client.value, to)
	for i := range x.groups {
		g := &x.groups[i]
		v, _ := g.field.read(s)
		if v.at = s.Now.value.Unix(); g.set.holds(&v) {
			to = append(to, g.rules...)
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

func (d *domainIndex) find(m *mailbox, to []int32) []int32 {
	if d.exact == nil {
		return to
	}
	if m.other != "" {
		to = d.findName(m.other, to)
	}
	return d.findName(m.domain.value, to)
}

func (d *domainIndex) findName(name string, to []int32) []int32 {
	to = append(to, d.exact[name]...)
	if len(d.below) == 0 {
		return to
	}
	for {
		i := strings.IndexByte(name, '.')
		if i < 0 {
			return to
		}
		name = name[i+1:]
		to = append(to, d.below[name]...)
	}
}

func (a *addressIndex) find(addr netip.Addr, to []int32) []int32 {
	if !addr.IsValid() {
		return to
	}
	for _, l := range a.lengths {
		if p, ok := cover(addr, l); ok {
			to = append(to, a.blocks[p]...)
		}
	}
	return to
}

// cover is the block of a length, as entries writes lengths, that an address is
// in; there is none of the other IP version.
func cover(a netip.Addr, length uint8) (netip.Prefix, bool) {
	bits := int(length)
	if a.Is4() != (bits < ipv6Offset) {
		return netip.Prefix{}, false
	}
	if bits >= ipv6Offset {
		bits -= ipv6Offset
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}
