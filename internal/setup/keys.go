package setup

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"tlswarden/internal/mailaddr"
)

// key is a key of a listen entry that tells how the mail server which asks there
// behaves.
type key struct {
	name    string
	value   any    // a string or a boolean; nil: the mail server does not tell it, and what is there stays
	without any    // what the daemon takes where the key is not given; nil: nothing
	why     string // why there is no value, for an entry that has none either
}

// wanted reports whether an entry without the key is to get it.
func (k key) wanted() bool { return k.value != nil && k.value != k.without }

// String is the key with its value, in TOML.
func (k key) String() string { return k.name + " = " + literal(k.value) }

// literal is a string or a boolean in TOML.
func literal(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}

// written are the keys that an entry gets which has none of them, as they stand in
// a table.
func written(keys []key) string {
	var out []string
	for _, k := range keys {
		if k.wanted() {
			out = append(out, k.String())
		}
	}
	return strings.Join(out, ", ")
}

// keys are what Postfix tells of how it reads addresses; ADDRESS_REWRITING_README.
// trivial-rewrite(8) does that for all services alike, so main.cf alone counts. And
// they tell whether it has a smtpd_proxy_filter, for which any service counts.
func (p Postfix) keys(ctx context.Context) ([]key, error) {
	v, err := p.values(ctx, "-hx", "myorigin", "append_at_myorigin", "append_dot_mydomain", "mydomain", "swap_bangpath", "allow_percent_hack")
	if err != nil {
		return nil, err
	}
	origin, noOrigin := originBy(v[0], v[1])
	dot, domain, noDomain := dotBy(v[2], v[3])
	proxied, err := p.proxied(ctx)
	if err != nil {
		return nil, err
	}
	return []key{
		{"origin", origin, nil, noOrigin},
		{"append_dot_mydomain", dot, nil, noDomain},
		{"mydomain", domain, nil, ""},
		{"swap_bangpath", boolean(v[4]), true, ""},
		{"allow_percent_hack", boolean(v[5]), true, ""},
		{"proxy_filter", proxied, false, ""},
	}, nil
}

// proxied reports whether some smtpd(8) service has a smtpd_proxy_filter.
func (p Postfix) proxied(ctx context.Context) (bool, error) {
	const name = "smtpd_proxy_filter"
	v, err := p.values(ctx, "-hx", name)
	if err != nil || v[0] != "" {
		return err == nil, err
	}
	services, err := p.settings(ctx, "-Px")
	return slices.ContainsFunc(services, func(s setting) bool { return s.name == name && s.value != "" }), err
}

// originBy is the key origin by myorigin and append_at_myorigin, or why there is
// none. Debian's Postfix takes the name of a file for its first line.
func originBy(myorigin, appended string) (origin any, why string) {
	const unknown = "the domain of addresses that have none stays unknown: "
	if boolean(appended) != true {
		return nil, unknown + "Postfix appends none (append_at_myorigin = " + appended + ")"
	}
	name, from := myorigin, ""
	if strings.HasPrefix(myorigin, "/") {
		var err error
		if name, err = firstLine(myorigin); err != nil {
			return nil, unknown + "myorigin: " + err.Error()
		}
		from = " by " + myorigin
	}
	if !mailaddr.IsDomain(name) {
		return nil, fmt.Sprintf("%smyorigin is %q%s, which is not a domain name", unknown, name, from)
	}
	return name, ""
}

func firstLine(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Scan()
	return strings.TrimSpace(lines.Text()), lines.Err()
}

// dotBy are the keys append_dot_mydomain and mydomain, or why they are not told.
func dotBy(appended, mydomain string) (dot, domain any, why string) {
	switch dot = boolean(appended); {
	case dot != true:
		return dot, nil, ""
	case !mailaddr.IsDomain(mydomain):
		return nil, nil, fmt.Sprintf("the domain of addresses such as user@host stays unknown: mydomain is %q, which is not a domain name", mydomain)
	}
	return dot, mydomain, ""
}

// boolean is a parameter that is yes or no; nil if it is neither.
func boolean(value string) any {
	switch strings.ToLower(value) {
	case "yes":
		return true
	case "no":
		return false
	}
	return nil
}

// askedAt are those of the policy service's addresses that Postfix asks, or is to.
func (s *site) askedAt(ctx context.Context, policy []Address, coming []question) ([]Address, error) {
	set, err := s.asking(ctx, Addresses{Policy: policy})
	var out []Address
	for _, a := range policy {
		match := postfixMatch([]Address{a}, s.queue)
		if slices.ContainsFunc(set, func(set setting) bool { return parameterOf(Policy).asks(set.value, match) }) ||
			slices.ContainsFunc(coming, func(q question) bool { return q.front == Policy && q.same(a) }) {
			out = append(out, a)
		}
	}
	return out, err
}

// tell is the change of tlswarden's configuration by which the policy service reads
// addresses as this Postfix does. The milter needs none: Postfix sends it the
// mailbox.
func (s *site) tell(ctx context.Context, ours Addresses, coming []question) (*Change, error) {
	at, err := s.askedAt(ctx, ours.Policy, coming)
	if err != nil {
		return nil, err
	}
	keys, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	return ours.tell("Postfix", Policy, at, keys)
}
