package policyd

import "testing"

// TestAnswersAreBounded checks that an instance keeps the latest answers.
func TestAnswersAreBounded(t *testing.T) {
	const more = maxAnswers + 10
	var in instance
	for q := range uint64(maxAnswers + more) {
		in.remember(answer{question: q, final: itoa(int(q))})
		if a := in.recall(q); a == nil || a.final != itoa(int(q)) {
			t.Fatalf("answer %d is %+v", q, a)
		}
	}
	if len(in.answers) != maxAnswers {
		t.Errorf("%d answers", len(in.answers))
	}
	for q := range uint64(maxAnswers + more) {
		if kept := in.recall(q) != nil; kept != (q >= more) {
			t.Errorf("answer %d: kept %v", q, kept)
		}
	}
}

func TestSameProcess(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"1a.2.3.4", "1a.3.4.5", true},
		{"1a.2.3.4", "1b.2.3.4", false},
		{"1a.2", "1a", true},
		{"1a.2", "1ab.2", false},
	}
	for _, c := range cases {
		if got := sameProcess(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %v", c.a, c.b, got)
		}
	}
}
