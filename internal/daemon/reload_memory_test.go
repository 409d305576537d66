package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tlswarden/internal/gate"
	"tlswarden/policyd"
	"tlswarden/rules"
	"tlswarden/rules/rulefile"
)

// policyOf loads rules that defer mail to the members of a long list, and counts
// the policies of them that the collector has not freed.
func policyOf(t *testing.T, n int, alive *atomic.Int32) *rules.Policy {
	t.Helper()
	var members strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&members, "\"m%d@d%d.example.com\", ", i, n)
	}
	text := "[list]\nmembers = [" + members.String() + "]\n[[rule]]\nname = \"r\"\nwhen = { recipient = \"@members\" }\naction = \"defer\"\n"
	res := rulefile.Load([]rulefile.Source{{Name: "t.toml", Data: []byte(text)}}, rulefile.Options{})
	if res.Policy == nil {
		t.Fatal(res.Found)
	}
	alive.Add(1)
	list := res.Policy.Rules()
	runtime.AddCleanup(list[len(list)-1], func(c *atomic.Int32) { c.Add(-1) }, alive)
	return res.Policy
}

// TestReloadsFreePolicies shows that the policies of many reloads are not kept by
// the smtpd processes that asked once under each: beside the policy in place there
// are the two before it, and that of a milter connection.
func TestReloadsFreePolicies(t *testing.T) {
	const reloads, processes, most = 20, 10, 4
	decisions := gate.NewBatch(io.Discard, func(uint64) []byte { return nil })
	defer decisions.Close()
	g := gate.New(gate.Config{Log: slog.New(slog.DiscardHandler), Decisions: decisions})
	s := policyd.New(policyd.Config{Gate: policyGate{g}, Log: slog.New(slog.DiscardHandler)})
	r := &running{t: t, dir: t.TempDir()}
	ln, err := net.Listen("unix", filepath.Join(r.dir, "policy"))
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln, policyd.Postfix{})
	defer s.Shutdown(context.Background())
	var alive atomic.Int32
	var milter *gate.Transaction
	for n := range reloads {
		g.SetPolicy(policyOf(t, n, &alive))
		if n == 0 {
			milter = g.Open(gate.Milter)
		}
		for i := range processes {
			if got := r.ask(1 + n*processes + i); got != "action=DUNNO" {
				t.Fatal(got)
			}
		}
	}
	for i := 0; i < 500 && alive.Load() > most; i++ {
		runtime.GC() // cleanups run some time after it
		time.Sleep(10 * time.Millisecond)
	}
	if alive.Load() > most {
		t.Errorf("%d policies are alive after %d reloads, want at most %d", alive.Load(), reloads, most)
	}
	milter.Close()
}
