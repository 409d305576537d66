package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// The ports that tests get, in turn, from one that differs from run to run.
const lowestPort, ports = 20000, 12000

var (
	firstTurn = rand.IntN(ports)
	turns     atomic.Int32
)

// FreeAddress finds a free TCP port of host. Nobody takes it before a server listens
// on it: the kernel gives outgoing connections higher ones, and the tests that run
// beside get others, as none comes again in a process before all have come.
func FreeAddress(host string) (string, error) {
	for range ports {
		address := net.JoinHostPort(host, strconv.Itoa(lowestPort+(firstTurn+int(turns.Add(1)))%ports))
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("no free port on %s", host)
}
