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

// BenchmarkMerged is a recipient about whom both front ends are asked. The floor
// is that each decides for itself.
func BenchmarkMerged(b *testing.B) {
	for _, merge := range []bool{true, false} {
		name := "floor"
		if merge {
			name = "merged"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			g := New(Config{Decisions: NewBatch(io.Discard, lostLine), Merge: merge})
			g.SetPolicy(load(b, everyone))
			m, p := seen("TLSv1.3"), seen("TLSv1.3")
			milter := g.Open(Milter)
			for b.Loop() {
				policy := g.Open(Policy)
				milter.BeginLive(m)
				if _, err := policy.Decide(p, 0, "pid=1"); err != nil {
					b.Fatal(err)
				}
				if _, err := milter.Decide(m, 0, "queue_id=1"); err != nil {
					b.Fatal(err)
				}
				milter.End("")
				policy.Close()
			}
		})
	}
}

// BenchmarkSupply is what the gate itself adds to a session.
func BenchmarkSupply(b *testing.B) {
	g := New(Config{})
	s := session("TLSv1.3")
	now := g.now()
	b.ReportAllocs()
	for b.Loop() {
		g.supply(s, now)
	}
}
