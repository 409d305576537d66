package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tlswarden/internal/civil"
	"tlswarden/internal/tlsname"
)

// ipv6Offset tells the length of an IPv6 block from that of an IPv4 block in
// one byte: 33 to 161 stand for /0 to /128.
const ipv6Offset = 33

// maxPattern bounds a regular expression, in bytes.
const maxPattern = 1024

func (e *entries) add(kind Kind, entry any) error {
	if text, ok := entry.(string); ok {
		return e.addText(kind, text)
	}
	return e.addTyped(kind, entry)
}

// addTyped takes the entries that TOML itself types.
func (e *entries) addTyped(kind Kind, entry any) error {
	switch x := entry.(type) {
	case bool:
		if kind != KindBool {
			return fmt.Errorf("true and false go with booleans, and this is %s", kind.A())
		}
		e.addNumber(boolNumber(x))
		return nil
	case int64:
		if kind == KindVersion {
			return unknownVersion(strconv.FormatInt(x, 10))
		}
		if kind != KindNumber {
			return fmt.Errorf("a number does not go with %s", kind.A())
		}
		e.addNumber(x)
		return nil
	case time.Time:
		if kind != KindTime {
			return fmt.Errorf("a date does not go with %s", kind.A())
		}
		e.addNumber(x.Unix())
		return nil
	}
	if x, ok := entry.(float64); ok && kind == KindVersion {
		return unknownVersion(strconv.FormatFloat(x, 'f', 1, 64))
	}
	return fmt.Errorf("a condition on %s takes text, a number, true or false, or a list of these", kind.A())
}

func boolNumber(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (e *entries) addText(kind Kind, text string) error {
	if len(text) >= 2 && text[0] == '/' && text[len(text)-1] == '/' {
		return e.addPattern(kind, text[1:len(text)-1])
	}
	if op, rest := cutOperator(text); op != "" {
		return e.addComparison(kind, op, rest)
	}
	switch kind {
	case KindAddress:
		return e.addPrefix(text)
	case KindDomain:
		return e.addDomain(text)
	case KindMailbox:
		return e.addMailbox(text)
	case KindCipher:
		return e.addCipher(text)
	case KindFingerprint:
		f, err := ParseFingerprint(text)
		if err != nil {
			return err
		}
		e.addKey(f)
		return nil
	case KindName, KindText:
		return e.addName(kind, text)
	case KindBool:
		return fmt.Errorf("write true or false without quotes, not %q", text)
	}
	n, err := e.parseOrdered(kind, text)
	if err != nil {
		return err
	}
	e.addNumber(n)
	return nil
}

func (e *entries) addKey(key string) { put(&e.texts, key) }

func (e *entries) addNumber(n int64) { put(&e.numbers, n) }

func put[K comparable](m *map[K]struct{}, key K) {
	if *m == nil {
		*m = map[K]struct{}{}
	}
	(*m)[key] = struct{}{}
}

func (e *entries) addPattern(kind Kind, pattern string) error {
	switch kind {
	case KindDomain, KindName, KindText, KindMailbox, KindCipher, KindFingerprint:
	default:
		return fmt.Errorf("a regular expression does not go with %s", kind.A())
	}
	if len(pattern) > maxPattern {
		return fmt.Errorf("the regular expression is longer than %d bytes", maxPattern)
	}
	if kind == KindDomain || kind == KindMailbox || kind == KindName || kind == KindCipher || kind == KindFingerprint {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("bad regular expression: %w", trimRegexp(err))
	}
	e.patterns = append(e.patterns, re)
	return nil
}

// trimRegexp drops the words that the library puts before its message.
func trimRegexp(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}

// cutOperator splits a comparison such as ">= 5" into its parts.
func cutOperator(text string) (op, rest string) {
	for _, op := range []string{"<=", ">=", "<", ">"} {
		if rest, ok := strings.CutPrefix(text, op); ok && text != "<>" && !strings.HasSuffix(text, ">") {
			return op, strings.TrimSpace(rest)
		}
	}
	return "", text
}

func (e *entries) addComparison(kind Kind, op, bound string) error {
	if !kind.Ordered() && kind == KindMailbox {
		return fmt.Errorf("%q is not a valid address", op+bound)
	}
	if !kind.Ordered() {
		return fmt.Errorf("%s has no order, so %q cannot compare it", kind.A(), op)
	}
	n, err := e.parseOrdered(kind, bound)
	if err != nil {
		return err
	}
	e.compares = append(e.compares, comparison{op, n})
	return nil
}

func (e *entries) parseOrdered(kind Kind, text string) (int64, error) {
	switch kind {
	case KindNumber:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number", text)
		}
		return n, nil
	case KindVersion:
		v, ok := tlsname.ParseVersion(text)
		if !ok {
			return 0, unknownVersion(text)
		}
		return int64(v), nil
	}
	if t, ok := civil.Parse(text, e.zone); ok {
		return t.Unix(), nil
	}
	return 0, &BadDateError{Text: text}
}

func (e *entries) addPrefix(text string) error {
	p, err := parsePrefix(text)
	if err != nil {
		return err
	}
	put(&e.prefixes, p)
	l := uint8(p.Bits())
	if p.Addr().Is6() {
		l += ipv6Offset
	}
	if !slices.Contains(e.lengths, l) {
		e.lengths = append(e.lengths, l)
	}
	return nil
}

// parsePrefix reads an address or a CIDR block. A block whose host bits are set
// is refused: it is a slip more often than not.
func parsePrefix(text string) (netip.Prefix, error) {
	if bare, zone, ok := strings.Cut(text, "%"); ok {
		_, bits, _ := strings.Cut(zone, "/")
		if bits != "" {
			bare += "/" + bits
		}
		return netip.Prefix{}, fmt.Errorf("%q names a network interface, which no address has here; write %q", text, bare)
	}
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if parts := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t,;", c) }); err != nil && len(parts) > 1 {
		if _, err := parsePrefix(parts[0]); err == nil {
			return netip.Prefix{}, severalError(text, parts)
		}
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a CIDR block such as 192.0.2.0/24", text)
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("write the IPv4 block itself instead of %q", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length; the block is %s", text, p.Masked())
	}
	return p, nil
}

func (e *entries) addCipher(text string) error {
	if text == "" {
		e.addKey("")
		return nil
	}
	s := tlsname.Lookup(text, tlsname.VersionUnknown)
	if s == nil {
		return unknownCipher(text)
	}
	e.addNumber(suiteNumber(s))
	e.addKey(strings.ToLower(text))
	return nil
}

// BadDateError is a text that is not a date in the form of RFC 3339.
type BadDateError struct{ Text string }

func (e *BadDateError) Error() string {
	return fmt.Sprintf("%q is not a date; write 2027-01-31 or 2027-01-31T12:00:00+01:00", e.Text)
}

// UnknownVersionError is an unknown TLS version with the one that is meant, if that
// can be told.
type UnknownVersionError struct{ Text, Meant string }

func (e *UnknownVersionError) Error() string {
	names := tlsname.Versions()[1:]
	return fmt.Sprintf("%q is not a TLS version; the versions are %s, and none is plaintext", e.Text, strings.Join(names, ", "))
}

func unknownVersion(text string) error { return &UnknownVersionError{text, MeantVersion(text)} }

var versionLike = regexp.MustCompile(`^(?i:(?:tls|ssl)?[ _-]?v?[ _-]?)([1-3])(?:[._]([0-9]))?$`)

// MeantVersion is the TLS version that is meant by a text such as "1.2", "TLSv1.0" or
// "TLS 1.3"; "" if that cannot be told.
func MeantVersion(text string) string {
	found := versionLike.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return ""
	}
	name := "TLSv" + found[1] + "." + found[2]
	if found[2] == "" || found[2] == "0" {
		name = "TLSv" + found[1]
		if strings.HasPrefix(strings.ToLower(text), "ssl") || found[1] != "1" {
			name = "SSLv" + found[1]
		}
	}
	if v, ok := tlsname.ParseVersion(name); ok {
		return v.String()
	}
	return ""
}

// UnknownCipherError is an unknown cipher suite name with the known name that
// is nearest to it, if one is near.
type UnknownCipherError struct{ Name, Nearest string }

func (e *UnknownCipherError) Error() string {
	return fmt.Sprintf("no cipher suite is called %q", e.Name)
}

func unknownCipher(name string) error {
	return &UnknownCipherError{Name: name, Nearest: tlsname.NearestSuite(name)}
}

// ParseFingerprint reads a fingerprint in hexadecimal, with or without colons,
// as Postfix prints it: the length must be that of MD5, SHA-1, SHA-224, SHA-256,
// SHA-384 or SHA-512.
func ParseFingerprint(text string) (string, error) {
	f := normalFingerprint(text)
	for i := 0; i < len(f); i++ {
		if c := f[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("%q is not a valid fingerprint: hexadecimal digits and colons only", text)
		}
	}
	switch len(f) {
	case 32, 40, 56, 64, 96, 128:
		return f, nil
	}
	return "", fmt.Errorf("a fingerprint has 64 hexadecimal digits for SHA-256 (40 for SHA-1, 32 for MD5), and this one has %d", len(f))
}
