package policyd

import (
	"testing"
	"time"
)

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

// TestInstancesOfHosts checks that processes of two hosts may have one id.
func TestInstancesOfHosts(t *testing.T) {
	room := newInstances(2)
	steps := []struct {
		host, name string
		same       int // the step that gave the same instance, or this one
		over       int // the step whose instance makes room, or -1
	}{
		{"192.0.2.1", "1a.1", 0, -1},
		{"192.0.2.2", "1a.1", 1, -1},
		{"192.0.2.2", "1a.2", 1, -1},
		{"192.0.2.1", "1a.1", 0, -1},
		{"", "1a.1", 4, 1}, // the one heard of longest ago makes room
		{"192.0.2.2", "1a.2", 5, 0},
	}
	began := map[*instance]int{nil: -1} // the step that gave each first
	for i, s := range steps {
		in, over := room.find(room.process(s.host, s.name))
		if _, ok := began[in]; !ok {
			began[in] = i
		}
		if began[in] != s.same || began[over] != s.over {
			t.Errorf("step %d: the instance of step %d, and that of step %d makes room; want %d and %d", i, began[in], began[over], s.same, s.over)
		}
	}
}

func TestDeadline(t *testing.T) {
	var d deadline
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i, s := range []struct {
		after, bound time.Duration // since the step before; seconds
		due          bool
		left         time.Duration
	}{
		{0, 160, true, 160},
		{0, 160, false, 160},
		{10, 160, false, 150},
		{1, 160, true, 160},
		{0, 32, true, 32},   // a shorter bound
		{2, 32, false, 30},  //
		{0, 160, true, 160}, // a longer one
		{500, 160, true, 160},
	} {
		now = now.Add(s.after * time.Second)
		at, due := d.renew(now, s.bound*time.Second)
		if left := at.Sub(now); due != s.due || left != s.left*time.Second {
			t.Errorf("step %d: %v left, due %v", i, left, due)
		}
	}
}

// TestTakeBack shows that what nobody was left to hear is given to who asks again,
// in the order in which it was due.
func TestTakeBack(t *testing.T) {
	a := answer{hold: "HOLD x", tag: "PREPEND Tag: x", results: "PREPEND Results: x", rank: 1}
	want := []string{a.hold, a.tag, a.results, dunno}
	for lost := range want[:3] {
		var in instance
		in.follow(&a, stageRcpt)
		for i, action := range want {
			got, _ := in.act(&a, stageRcpt)
			if got != action {
				t.Errorf("answer %d is %q, want %q", i, got, action)
			}
			if i != lost {
				continue
			}
			in.takeBack(got)
			if again, _ := in.act(&a, stageRcpt); again != got {
				t.Errorf("after %q was lost comes %q", got, again)
			}
		}
	}
}
