package mtatest

import (
	"fmt"
	"regexp"
	"strings"
)

// matcher is what a case file says of a text: nothing, a text that it must
// equal, or a /regexp/ that must be found in it.
type matcher struct {
	text    string
	pattern *regexp.Regexp
	any     bool
}

func parseMatcher(text string) (matcher, error) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "/") {
		return matcher{text: text}, nil
	}
	if len(text) < 3 || !strings.HasSuffix(text, "/") {
		return matcher{}, fmt.Errorf("%s does not end with /", text)
	}
	pattern, err := regexp.Compile(text[1 : len(text)-1])
	if err != nil {
		return matcher{}, fmt.Errorf("%s: %w", text, err)
	}
	return matcher{pattern: pattern}, nil
}

func (m matcher) match(text string) bool {
	switch {
	case m.any:
		return true
	case m.pattern != nil:
		return m.pattern.MatchString(text)
	}
	return m.text == text
}

func (m matcher) String() string {
	switch {
	case m.any:
		return ""
	case m.pattern != nil:
		return "/" + m.pattern.String() + "/"
	}
	return m.text
}

// replyMatcher is an expected reply: "530", "530 5.7.0", "5xx /regexp/" or "closed".
type replyMatcher struct {
	tags   tags
	code   string // three characters, x for any digit; "" if the server is to close the connection
	status string // "" for any
	text   matcher
}

var replySyntax = regexp.MustCompile(`^([2-5x][0-9x]{2})(?:\s+([245]\.\d{1,3}\.\d{1,3}))?(?:\s+(/.*/))?$`)

func parseReplyMatcher(line string) (replyMatcher, error) {
	limits, rest, err := cutTags(strings.TrimSpace(line))
	if err != nil {
		return replyMatcher{}, err
	}
	if rest == "closed" {
		return replyMatcher{tags: limits}, nil
	}
	match := replySyntax.FindStringSubmatch(rest)
	if match == nil {
		return replyMatcher{}, fmt.Errorf("%q is not CODE, STATUS, /REGEXP/, or closed", rest)
	}
	expected := replyMatcher{tags: limits, code: match[1], status: match[2], text: matcher{any: true}}
	if match[3] != "" {
		expected.text, err = parseMatcher(match[3])
	}
	return expected, err
}

func (m replyMatcher) match(reply Reply) bool {
	if m.code == "" || reply.Code == 0 {
		return m.code == "" && reply.Code == 0
	}
	code := fmt.Sprint(reply.Code)
	for i := range m.code {
		if m.code[i] != 'x' && m.code[i] != code[i] {
			return false
		}
	}
	return (m.status == "" || m.status == reply.Status) && m.text.match(reply.Text)
}

func (m replyMatcher) String() string {
	if m.code == "" {
		return "closed"
	}
	return strings.Join(strings.Fields(m.code+" "+m.status+" "+m.text.String()), " ")
}
