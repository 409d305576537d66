package pluginhost

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// TestNothingLeaks shows that restarts leave neither goroutines nor descriptors
// behind, where the plugin is killed and where it does not start.
func TestNothingLeaks(t *testing.T) {
	held := func() (goroutines, descriptors int) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return runtime.NumGoroutine(), len(open)
	}
	goroutines, descriptors := held()
	r := started(t, config(t))
	for range 10 {
		pid := r.pid()
		kill(t, pid, syscall.SIGKILL)
		eventually(t, "another process answers", func() bool { return r.pid() != 0 && r.pid() != pid })
	}
	r.Close()
	loop := newRig(t, config(t, "early"), brisk(), nil)
	eventually(t, "it has been started often", func() bool { return loop.health().Restarts > 10 })
	loop.Close()
	eventually(t, "all is as it was", func() bool {
		g, d := held()
		return g <= goroutines+2 && d <= descriptors+2
	})
}
