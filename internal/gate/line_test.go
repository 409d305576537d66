package gate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tlswarden/rules"
)

// fields splits a logfmt line as a reader of logs would.
func fields(t *testing.T, line string) map[string]string {
	t.Helper()
	out := map[string]string{}
	rest := strings.TrimSuffix(line, "\n")
	for rest != "" {
		key, after, ok := strings.Cut(rest, "=")
		if !ok || strings.ContainsAny(key, " \"") {
			t.Fatalf("no key at %q", rest)
		}
		if _, twice := out[key]; twice {
			t.Fatalf("key %q stands twice in %q", key, line)
		}
		value := after
		if strings.HasPrefix(after, `"`) {
			end := closing(after)
			if err := json.Unmarshal([]byte(after[:end]), &value); err != nil {
				t.Fatalf("%v: %q", err, after[:end])
			}
			rest = strings.TrimPrefix(after[end:], " ")
		} else {
			value, rest, _ = strings.Cut(after, " ")
		}
		out[key] = value
	}
	return out
}

// closing is where a quoted value ends.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func checkLine(t *testing.T, format Format, text, helo, user string) {
	t.Helper()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") || strings.ContainsRune(text, '\r') {
		t.Fatalf("more than a line: %q", text)
	}
	var got map[string]string
	if format == JSON {
		var any map[string]any
		if err := json.Unmarshal([]byte(text), &any); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		got = map[string]string{}
		for k, v := range any {
			if s, ok := v.(string); ok {
				got[k] = s
			}
		}
	} else {
		got = fields(t, text)
	}
	for key, want := range map[string]string{"helo": helo, "sasl_user": user, "queue_id": "Q", "action": "reject", "front": "milter"} {
		if len(want) <= maxField && utf8.ValidString(want) && !hidden(want) && got[key] != want {
			t.Errorf("%s is %q, want %q in %s", key, got[key], want, text)
		}
	}
}

// hidden says whether a text has runes that are replaced.
func hidden(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError })
}

// TestLongValuesAreCut shows that nobody can fill the log with one value.
func TestLongValuesAreCut(t *testing.T) {
	s := session("TLSv1")
	long := strings.Repeat("x", 10000)
	s.Helo, s.ClientName, s.SASLUser = rules.Known(long), rules.Known(long), rules.Known(long)
	s.SetSender(long + "@example.org")
	d := load(t, everyone).Decide(s, 0, "id")
	l := line{}
	l.decision(time.Unix(0, 0), "milter", &d, s, "queue_id="+long, 0)
	l.end("")
	if n := len(l.buf); n > 6*maxField+500 {
		t.Errorf("the line has %d bytes", n)
	}
	if got := fields(t, string(l.buf))["helo"]; got != long[:maxField] {
		t.Errorf("helo has %d bytes", len(got))
	}
}
