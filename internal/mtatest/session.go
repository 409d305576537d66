package mtatest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// step is one thing that the client of a case does.
type step struct {
	source  sourceLine
	tags    tags
	verb    string // connect, disconnect, send, STARTTLS, AUTH, DATA, BDAT, QUIT; "" for any other command
	command string // the line as sent
	args    []string
	options TLSOptions
	message []string // of DATA and BDAT; nil for a message made up
	expect  []replyMatcher
}

// parseSteps reads the section "session".
func parseSteps(lines []sourceLine) ([]step, error) {
	var steps []step
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line.text, "|"):
			if len(steps) == 0 || !slices.Contains([]string{"DATA", "BDAT"}, steps[len(steps)-1].verb) {
				return nil, line.errorf("a line of a message without DATA or BDAT above it")
			}
			last := &steps[len(steps)-1]
			last.message = append(last.message, strings.TrimPrefix(strings.TrimPrefix(line.text, "|"), " "))
		case strings.HasPrefix(line.text, "=>"):
			if len(steps) == 0 {
				return nil, line.errorf("a reply without a command above it")
			}
			if err := steps[len(steps)-1].addExpected(line, line.text[2:]); err != nil {
				return nil, err
			}
		default:
			next, err := parseStep(line)
			if err != nil {
				return nil, err
			}
			steps = append(steps, next)
		}
	}
	if len(steps) > 0 && steps[0].verb != "connect" {
		return nil, steps[0].source.errorf("the session does not begin with connect")
	}
	return steps, nil
}

func parseStep(line sourceLine) (step, error) {
	command, expected, found := strings.Cut(line.text, "=>")
	s := step{source: line}
	if found {
		if err := s.addExpected(line, expected); err != nil {
			return s, err
		}
	}
	var err error
	if s.tags, s.command, err = cutTags(strings.TrimSpace(command)); err != nil {
		return s, line.errorf("%w", err)
	}
	words := strings.Fields(s.command)
	if len(words) == 0 {
		return s, line.errorf("no command")
	}
	if slices.Contains(verbs(), words[0]) {
		s.verb, s.args = words[0], words[1:]
	}
	if err := s.parseArgs(); err != nil {
		return s, line.errorf("%s: %w", s.verb, err)
	}
	return s, nil
}

// verbs are the words that the harness itself knows.
func verbs() []string {
	return []string{"connect", "disconnect", "send", "STARTTLS", "AUTH", "DATA", "BDAT", "QUIT"}
}

// parseArgs reads what stands after the words that the harness itself knows.
func (s *step) parseArgs() error {
	switch s.verb {
	case "connect", "STARTTLS":
		var err error
		s.options, err = parseTLSOptions(s.args)
		return err
	case "AUTH":
		plain := len(s.args) == 3 && s.args[0] == "PLAIN"
		external := len(s.args) == 1 && s.args[0] == "EXTERNAL"
		if !plain && !external {
			return fmt.Errorf("expected PLAIN USER PASSWORD, or EXTERNAL")
		}
	case "send":
		_, quoted, _ := strings.Cut(s.command, " ")
		text, err := strconv.Unquote(strings.TrimSpace(quoted))
		if err != nil {
			return fmt.Errorf("expected a quoted text")
		}
		s.args = []string{text}
	case "disconnect", "DATA", "BDAT", "QUIT":
		if len(s.args) != 0 {
			return fmt.Errorf("takes no arguments")
		}
	}
	return nil
}

// parseTLSOptions reads "TLSv1.2 cipher=NAME cert=NAME".
func parseTLSOptions(words []string) (TLSOptions, error) {
	var options TLSOptions
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		switch {
		case found && name == "cipher":
			options.Cipher = value
		case found && name == "cert":
			options.Cert = value
		case !found:
			options.Version = word
		default:
			return options, fmt.Errorf("%q is none of VERSION, cipher=, cert=", word)
		}
	}
	return options, options.Check()
}

func (s *step) addExpected(line sourceLine, text string) error {
	expected, err := parseReplyMatcher(text)
	if err != nil {
		return line.errorf("%w", err)
	}
	s.expect = append(s.expect, expected)
	return nil
}

// expected is what the reply must match for this server and front end: the
// first that fits, or else any positive reply.
func (s *step) expected(server, front string) replyMatcher {
	for _, expected := range s.expect {
		if expected.tags.hold(server, front) {
			return expected
		}
	}
	return replyMatcher{code: "2xx", text: matcher{any: true}}
}

// dialogue carries out the steps of a case.
type dialogue struct {
	mta     MTA
	front   string
	service string
	certs   *Certs
	record  func(line string)
	client  *Client
}

// runAll does the steps, up to the first that goes wrong, and disconnects.
func (d *dialogue) runAll(ctx context.Context, steps []step) error {
	defer d.close()
	for _, step := range steps {
		if err := d.run(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// run does one step and compares its reply.
func (d *dialogue) run(ctx context.Context, s step) error {
	if !s.tags.hold(d.mta.Name(), d.front) {
		return nil
	}
	if s.verb == "disconnect" {
		d.close()
		return nil
	}
	if d.client == nil && s.verb != "connect" {
		return s.source.errorf("%s: not connected", s.command)
	}
	reply, err := d.exchange(ctx, s)
	if err != nil {
		return s.source.errorf("%s: %w", s.command, err)
	}
	if want := s.expected(d.mta.Name(), d.front); !want.match(reply) {
		return s.source.errorf("%s: got %q, expected %s", s.command, reply, want)
	}
	if s.verb == "QUIT" || reply.Code == 0 {
		d.close()
	}
	return nil
}

func (d *dialogue) exchange(ctx context.Context, s step) (Reply, error) {
	switch s.verb {
	case "connect":
		return d.connect(ctx, s.options)
	case "STARTTLS":
		config, err := s.options.Config(d.certs)
		if err != nil {
			return Reply{}, err
		}
		return d.client.StartTLS(config)
	case "AUTH":
		if s.args[0] == "EXTERNAL" {
			return d.client.Command("AUTH EXTERNAL =") // RFC 4954 section 4: = is the empty response
		}
		return d.client.AuthPlain(s.args[1], s.args[2])
	case "send":
		return d.client.Command(s.args[0])
	case "DATA", "BDAT":
		message := s.message
		if message == nil {
			message = []string{"From: <a@example.org>", "Subject: test", "", "test"}
		}
		if s.verb == "DATA" {
			return d.client.Data(strings.Join(message, "\n"))
		}
		text := strings.Join(message, "\r\n") + "\r\n"
		return d.client.Command(fmt.Sprintf("BDAT %d LAST\r\n%s", len(text), strings.TrimSuffix(text, "\r\n"))) // RFC 3030 section 2
	}
	return d.client.Command(s.command)
}

// connect makes a new connection, up to the greeting.
func (d *dialogue) connect(ctx context.Context, options TLSOptions) (Reply, error) {
	d.close()
	address, err := d.mta.Address(d.service, d.front)
	if err != nil {
		return Reply{}, err
	}
	if d.client, err = Dial(ctx, address, d.record); err != nil {
		return Reply{}, err
	}
	wrapper := d.mta.WrapperMode(d.service)
	if !wrapper && options != (TLSOptions{}) {
		return Reply{}, fmt.Errorf("the service %s does not begin with TLS", d.service)
	}
	if wrapper {
		config, err := options.Config(d.certs)
		if err != nil {
			return Reply{}, err
		}
		if err := d.client.Handshake(config); err != nil {
			return Reply{}, err
		}
	}
	return d.client.Greeting()
}

func (d *dialogue) close() {
	if d.client != nil {
		_ = d.client.Close() // the server may have closed first
		d.client = nil
	}
}
