package pluginhost

import (
	"strconv"
	"testing"

	"tlswarden/plugins/proto"
	"tlswarden/rules"
)

// benchFields are the fields of one plugin that the rules look at: one fact, as in
// most rules.
func benchFields(r *rig) []*rules.Field { return []*rules.Field{r.fields["echo"]} }

// BenchmarkCached is a question that the cache answers. Its floor is to set the same
// fact in the session without one.
func BenchmarkCached(b *testing.B) {
	r := started(b, config(b))
	s, wanted := sessionOf("example.org"), benchFields(r)
	s.SetClient(client)
	r.Ask(b.Context(), r.policy, s, wanted)
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.SetSupplied(wanted[0], "example.org"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ask", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.ForgetSupplied()
			r.Ask(b.Context(), r.policy, s, wanted)
		}
		if _, ok := wanted[0].Read(s); !ok {
			b.Error("no answer")
		}
	})
}

// BenchmarkUncached is a question that the plugin answers, which takes no time of
// its own. Its floor is the call of gRPC over the same socket.
func BenchmarkUncached(b *testing.B) {
	for _, mtls := range []bool{true, false} {
		c := config(b)
		c.MTLS = mtls
		r := started(b, c)
		name := "mtls"
		if !mtls {
			name = "plain"
		}
		b.Run(name+"/floor", func(b *testing.B) {
			b.ReportAllocs()
			in := r.order[0].current.Load()
			request := &proto.LookupRequest{Facts: map[string]*proto.Value{"sender_domain": {Kind: &proto.Value_Text{Text: "example.org"}}}}
			for b.Loop() {
				if _, err := in.calls.Lookup(b.Context(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/ask", func(b *testing.B) {
			b.ReportAllocs()
			wanted := benchFields(r)
			i := 0
			for b.Loop() {
				i++
				s := sessionOf(strconv.Itoa(i) + ".example.org")
				r.Ask(b.Context(), r.policy, s, wanted)
				if _, ok := wanted[0].Read(s); !ok {
					b.Fatal("no answer")
				}
			}
		})
	}
}
