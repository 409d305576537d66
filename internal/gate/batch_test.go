package gate

import (
	"errors"
	"strings"
	"testing"
)

// script is a log of which each write ends as the next step says: one that fails has
// taken some octets.
type script struct {
	steps []error
	take  int // octets that a failing write takes
	done  chan string
}

func (s *script) Write(p []byte) (int, error) {
	err := s.steps[0]
	if len(s.steps) > 1 { // the last one stays
		s.steps = s.steps[1:]
	}
	n := len(p)
	if err != nil && !errors.As(err, new(LostLines)) {
		n = min(s.take, n)
	}
	s.done <- string(p[:n])
	return n, err
}

// TestFailingLog shows that lines which could not be written are counted, and that
// the log is told of them as soon as it is back.
func TestFailingLog(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, test := range map[string]struct {
		steps []error
		take  int
		lines []string // one a write
		want  string   // that were taken
		end   string   // the error of Close
	}{
		"it comes back":              {[]error{broken, broken, nil, nil}, 0, []string{"a\n", "b\n", "c\n", "d\n"}, "c\nmsg=lost lines=2\nd\n", ""},
		"a line is cut":              {[]error{broken, nil}, 3, []string{"a\nb\n", "c\n"}, "a\nbc\nmsg=lost lines=1\n", ""},
		"its own line is lost":       {[]error{broken, broken, nil}, 2, []string{"aa\n", "b\n", "c\n"}, "aab\nc\nmsg=lost lines=1\n", ""},
		"it takes some lines":        {[]error{LostLines(1), nil}, 0, []string{"a\nb\n", "c\n"}, "a\nb\nc\nmsg=lost lines=1\n", ""},
		"it does not come back":      {[]error{broken, broken}, 0, []string{"a\nb\n", "c\n"}, "", "3 lines are lost"},
		"nothing is told of no loss": {[]error{nil, nil}, 0, []string{"a\n", "b\n"}, "a\nb\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{steps: test.steps, take: test.take, done: make(chan string, 1)}
			b := NewBatch(s, lostLine)
			var taken strings.Builder
			for _, line := range test.lines {
				b.Add([]byte(line))
				taken.WriteString(<-s.done)
			}
			end := ""
			if err := b.Close(); err != nil {
				end = err.Error()
			}
			if taken.String() != test.want || end != test.end {
				t.Errorf("the log is %q, the end %q; want %q and %q", taken.String(), end, test.want, test.end)
			}
		})
	}
}
