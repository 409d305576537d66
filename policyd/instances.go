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
// and of its host's address, for one service may be asked by several hosts. It is
// never 0.
func (t *instances) process(host, name string) uint64 {
	var room [80]byte
	b := append(append(room[:0], host...), 0)
	return maphash.Bytes(t.seed, append(b, processOf(name)...)) | 1
}

// find finds the instance of a process. If there is none, it gives room for it: a
// new one, or that of the process that was heard of longest ago.
//
// Others may hold the instance, or take it away, until the caller has its lock: so
// it is to be asked then whose it is.
func (t *instances) find(process uint64) *instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	in, ok := t.latest.Get(process)
	if ok {
		return in
	}
	if t.latest.Len() < t.size {
		in = &instance{}
	} else {
		_, in, _ = t.latest.RemoveOldest()
	}
	in.process.Store(process)
	t.latest.Add(process, in)
	return in
}

// removeOldest takes away the instance whose process was heard of longest ago,
// nil if there is none.
func (t *instances) removeOldest() *instance {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, in, ok := t.latest.RemoveOldest()
	if ok {
		in.process.Store(0)
	}
	return in
}
