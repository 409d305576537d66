package mtatest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// deliveries is what the section "delivered" of a case file expects.
type deliveries struct {
	expected []delivery
	held     []heldCount
}

// delivery is one message for one recipient.
type delivery struct {
	tags      tags
	line      sourceLine
	recipient string
	headers   []headerMatcher
}

// headerMatcher is what is said of the header fields of one name.
type headerMatcher struct {
	line   sourceLine
	name   string
	absent bool    // there is none
	top    bool    // it stands above the server's own Received
	value  matcher // else there is exactly one, with this value
}

type heldCount struct {
	tags  tags
	line  sourceLine
	count int
}

// parseDeliveries reads the section's lines.
func parseDeliveries(lines []sourceLine) (deliveries, error) {
	var d deliveries
	for _, line := range lines {
		if line.indented {
			if len(d.expected) == 0 {
				return d, line.errorf("a header without a recipient above it")
			}
			header, err := parseHeaderMatcher(line)
			if err != nil {
				return d, err
			}
			last := &d.expected[len(d.expected)-1]
			last.headers = append(last.headers, header)
			continue
		}
		limits, rest, err := cutTags(line.text)
		if err != nil {
			return d, line.errorf("%w", err)
		}
		words := strings.Fields(rest)
		switch {
		case len(words) == 1 && words[0] == "none":
			// says so for the reader: nothing is what an empty section expects
		case len(words) == 2 && words[0] == "held":
			count, err := strconv.Atoi(words[1])
			if err != nil {
				return d, line.errorf("held %s: not a number", words[1])
			}
			d.held = append(d.held, heldCount{limits, line, count})
		case len(words) == 1 && strings.HasSuffix(words[0], "@"+Domain):
			d.expected = append(d.expected, delivery{tags: limits, line: line, recipient: words[0]})
		default:
			return d, line.errorf("%q is none of: a recipient at %s, held NUMBER, none", rest, Domain)
		}
	}
	return d, nil
}

func parseHeaderMatcher(line sourceLine) (headerMatcher, error) {
	header := headerMatcher{line: line}
	text := line.text
	if name, found := strings.CutPrefix(text, "no "); found {
		header.absent, header.name = true, strings.TrimSpace(name)
		if header.name == "" || strings.ContainsAny(header.name, ": ") {
			return header, line.errorf("%q is not: no NAME", text)
		}
		return header, nil
	}
	if after, found := strings.CutPrefix(text, "top "); found {
		header.top, text = true, after
	}
	name, value, found := strings.Cut(text, ":")
	header.name = strings.TrimSpace(name)
	if !found || header.name == "" || strings.Contains(header.name, " ") {
		return header, line.errorf("%q is none of: NAME: VALUE, top NAME: VALUE, no NAME", text)
	}
	var err error
	if header.value, err = parseMatcher(value); err != nil {
		return header, line.errorf("%w", err)
	}
	return header, nil
}

// check compares what was delivered and held with what is expected. Messages
// that nobody expects are errors too. A mail server may deliver messages in another
// order than they came in, so each expected one is the first left that fits it.
func (d deliveries) check(server, front string, delivered map[string][]Message, held int) error {
	var wrong []error
	expected, left := map[string]int{}, map[string][]Message{}
	for recipient, messages := range delivered {
		left[recipient] = slices.Clone(messages)
	}
	for _, want := range d.expected {
		if !want.tags.hold(server, front) {
			continue
		}
		expected[want.recipient]++
		messages := left[want.recipient]
		if len(messages) == 0 {
			wrong = append(wrong, want.line.errorf("%s got %d message(s)", want.recipient, len(delivered[want.recipient])))
			continue
		}
		fits := max(0, slices.IndexFunc(messages, func(m Message) bool { return want.check(m) == nil }))
		wrong = append(wrong, want.check(messages[fits]))
		left[want.recipient] = slices.Delete(messages, fits, fits+1)
	}
	for _, recipient := range sortedRecipients(delivered) {
		if got := len(delivered[recipient]); got > expected[recipient] {
			wrong = append(wrong, fmt.Errorf("%s got %d message(s), expected %d", recipient, got, expected[recipient]))
		}
	}
	wantHeld := 0
	for _, want := range d.held {
		if want.tags.hold(server, front) {
			wantHeld = want.count
		}
	}
	if held != wantHeld {
		wrong = append(wrong, fmt.Errorf("%d message(s) held, expected %d", held, wantHeld))
	}
	return errors.Join(wrong...)
}

func (d delivery) check(message Message) error {
	var wrong []error
	for _, header := range d.headers {
		if err := header.check(message); err != nil {
			wrong = append(wrong, header.line.errorf("message for %s: %w", d.recipient, err))
		}
	}
	return errors.Join(wrong...)
}

func (h headerMatcher) check(message Message) error {
	values := message.Values(h.name)
	switch {
	case h.absent && len(values) > 0:
		return fmt.Errorf("has %s: %s", h.name, strings.Join(values, " | "))
	case h.absent:
		return nil
	case len(values) != 1:
		return fmt.Errorf("has %d header fields %s: %s", len(values), h.name, strings.Join(values, " | "))
	case !h.value.match(values[0]):
		return fmt.Errorf("has %s: %s, expected %s", h.name, values[0], h.value)
	case h.top && !message.AboveReceived(h.name):
		return fmt.Errorf("has %s below Received", h.name)
	}
	return nil
}

func sortedRecipients(delivered map[string][]Message) []string {
	var recipients []string
	for recipient := range delivered {
		recipients = append(recipients, recipient)
	}
	slices.Sort(recipients)
	return recipients
}
