package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
)

// What is kept between requests is little, and what a request needs is gone with
// it: the usual collector would run many times a second for a few megabytes. It
// may let garbage grow to four times of what is kept, and within bounds that hold
// for a thousand connections; beyond them it runs as often as it has to.
const (
	garbage   = 400      // percent, see runtime/debug.SetGCPercent
	usualRoom = 64 << 20 // bytes, see runtime/debug.SetMemoryLimit
)

// makeRoom sets the bounds of the collector for the rules that are in place now,
// unless the environment sets them (GOGC, GOMEMLIMIT). Large lists need more than
// is usual, or the collector would never rest.
func makeRoom() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(max(usualRoom, 2*int64(m.HeapAlloc)+usualRoom/2))
}
