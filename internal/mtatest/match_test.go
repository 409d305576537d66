package mtatest

import (
	"strings"
	"testing"
)

func TestReplyMatcher(t *testing.T) {
	reply := Reply{Code: 530, Status: "5.7.0", Text: "no encryption"}
	tests := []struct {
		expected string
		reply    Reply
		want     bool
	}{
		{"530", reply, true},
		{"5xx", reply, true},
		{"xxx 5.7.0", reply, true},
		{"530 5.7.0 /no enc/", reply, true},
		{"530 /^no encryption$/", reply, true},
		{"531", reply, false},
		{"54x", reply, false},
		{"2xx", reply, false},
		{"530 5.7.1", reply, false},
		{"530 5.7.0 /weak/", reply, false},
		{"closed", reply, false},
		{"closed", Reply{}, true},
		{"5xx", Reply{}, false},
		{"530 5.7.0", Reply{Code: 530}, false},
	}
	for _, test := range tests {
		expected, err := parseReplyMatcher(test.expected)
		if err != nil {
			t.Fatal(err)
		}
		if got := expected.match(test.reply); got != test.want {
			t.Errorf("%s matches %q: %v", test.expected, test.reply, got)
		}
		if got := expected.String(); got != test.expected {
			t.Errorf("%s prints as %s", test.expected, got)
		}
	}
}

func TestMatchLog(t *testing.T) {
	const log = `time=1 msg=ready
time=2 msg=decision action=accept rule="a b" cipher=X
panic: not logfmt "
time=3 msg=decision action=accept rule=c
`
	tests := map[string]struct{ expected, want string }{
		"one":            {"action=accept rule=c", ""},
		"order is free":  {"rule=c\nrule=\"a b\"", ""},
		"regexp":         {`msg=decision rule="/^a.b$/"`, ""},
		"no such key":    {"action=accept cipher=", ""},
		"best fit":       {"action=accept\naction=accept cipher=X", ""},
		"absent":         {"no action=reject", ""},
		"wrong value":    {"action=reject", "x:1: the log has no line (left) with action=reject"},
		"one line each":  {"rule=c\nrule=c", "x:2: the log has no line (left) with rule=c"},
		"key is there":   {"rule=\"a b\" cipher=", `x:1: the log has no line (left) with rule="a b" cipher=`},
		"not absent":     {"no rule=c", "x:1: the log has a line that it should not have: no rule=c"},
		"fields of both": {"rule=c cipher=X", "x:1: the log has no line (left) with rule=c cipher=X"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var expected []logMatcher
			for _, line := range (source{first: 1, data: test.expected}).lines("x") {
				matcher, err := parseLogMatcher(line)
				if err != nil {
					t.Fatal(err)
				}
				expected = append(expected, matcher)
			}
			got := ""
			if err := matchLog(log, expected); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestDeliveries(t *testing.T) {
	tagged := parseMessage("Return-Path: <a>\nX-T: fail;\n\t none\nReceived: by mx\nX-O: 1\nX-O: 2\n\nX-B: body\n")
	tests := map[string]struct {
		expected  string
		delivered map[string][]Message
		held      int
		want      string
	}{
		"as expected": {"b@example.com\n top X-T: fail; none\n X-T: /^fail/\n no X-B\n no X-Y",
			map[string][]Message{"b@example.com": {tagged}}, 0, ""},
		"two for one":    {"b@example.com\nb@example.com", map[string][]Message{"b@example.com": {tagged, tagged}}, 0, ""},
		"other front":    {"[policy] b@example.com\n[policy] held 3", nil, 0, ""},
		"this server":    {"[postfix milter] held 1", nil, 1, ""},
		"none":           {"none", nil, 0, ""},
		"another order":  {"b@example.com\n X-B: body\nb@example.com\n X-N: 2", map[string][]Message{"b@example.com": {parseMessage("X-N: 2\n\n"), parseMessage("X-B: body\n\n")}}, 0, ""},
		"one for two":    {"b@example.com\n X-N: 2\nb@example.com\n X-N: 2", map[string][]Message{"b@example.com": {parseMessage("X-N: 2\n\n"), parseMessage("X-N: 3\n\n")}}, 0, "x:4: message for b@example.com: has X-N: 3, expected 2"},
		"missing":        {"b@example.com", nil, 0, "x:1: b@example.com got 0 message(s)"},
		"second missing": {"b@example.com\nb@example.com", map[string][]Message{"b@example.com": {tagged}}, 0, "x:2: b@example.com got 1 message(s)"},
		"unexpected":     {"none", map[string][]Message{"c@example.com": {tagged}}, 0, "c@example.com got 1 message(s), expected 0"},
		"held":           {"none", nil, 1, "1 message(s) held, expected 0"},
		"not held":       {"held 1", nil, 0, "0 message(s) held, expected 1"},
		"value": {"b@example.com\n X-T: pass", map[string][]Message{"b@example.com": {tagged}}, 0,
			"x:2: message for b@example.com: has X-T: fail; none, expected pass"},
		"twice": {"b@example.com\n X-O: 1", map[string][]Message{"b@example.com": {tagged}}, 0,
			"x:2: message for b@example.com: has 2 header fields X-O: 1 | 2"},
		"not at the top": {"b@example.com\n top X-O: 1", map[string][]Message{"b@example.com": {parseMessage("Received: x\nX-O: 1\n\n")}}, 0,
			"x:2: message for b@example.com: has X-O below Received"},
		"there": {"b@example.com\n no X-T", map[string][]Message{"b@example.com": {tagged}}, 0,
			"x:2: message for b@example.com: has X-T: fail; none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseDeliveries(source{first: 1, data: test.expected}.lines("x"))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := parsed.check("postfix", FrontMilter, test.delivered, test.held); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// FuzzParseLogLine: what is read back from a rendered line is the same.
func FuzzParseLogLine(f *testing.F) {
	f.Add(`time=2026-01-01T00:00:00Z level=INFO msg="a \"b\" c" empty= x`)
	f.Add(`a="`)
	f.Fuzz(func(t *testing.T, line string) {
		fields, err := parseLogLine(line)
		if err != nil {
			return
		}
		size := 0
		for _, field := range fields {
			if strings.ContainsAny(field.key, "= \t\n") {
				t.Errorf("key %q", field.key)
			}
			size += len(field.key)
		}
		if size > len(line) {
			t.Errorf("%d bytes of keys from %d bytes", size, len(line))
		}
	})
}

// FuzzParseMessage: header fields come from the part before the empty line, in its order.
func FuzzParseMessage(f *testing.F) {
	f.Add("A: b\r\n c\nB:\n\nC: d\n")
	f.Add(" folded first\nA: b")
	f.Fuzz(func(t *testing.T, raw string) {
		rest := raw
		for _, field := range parseMessage(raw).Header {
			_, after, found := strings.Cut(rest, field.Name+":")
			if !found || field.Name == "" || strings.ContainsAny(field.Value, "\n") {
				t.Fatalf("field %q: %q is not in %q", field.Name, field.Value, rest)
			}
			rest = after
		}
	})
}
