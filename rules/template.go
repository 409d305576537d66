package rules

import (
	"fmt"
	"strings"
)

// placeholders are the names that a reply may have in braces.
var placeholders = [...]string{"shortfall", "seen", "required", "rule", "id", "url", "client", "sender_domain"}

// MaxReply is the longest reply text that a rule may give, in bytes: with code
// and status it stays below the 512 octets of RFC 5321 section 4.5.3.1.5, and
// below the 510 that Postfix keeps.
const MaxReply = 450

// maxDefault bounds the default texts, for Postfix and others cut long texts in
// bounces.
const maxDefault = 200

// Template is a reply text with placeholders.
type Template struct {
	text  string
	parts []part
}

// part is literal text, or a placeholder.
type part struct {
	literal string
	name    string
}

// ParseTemplate reads a reply text. It is one line of printable ASCII (RFC 5321
// section 4.2); braces hold placeholders.
func ParseTemplate(text string) (*Template, error) {
	if err := checkReplyText(text); err != nil {
		return nil, err
	}
	t := &Template{text: text}
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.parts = append(t.parts, part{literal: rest})
			break
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("a { has no }")
		}
		name := rest[open+1 : open+end]
		if !isPlaceholder(name) {
			return nil, fmt.Errorf("there is no placeholder {%s}; the placeholders are {%s}", name, strings.Join(placeholders[:], "}, {"))
		}
		t.parts = append(t.parts, part{literal: rest[:open]}, part{name: name})
		rest = rest[open+end+1:]
	}
	return t, nil
}

func isPlaceholder(name string) bool {
	for _, p := range placeholders {
		if p == name {
			return true
		}
	}
	return false
}

func checkReplyText(text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("the text is empty")
	}
	if len(text) > MaxReply {
		return fmt.Errorf("the text has %d bytes, and an SMTP reply line has room for %d", len(text), MaxReply)
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == 0x7f {
			return fmt.Errorf("the text has a control character (byte %d); a reply is one line", i+1)
		} else if c > 0x7f {
			return fmt.Errorf("the text has a character beyond ASCII (byte %d), which SMTP replies cannot carry", i+1)
		}
	}
	return nil
}

// Uses says whether the text has a placeholder.
func (t *Template) Uses(name string) bool {
	for _, p := range t.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// String returns the text as it was written.
func (t *Template) String() string { return t.text }

// fill replaces the placeholders.
func (t *Template) fill(value func(name string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
		if p.name != "" {
			b.WriteString(value(p.name))
		}
	}
	return b.String()
}

// printable makes a value from outside fit for a reply, a header or a log line:
// bytes that are not printable ASCII become "?", and it is cut to a length.
func printable(s string, limit int) string {
	clean := len(s) <= limit
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] >= ' ' && s[i] < 0x7f
	}
	if clean {
		return s
	}
	b := []byte(s)
	if len(b) > limit {
		b = append(b[:limit-3:limit-3], "..."...)
	}
	for i, c := range b {
		if c < ' ' || c >= 0x7f {
			b[i] = '?'
		}
	}
	return string(b)
}
