package policyd

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// process names an smtpd process: by its id, and by its host's address, for one
// service may be asked by several hosts.
type process struct{ host, pid string }

// instances remembers the latest instance of each process, of so many processes
// as were heard of last. Processes stand for their hash: should two have the same,
// each ends the other's instances.
type instances struct {
	mu     sync.Mutex
	seed   maphash.Seed
	latest *simplelru.LRU[uint64, *instance]
	size   int
}

// newInstances returns room for a positive number of instances.
func newInstances(size int) *instances {
	latest, _ := simplelru.NewLRU[uint64, *instance](size, nil) // fails only for a size below 1
	return &instances{seed: maphash.MakeSeed(), latest: latest, size: size}
}

// find finds the latest instance of the process that a name tells of. If the
// process is a new one, that has no name yet, and if over is not nil, another
// process was forgotten, whose instance is over.
func (t *instances) find(host, name string) (in, over *instance) {
	p := maphash.Comparable(t.seed, process{host, processOf(name)})
	t.mu.Lock()
	defer t.mu.Unlock()
	if in, ok := t.latest.Get(p); ok {
		return in, nil
	}
	if t.latest.Len() >= t.size {
		_, over, _ = t.latest.RemoveOldest()
	}
	in = &instance{}
	t.latest.Add(p, in)
	return in, over
}

// removeOldest takes away the instance whose process was heard of longest ago,
// nil if there is none.
func (t *instances) removeOldest() *instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, in, _ := t.latest.RemoveOldest()
	return in
}
