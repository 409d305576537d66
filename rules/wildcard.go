package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"tlswarden/internal/mailaddr"
)

// In the tables of other mail software a "*" stands for what precedes a dot or an
// "@", and "@example.org" for all addresses of a domain. Conditions take both, in
// each field whose values have such an ending.

// hitEnding reports whether a text ends with one of the endings, each of which
// begins with a dot or "@".
func (e *entries) hitEnding(text string) bool {
	if len(e.endings) == 0 {
		return false
	}
	for i := 1; i < len(text); i++ {
		if (text[i] == '.' || text[i] == '@') && hit(e.endings, text[i:]) {
			return true
		}
	}
	return !isASCII(text) && e.hitEnding(inASCII(text))
}

// inASCII is a lower-case name with its domain as an A-label, and NUL for what else is
// not ASCII.
func inASCII(text string) string {
	local, domain := mailaddr.Split(text)
	if domain == "" {
		local, domain = "", text
	}
	return squeezed(local + "@" + normalDomain(domain))
}

func squeezed(text string) string {
	return strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII {
			return 0 // which stands in no entry
		}
		return c
	}, text)
}

// ending is what an entry such as "*.example.org", ".example.org" or
// "*@example.org" says that a text ends with; "" if it says nothing of the kind.
func ending(text string) string {
	rest := strings.TrimPrefix(text, "*")
	if len(rest) < 2 || rest[0] != '.' && rest[0] != '@' {
		return ""
	}
	return rest
}

// addName takes an entry for a text that may be a name in a domain.
func (e *entries) addName(kind Kind, text string) error {
	if err := checkName(kind, text); err != nil {
		return err
	}
	if ending(text) != "" || looksLikeDomain(text) {
		text = strings.TrimSuffix(text, ".")
	}
	fold := func(s string) string { return s }
	if kind == KindName {
		fold = strings.ToLower
	}
	end := ending(text)
	if end == "" {
		e.addKey(fold(text))
		if ascii := asciiName(text); ascii != "" {
			e.addKey(ascii)
		}
		return nil
	}
	put(&e.endings, strings.ToLower(end)) // what follows a dot or an "@" is a domain
	if ascii := asciiName(end[1:]); ascii != "" {
		put(&e.endings, end[:1]+ascii)
	}
	return nil
}

// asciiName is the A-label form of a domain name that has U-labels; "" if the text is
// none.
func asciiName(text string) string {
	if isASCII(text) || !strings.Contains(text, ".") || strings.ContainsAny(text, " \t@/=,") {
		return ""
	}
	return normalDomain(text)
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c > unicode.MaxASCII }) < 0
}

// checkName refuses what no name of a host, a user or a certificate can be.
func checkName(kind Kind, text string) error {
	if err := checkVisible(text); err != nil {
		return err
	}
	if nearlyAttribute.MatchString(text) {
		return attributeError(text)
	}
	if kind == KindText && !strings.ContainsAny(text, ",;") {
		return nil
	}
	if i := strings.LastIndexByte(text, '*'); i > 0 || i == 0 && ending(text) == "" {
		return wildcardError(text)
	}
	return checkOne(text)
}

// checkOne refuses several addresses or domains in one string.
func checkOne(text string) error {
	parts := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\t' })
	if len(parts) < 2 {
		return nil
	}
	for _, p := range parts {
		if !strings.Contains(p, "@") && !looksLikeDomain(p) {
			return nil
		}
	}
	return severalError(text, parts)
}

// SeveralError is an entry that is several.
type SeveralError struct {
	Text  string
	Parts []string
}

func (e *SeveralError) Error() string {
	return fmt.Sprintf("%q is more than one value in one string; write [\"%s\"]", e.Text, strings.Join(e.Parts, `", "`))
}

func severalError(text string, parts []string) error { return &SeveralError{text, parts} }

// looksLikeDomain reports whether a text has the form of a domain name with a dot
// within.
func looksLikeDomain(text string) bool {
	text = strings.TrimPrefix(text, "*")
	dot := strings.IndexByte(strings.Trim(text, "."), '.')
	return dot > 0 && checkLabels(strings.TrimPrefix(text, ".")) == nil
}

// LooksLikeDomain reports whether a text that follows an "@" is meant as a domain,
// such as example.org, .example.org or *.example.org, and not as the name of a list.
func LooksLikeDomain(text string) bool {
	return looksLikeDomain(text) || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "*.")
}

// checkVisible refuses what no one sees and nothing has: controls, and marks that
// stand within a text to order or to join it.
func checkVisible(text string) error {
	for _, c := range text {
		if mailaddr.IsInvisible(c) {
			return fmt.Errorf("%q has a character in it that is not visible, U+%04X", text, c)
		}
	}
	return nil
}

// nearlyAttribute matches what is meant for an attribute of an entry.
var nearlyAttribute = regexp.MustCompile(`(?i)\s(until|owner|expires?)\s*[=:]|\suntil\s+\d`)

func attributeError(text string) error {
	return fmt.Errorf("%q has something behind it that means nothing; behind an entry of a list may stand until=2027-01-31 and owner=NAME", text)
}

var attributeLike = regexp.MustCompile(`\s\w+=`)

func everyError(text, what string) error {
	return fmt.Errorf("%q is every %s; leave the condition out, or write \"!\" and what is not meant", text, what)
}

func wildcardError(text string) error {
	return fmt.Errorf("in %q a \"*\" stands where it means nothing; it stands at the beginning, as in *.example.org and *@example.org, and else a regular expression does it, such as %q",
		text, "/^"+strings.NewReplacer(".", `\.`, "*", ".*").Replace(text)+"$/")
}

// addDomain takes a domain, or one and "." or "*." before it for its subdomains. All
// addresses of a domain have that domain.
func (e *entries) addDomain(text string) error {
	if text == "" { // a field known to be empty, such as the domain of the null sender
		e.addKey("")
		return nil
	}
	name := strings.TrimPrefix(strings.TrimPrefix(text, "*@"), "@")
	name, below := cutBelow(name)
	if err := checkDomain(text, name); err != nil {
		return err
	}
	to := &e.texts
	if below {
		to = &e.suffixes
	}
	putDomain(to, name)
	return nil
}

// cutBelow takes the mark for subdomains from a name.
func cutBelow(name string) (rest string, below bool) {
	if rest, ok := strings.CutPrefix(name, "*."); ok {
		return rest, true
	}
	return strings.CutPrefix(name, ".")
}

// putDomain puts a domain in its forms.
func putDomain(to *map[string]struct{}, name string) {
	put(to, normalDomain(name))
	if other := mailaddr.OtherDomain(name); other != "" {
		put(to, other)
	}
}

// checkDomain refuses what can be no domain name, nor the address literal that
// a HELO may hold (RFC 5321 section 4.1.3).
func checkDomain(text, name string) error {
	if err := checkVisible(text); err != nil {
		return err
	}
	if err := checkOne(text); err != nil {
		return err
	}
	host, port, found := strings.Cut(name, ":")
	switch {
	case name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, ".."):
		return errors.New("a domain name has no empty part; write example.org, or .example.org for its subdomains")
	case strings.HasPrefix(name, "[") && mailaddr.IsLiteral(name):
		return nil
	case strings.HasPrefix(name, "["):
		return fmt.Errorf("%q is not a valid address literal, such as [192.0.2.1] or [IPv6:2001:db8::1]", name)
	case mailaddr.IsURL(name):
		return fmt.Errorf("%q is a URL; write the domain alone", text)
	case strings.Contains(name, "@"):
		return fmt.Errorf("%q is an address, and a domain is wanted here; write %q", text, name[strings.LastIndexByte(name, '@')+1:])
	case name == "*":
		return everyError(text, "domain")
	case strings.Contains(name, "*"):
		return wildcardError(text)
	case attributeLike.MatchString(name):
		return attributeError(text)
	case found && host != "" && strings.Trim(port, "0123456789") == "":
		return fmt.Errorf("%q has a port; write %q", text, host)
	}
	if checkLabels(name) != nil {
		return fmt.Errorf("%q is not a valid domain name", text)
	}
	return nil
}

// checkLabels refuses characters that are in no domain name, and lengths that none
// has (RFC 1035 section 2.3.4).
func checkLabels(name string) error {
	bad := func(c rune) bool {
		return c <= ' ' || c == 0x7f || strings.ContainsRune("!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", c) || unicode.IsSpace(c)
	}
	ascii := normalDomain(name)
	if strings.ContainsFunc(name, bad) || len(ascii) > 253 {
		return errors.New("not a valid domain name")
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(ascii, "."), ".") {
		if label == "" || len(label) > 63 {
			return errors.New("not a valid domain name")
		}
	}
	return nil
}

// addMailbox takes an address; a local part with "@" for it in each domain; and
// "@example.org" or "*@example.org" for all addresses of a domain, with "." or "*."
// before the domain for those of its subdomains.
func (e *entries) addMailbox(text string) error {
	if text == "<>" || text == "" {
		e.addKey("")
		return nil
	}
	if err := checkVisible(text); err != nil {
		return err
	}
	bare := text
	if strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") {
		bare = text[1 : len(text)-1]
	}
	written, domain := mailaddr.Split(bare)
	local, _ := mailaddr.Split(mailaddr.Unquote(bare))
	quoted := local != written
	switch {
	case !quoted && checkOne(bare) != nil:
		return checkOne(bare)
	case mailaddr.IsURL(bare):
		return fmt.Errorf("%q is a URL; write the address alone", text)
	case bare == "*":
		return everyError(text, "address")
	case !strings.Contains(bare, "@") && looksLikeDomain(bare):
		name, below := cutBelow(bare)
		if below {
			name = "*." + name
		}
		return fmt.Errorf("%q has no @; for all addresses of the domain write %q", text, "*@"+name)
	case !strings.Contains(bare, "@"):
		return fmt.Errorf("%q has no @; for the local part in each domain write %q", text, bare+"@")
	case local == "" || local == "*":
		return e.addAddressesOf(text, domain)
	case !quoted && strings.ContainsAny(local, "@ \t,;:<>()[]\\\""): // RFC 5321 section 4.1.2
		return fmt.Errorf("%q is not a valid address", text)
	case !quoted && strings.Contains(local, "*"):
		return wildcardError(text)
	case domain == "" || domain == "*":
		put(&e.locals, mailaddr.Fold(local))
		return nil
	}
	if err := checkAddressDomain(text, domain); err != nil {
		return err
	}
	e.addKey(normalMailbox(bare))
	if other := mailaddr.OtherNormal(mailaddr.Unquote(bare)); other != "" {
		e.addKey(other)
	}
	return nil
}

// checkAddressDomain refuses what is no domain after an "@".
func checkAddressDomain(text, domain string) error {
	if _, below := cutBelow(domain); below {
		return fmt.Errorf("%q has a local part and subdomains; a regular expression does it, such as %q", text,
			"/^"+strings.NewReplacer(".", `\.`, "*", "[^@]*").Replace(strings.Replace(text, "@.", "@*.", 1))+"$/")
	}
	return checkDomain(text, domain)
}

// addAddressesOf takes all addresses of a domain.
func (e *entries) addAddressesOf(text, domain string) error {
	name, below := cutBelow(domain)
	if name == "" || name == "*" {
		return everyError(text, "address")
	}
	if err := checkDomain(text, name); err != nil {
		return err
	}
	to := &e.domains
	if below {
		to = &e.suffixes
	}
	putDomain(to, name)
	return nil
}

// CheckEntry refuses an entry for which no use is known yet if it can equal no value
// of any field: it looks like an address, a domain or a block, and is none. A text
// that looks like nothing of the kind may be a name.
func CheckEntry(entry string) error {
	text := entry
	if rest, negated := strings.CutPrefix(entry, "!"); negated {
		text = strings.TrimSpace(rest)
	}
	if addressLike.MatchString(text) {
		return NewSet(KindAddress).Add(text)
	}
	for k := KindAddress; k <= KindTime; k++ {
		if k != KindName && k != KindText && k != KindBool && NewSet(k).Add(text) == nil {
			return nil
		}
	}
	switch err := NewSet(KindName).Add(text); {
	case err != nil:
		return err
	case strings.Contains(text, "@") && !strings.Contains(text, "="): // as in a distinguished name
		return NewSet(KindMailbox).Add(text)
	case hostAndMore.MatchString(text):
		return NewSet(KindDomain).Add(text)
	}
	return nil
}

var (
	addressLike = regexp.MustCompile(`^([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+[-0-9./%*]*|([0-9]+\.){2,3}[0-9]+/[0-9]*|([0-9]+\.){2,3}\*|[0-9a-fA-F:]*::[-0-9a-fA-F:.%/a-z]*|([0-9a-fA-F]+:){3,}[0-9a-fA-F:.]*/[0-9]+)$`)
	hostAndMore = regexp.MustCompile(`^[-_A-Za-z0-9*.]+\.[-_A-Za-z0-9]+(:[0-9]+|[,;].*)$|^[-_A-Za-z0-9]*\.[-_A-Za-z0-9.]*$|^\[.*\](:[0-9]+)?$|^(?i:mailto|https?|smtps?|lmtp):`)
)
