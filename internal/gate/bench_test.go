package gate

import (
	"io"
	"testing"
)

// BenchmarkDecide is a decision with its log line. The floor beside it is the
// policy alone.
func BenchmarkDecide(b *testing.B) {
	g := New(Config{Decisions: NewBatch(io.Discard, lostLine)})
	g.SetPolicy(load(b, everyone))
	s := session("TLSv1.3")
	b.Run("gate", func(b *testing.B) {
		b.ReportAllocs()
		tx := g.Open("policy")
		for b.Loop() {
			tx.Begin()
			if _, err := tx.Decide(s, 0, "pid=1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.Policy().Decide(s, 0, "id")
		}
	})
}
