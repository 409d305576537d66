package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tlswarden/internal/mailaddr"
)

// MaxSupplied is how many facts of plugins the rules of one policy can look at.
const MaxSupplied = 16

// SuppliedFields numbers the facts of plugins that the rules of one policy look
// at. The zero value has none.
type SuppliedFields struct{ fields []*Field }

// Field returns the field of a plugin's fact, the same one each time. The kind
// is that of the first time. It fails if there are more than [MaxSupplied].
func (x *SuppliedFields) Field(plugin, key string, kind Kind, meaning string) (*Field, error) {
	name := SuppliedName(plugin, key)
	for _, f := range x.fields {
		if f.Name == name {
			return f, nil
		}
	}
	slot := len(x.fields)
	if slot == MaxSupplied {
		return nil, fmt.Errorf("the rules look at more than %d facts of plugins", MaxSupplied)
	}
	f := &Field{
		ID: fieldCount + FieldID(slot), Name: name, Kind: kind, Meaning: meaning, Stage: StageRcpt, Supply: Supply{Gate: true},
		read: func(s *Session) (Value, bool) { return s.supplied.get(slot) },
	}
	x.fields = append(x.fields, f)
	return f, nil
}

const suppliedPrefix = "plugin."

// SuppliedName is how rules name the fact of a plugin. Neither name has a dot.
func SuppliedName(plugin, key string) string { return suppliedPrefix + plugin + "." + key }

// Plugin tells of which plugin the field is a fact, and by which key; ok is false
// for a field of the catalogue.
func (f *Field) Plugin() (plugin, key string, ok bool) {
	if f.ID < fieldCount {
		return "", "", false
	}
	name, _ := strings.CutPrefix(f.Name, suppliedPrefix)
	plugin, key, _ = strings.Cut(name, ".")
	return plugin, key, true
}

// supplied are the facts of plugins by their slots; nil: none is known.
type supplied []Fact[Value]

func (x supplied) get(slot int) (Value, bool) {
	if slot >= len(x) {
		return Value{}, false
	}
	return x[slot].Get()
}

// SetSupplied records a plugin's fact: a string, an int64, a bool, or a time, as
// the field's kind wants it. An error says what is wrong with the value, which is
// then unknown.
func (s *Session) SetSupplied(f *Field, value any) error {
	if f.ID < fieldCount {
		return fmt.Errorf("%s is not the fact of a plugin", f.Name)
	}
	v, err := f.value(value)
	if err != nil {
		return err
	}
	s.putSupplied(f, v)
	return nil
}

func (s *Session) putSupplied(f *Field, v Value) {
	slot := int(f.ID - fieldCount)
	if slot >= len(s.supplied) {
		s.supplied = append(make(supplied, 0, MaxSupplied), s.supplied...)[:slot+1]
	}
	s.supplied[slot] = Known(v)
}

// SetMisspelt records that a plugin's fact is unknown for want of an address whose
// mailbox is unknown because of how the client wrote it.
func (s *Session) SetMisspelt(f *Field) { s.suppliedMisspelt |= SetOf(f.ID) }

// ForgetSupplied makes all facts of plugins unknown.
func (s *Session) ForgetSupplied() { s.supplied, s.suppliedMisspelt = nil, 0 }

// value is a value in the form in which conditions compare it.
func (f *Field) value(value any) (Value, error) {
	switch v := value.(type) {
	case bool:
		if f.Kind == KindBool {
			return Value{Number: boolNumber(v)}, nil
		}
	case int64:
		if f.Kind == KindNumber {
			return Value{Number: v}, nil
		}
	case time.Time:
		if f.Kind == KindTime {
			return Value{Number: v.Unix()}, nil
		}
	case string:
		return f.textValue(v)
	}
	return Value{}, fmt.Errorf("%s takes %s", f.Name, f.Kind.A())
}

func (f *Field) textValue(v string) (Value, error) {
	switch f.Kind {
	case KindText, KindName:
		return Value{Text: v}, nil
	case KindDomain:
		return Value{Text: normalDomain(v), Other: mailaddr.OtherDomain(v)}, nil
	case KindMailbox:
		v = mailaddr.Unquote(v)
		return Value{Text: mailaddr.Normal(v), Other: mailaddr.OtherNormal(v)}, nil
	case KindFingerprint:
		return Value{Text: normalFingerprint(v)}, nil
	case KindAddress:
		if a, err := netip.ParseAddr(v); err == nil {
			return Value{Addr: a.Unmap().WithZone("")}, nil
		}
	}
	return Value{}, fmt.Errorf("%s takes %s, not %q", f.Name, f.Kind.A(), printable(v, maxShown))
}
