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

func TestProcessOf(t *testing.T) {
	for name, want := range map[string]string{"1a.2.3.4": "1a", "1a": "1a", "": "", ".1": ""} {
		if got := processOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
