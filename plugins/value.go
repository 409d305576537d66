package plugins

import (
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"

	"tlswarden/plugins/proto"
)

// wire turns found facts into those of an answer. What the plugin does not offer,
// and what is of another type, is an error and left out.
func (p *Plugin) wire(facts Facts) (map[string]*proto.Value, []error) {
	var wrong []error
	out := make(map[string]*proto.Value, len(facts))
	for key, value := range facts {
		if value == nil {
			continue
		}
		v, err := p.value(key, value)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		out[key] = v
	}
	return out, wrong
}

func (p *Plugin) value(key string, value any) (*proto.Value, error) {
	for _, f := range p.Facts {
		if f.Key != key {
			continue
		}
		if v := valueOf(f.Type, value); v != nil {
			return v, checkText(key, v.GetText())
		}
		return nil, fmt.Errorf("the fact %q takes no %T", key, value)
	}
	return nil, fmt.Errorf("%q is no fact that the plugin offers", key)
}

func checkText(key, text string) error {
	switch {
	case len(text) > MaxText:
		return fmt.Errorf("the fact %q has %d octets; %d are the most", key, len(text), MaxText)
	case !utf8.ValidString(text):
		return fmt.Errorf("the fact %q is not UTF-8", key)
	}
	return nil
}

// valueOf is a value of the given type on the wire, nil if it is of another type.
func valueOf(t Type, value any) *proto.Value {
	switch v := value.(type) {
	case string:
		if t == Text || t == Name || t == Domain || t == Address || t == Mailbox {
			return &proto.Value{Kind: &proto.Value_Text{Text: v}}
		}
	case netip.Addr:
		if t == Address && v.IsValid() {
			return &proto.Value{Kind: &proto.Value_Text{Text: v.String()}}
		}
	case int:
		return valueOf(t, int64(v))
	case int64:
		if t == Number {
			return &proto.Value{Kind: &proto.Value_Number{Number: v}}
		}
	case bool:
		if t == Boolean {
			return &proto.Value{Kind: &proto.Value_Flag{Flag: v}}
		}
	case time.Time:
		if t == Time {
			return &proto.Value{Kind: &proto.Value_Number{Number: v.Unix()}}
		}
	}
	return nil
}
