package policyd

import (
	"hash/maphash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// instances remembers the latest instance of each smtpd process, of so many
// processes as were heard of last. Processes stand for their hash: should two have
// the same, each ends the other's instances.
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

// process is the hash of the process that an instance's name tells of: of its id,
// and of its host's address, for one service may be asked by several hosts.
func (t *instances) process(host, name string) uint64 {
	var room [80]byte
	b := append(append(room[:0], host...), 0)
	return maphash.Bytes(t.seed, append(b, processOf(name)...))
}

// find returns the instance of a process, a new one if there is none, and that
// which had to make room for it, nil if none had. Others may hold either.
func (t *instances) find(process uint64) (in, over *instance) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in, ok := t.latest.Get(process)
	if ok {
		return in, nil
	}
	if t.latest.Len() == t.size {
		_, over, _ = t.latest.RemoveOldest()
	}
	in = &instance{}
	t.latest.Add(process, in)
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
